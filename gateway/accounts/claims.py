"""Who somebody is by the claims of their ID token: their id, name, roles and teams, as `[web.oidc]` maps
them. Pure.

Only what is mapped counts: a role or team that the provider names and the configuration does not is passed
over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gateway.config.model import Oidc
from gateway.core.errors import BadCredentials
from gateway.core.permissions import User

_NOT_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def user_of(claims: Mapping[str, Any], settings: Oidc) -> User:
    """Raises `BadCredentials` for claims that name nobody, or nobody with a role here."""
    named = claims.get(settings.user_claim) or claims.get("sub")
    user_id = _NOT_A_NAME.sub("-", str(named)).strip("-._")[:64]
    if not user_id:
        raise BadCredentials(f"the identity provider gave no {settings.user_claim}")
    roles = {
        settings.roles[value] for value in _values(claims, settings.roles_claim) if value in settings.roles
    }
    if not roles:
        raise BadCredentials(f"{user_id} has no role here: none of theirs is mapped in [web.oidc] roles")
    teams = {
        settings.teams[value] for value in _values(claims, settings.teams_claim) if value in settings.teams
    }
    name = str(claims.get(settings.name_claim) or user_id)[:200]
    return User(user_id, name, None, frozenset(roles), frozenset(teams or settings.default_teams))


def _values(claims: Mapping[str, Any], path: str) -> list[str]:
    """What stands at a claim: a list, or words in one text. `realm_access.roles` looks inside."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for step in path.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return found.split()
    return [str(value) for value in found] if isinstance(found, list | tuple) else []
