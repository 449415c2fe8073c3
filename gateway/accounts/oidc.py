"""Signing in by an identity provider: OpenID Connect Core 1.0 §3.1, the code flow with PKCE (RFC 7636).

`begin` sends the browser there; `finish` takes what it brings back: the code is exchanged for an ID token,
and that is believed only with a signature by one of the provider's keys and with issuer, audience, time and
nonce as they must be. What was begun is kept in memory for `BEGUN_S`: the browser must come back to the same
gateway.
"""

from __future__ import annotations

import json
import secrets
import time
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.deprecate import AuthlibDeprecationWarning
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from gateway.accounts.claims import user_of
from gateway.config.model import Oidc
from gateway.core.errors import BadCredentials, Unavailable
from gateway.core.permissions import User
from gateway.log import get_logger

with warnings.catch_warnings():
    # Authlib tells whoever imports it that it will want another HTTP client one day: nothing for an admin.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.httpx_client import AsyncOAuth2Client

log = get_logger(__name__)

BEGUN_S = 600.0
BEGUN = 1000
"""Sign-ins that are under way; of more the oldest is forgotten."""
TIMEOUT_S = 10.0
METADATA_S = 3600.0
LEEWAY_S = 60
"""By how much the provider's clock may differ [s]."""
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
"""Public keys alone: never `none`, and no HMAC, whose key we would share."""


@dataclass(frozen=True, slots=True)
class _Begun:
    nonce: str
    verifier: str
    until_s: float


class Provider:
    """Loop's thread only. `secret`: the client's; None for a public client."""

    def __init__(
        self, settings: Oidc, secret: str | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._clock = clock
        self._begun: OrderedDict[str, _Begun] = OrderedDict()
        self._metadata: dict[str, Any] = {}
        self._metadata_until_s = 0.0
        self._keys: KeySet | None = None

    async def begin(self) -> tuple[str, str]:
        """(where to send the browser, the state that it must come back with). Raises `Unavailable`."""
        metadata = await self._discovered()
        state, begun = secrets.token_urlsafe(32), self._new()
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"],
                state=state,
                nonce=begun.nonce,
                code_verifier=begun.verifier,
            )
        self._begun[state] = begun
        while len(self._begun) > BEGUN:
            self._begun.popitem(last=False)
        return str(url), state

    async def finish(self, state: str, code: str) -> tuple[User, str]:
        """Whom the provider vouches for, and its own name for them. A state is good once.

        Raises `BadCredentials` for anything that is not as it must be, `Unavailable` for a provider that is
        down.
        """
        begun = self._begun.pop(state, None)
        if begun is None or begun.until_s < self._clock():
            raise BadCredentials("this sign-in was not begun here, or too long ago: please begin again")
        metadata = await self._discovered()
        try:
            async with self._client() as client:
                token = await client.fetch_token(
                    metadata["token_endpoint"], code=code, code_verifier=begun.verifier
                )
        except httpx.HTTPError as error:
            raise _down(error) from None
        except (AuthlibBaseError, ValueError) as error:
            log.warning("oidc.refused", why=str(error))
            raise BadCredentials("the identity provider did not take the code") from None
        claims = await self._claims(str(token.get("id_token") or ""), begun.nonce)
        return user_of(claims, self._settings), f"{self._settings.issuer} {claims['sub']}"

    def _new(self) -> _Begun:
        return _Begun(secrets.token_urlsafe(32), secrets.token_urlsafe(48), self._clock() + BEGUN_S)

    def _client(self) -> AsyncOAuth2Client:
        settings = self._settings
        return AsyncOAuth2Client(
            settings.client_id,
            self._secret,
            token_endpoint_auth_method="client_secret_basic" if self._secret else "none",
            scope=" ".join(settings.scopes),
            redirect_uri=settings.redirect_uri,
            code_challenge_method="S256",
            timeout=TIMEOUT_S,
        )

    async def _claims(self, id_token: str, nonce: str) -> Mapping[str, Any]:
        """The token's claims, all of it checked (OpenID Connect Core 1.0 §3.1.3.7)."""
        rules = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": self._settings.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            return self._checked(id_token, self._keys or await self._fetched_keys(), rules)
        except (JoseError, ValueError):
            pass  # The provider may have other keys than when we last asked: once more with today's.
        try:
            return self._checked(id_token, await self._fetched_keys(), rules)
        except (JoseError, ValueError) as error:
            log.warning("oidc.refused", why=f"{type(error).__name__}: {error}")
            raise BadCredentials("the identity provider's word cannot be believed") from None

    def _checked(self, id_token: str, keys: KeySet, rules: jwt.JWTClaimsRegistry) -> Mapping[str, Any]:
        """Raises JoseError or ValueError."""
        claims = jwt.decode(id_token, keys, algorithms=ALGORITHMS).claims
        rules.validate(claims)
        if claims.get("azp") not in (None, self._settings.client_id):
            raise ValueError("azp is another client")
        return claims

    async def _discovered(self) -> dict[str, Any]:
        """The provider's own description (OpenID Connect Discovery 1.0 §4)."""
        if self._clock() > self._metadata_until_s:
            found = await self._get(self._settings.issuer.rstrip("/") + "/.well-known/openid-configuration")
            if found.get("issuer") != self._settings.issuer:
                log.error("oidc.another_issuer", expected=self._settings.issuer, found=found.get("issuer"))
                raise Unavailable("the identity provider calls itself by another name")
            self._metadata, self._metadata_until_s = found, self._clock() + METADATA_S
        return self._metadata

    async def _fetched_keys(self) -> KeySet:
        metadata = await self._discovered()
        try:
            self._keys = KeySet.import_key_set(await self._get(metadata["jwks_uri"]))  # type: ignore[arg-type]
        except (JoseError, KeyError, ValueError) as error:
            log.error("oidc.keys", why=str(error))
            raise Unavailable("the identity provider's keys cannot be read") from None
        return self._keys

    async def _get(self, url: str) -> dict[str, Any]:
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
                answer = await client.get(url)
                answer.raise_for_status()
                found = answer.json()
        except (httpx.HTTPError, json.JSONDecodeError) as error:
            raise _down(error) from None
        if not isinstance(found, dict):
            raise Unavailable("the identity provider does not answer as it should")
        return found


def _down(error: Exception) -> Unavailable:
    log.warning("oidc.unavailable", why=f"{type(error).__name__}: {error}")
    return Unavailable("the identity provider does not answer")
