"""`[web]`, `[web.oidc]`: the console's and the API's port, and who vouches for people."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from gateway.config.fields import Bind, EnvName, Ip
from gateway.config.model.section import Section


def _provider_url(text: str) -> str:
    try:
        url = urlsplit(text)
        local = url.hostname in ("127.0.0.1", "::1", "localhost")
        wrong = not url.hostname or url.port == 0
    except ValueError:
        raise ValueError('not a URL; allowed: "https://host/path"') from None
    if wrong or url.query or url.fragment or "@" in url.netloc:
        raise ValueError('allowed: "https://host/path"')
    if url.scheme != "https" and not (url.scheme == "http" and local):
        raise ValueError("allowed: https; plain http only to this machine itself")
    return text


HttpsUrl = Annotated[str, AfterValidator(_provider_url)]


class Oidc(Section):
    """Signing in by an identity provider (OpenID Connect)."""

    issuer: HttpsUrl
    """As the provider's discovery document calls it, to the letter."""
    client_id: Annotated[str, Field(min_length=1, max_length=200)]
    client_secret_env: EnvName | None = None
    """None: a public client, by PKCE alone."""
    public_url: HttpsUrl
    """The gateway as browsers reach it; the provider must allow PUBLIC_URL/api/session/oidc/callback."""
    scopes: tuple[str, ...] = ("openid", "profile")
    user_claim: str = "preferred_username"
    name_claim: str = "name"
    roles_claim: str = "roles"
    """A claim with a list, or with words; `realm_access.roles` looks inside."""
    teams_claim: str = "teams"
    roles: dict[str, str] = Field(min_length=1)
    """Value of the roles claim → role here. Whoever has none is not let in."""
    teams: dict[str, str] = Field(default_factory=dict)
    """Value of the teams claim → team here."""
    default_teams: tuple[str, ...] = ()
    """For those of whom no team is mapped."""

    @property
    def redirect_uri(self) -> str:
        return self.public_url.rstrip("/") + "/api/session/oidc/callback"


class Web(Section):
    bind: Bind = ("127.0.0.1", 8080)
    """HTTP and WebSocket; port 0 lets the system choose (tests)."""
    trusted_proxies: tuple[Ip, ...] = ()
    """Proxies whose X-Forwarded-For and X-Forwarded-Proto tell who asks and by which scheme."""
    oidc: Oidc | None = None
