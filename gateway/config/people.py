"""Users and advisors, found by what a phone, a browser or a call knows of them.

A SIP identity is only as good as the network it comes from: `identify_by` of the trunks decides who may send
any at all.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from gateway.config.model import Advisor, Config
from gateway.config.secrets import secret
from gateway.core.permissions import User

_URI = re.compile(r"(?:sips?|tel):(?:([^@;?>]*)@)?([^;?>]*)", re.IGNORECASE)


def identity_of(uri: str) -> tuple[str, str]:
    """User and host:port of a SIP URI, with or without display name and angle brackets; ("", "") for anything
    else.

    The user part is percent-decoded, its password and parameters dropped, and the host is in lower case.
    """
    bracketed = uri[uri.rfind("<") + 1 :]
    found = _URI.match(bracketed.strip())
    if not found:
        return "", ""
    user, host = found.groups()
    if user is None:
        return (host, "") if bracketed.lower().startswith("tel:") else ("", host.lower())
    return unquote(user.partition(":")[0]), host.lower()


class Directory:
    """Everyone the configuration names, and those of the store. `environ` holds the configuration's tokens;
    read once, here.
    """

    def __init__(self, config: Config, environ: Mapping[str, str] = os.environ) -> None:
        advisors = [(advisor, advisor.person()) for advisor in config.advisors]
        users = [(entry, entry.person()) for entry in config.users]
        self._by_id = {person.id: person for _, person in (*advisors, *users)}
        self._by_extension = {advisor.extension: advisor for advisor in config.advisors}
        self._by_sip = {_fold(person.sip): person for _, person in (*advisors, *users) if person.sip}
        tokens = [(secret(entry.token_env, environ), person) for entry, person in users]
        tokens += [(secret(advisor.token_env, environ), person) for advisor, person in advisors]
        self._tokens = [(token.encode(), person) for token, person in tokens if token]
        self._stored: dict[str, User] = {}
        self._stored_by_sip: dict[str, User] = {}

    def set_stored(self, people: Iterable[User]) -> None:
        """Who is in the store now, those who are disabled left out. An id or identity of the configuration's
        is the configuration's.
        """
        self._stored = {person.id: person for person in people if person.id not in self._by_id}
        self._stored_by_sip = {_fold(person.sip): person for person in self._stored.values() if person.sip}

    def by_id(self, user_id: str) -> User | None:
        return self._by_id.get(user_id) or self._stored.get(user_id)

    def configured(self, user_id: str) -> User | None:
        """The configuration's user or advisor; None for one who is in the store alone."""
        return self._by_id.get(user_id)

    def by_sip(self, uri: str) -> User | None:
        """Who calls from this URI: `user@host:port`, `user@host`, then `user` alone among the configured
        identities."""
        user, host = identity_of(uri)
        if not user:
            return None
        name = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
        for identity in (f"{user}@{host}", f"{user}@{name}", user):
            if person := self._by_sip.get(identity) or self._stored_by_sip.get(identity):
                return person
        return None

    def by_token(self, token: str) -> User | None:
        """Whose bearer token this is. Takes equally long for every token, right or wrong."""
        given, found = token.encode("utf-8", "surrogatepass"), None
        for known, person in self._tokens:
            if hmac.compare_digest(given, known):
                found = person
        return found

    def advisor(self, extension: str) -> Advisor | None:
        return self._by_extension.get(extension)


def _fold(identity: str) -> str:
    user, at, host = identity.partition("@")
    return f"{user}{at}{host.lower()}"
