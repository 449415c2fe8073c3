"""A little OpenID provider for tests, over real HTTP with real signatures: discovery, authorization with PKCE, token, keys.

Whoever comes to `/authorize` is signed in as `claims` says. It can be made to misbehave, one way at a time.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from typing import Any
from urllib.parse import parse_qs, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "gateway", "a secret of the client"
FIRST_KEY = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}, private=True)


class IdentityProvider:
    """`start`, then `stop`. `issuer` is its URL."""

    def __init__(self, redirect_uri: str) -> None:
        self.redirect_uri = redirect_uri
        self.claims: dict[str, Any] = {}
        self.changed: dict[str, Any] = {}
        """Claims of the ID token that are given another value; None leaves one out."""
        self.error: str | None = None
        self.signing_key: Any = None
        """Signs in place of the published key."""
        self.algorithm = "RS256"
        self.key = FIRST_KEY
        self.asked: list[dict[str, str]] = []
        self._codes: dict[str, dict[str, str]] = {}
        routes = [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
            Route("/keys", self._keys),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), host="127.0.0.1", port=0, log_config=None, lifespan="off"
        )
        self._server = uvicorn.Server(config)
        self._server.capture_signals = lambda: __import__("contextlib").nullcontext()  # type: ignore[method-assign]
        self._task: asyncio.Task[None] | None = None
        self.issuer = ""

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve())
        while not self._server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.issuer = f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        self._server.should_exit = True
        assert self._task is not None
        await self._task

    def change_keys(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "2", "use": "sig"}, private=True)

    async def _discovery(self, request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": self.issuer + "/authorize",
                "token_endpoint": self.issuer + "/token",
                "jwks_uri": self.issuer + "/keys",
            }
        )

    async def _keys(self, request: Request) -> Response:
        return JSONResponse(KeySet([self.key]).as_dict(private=False))

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        self.asked.append(asked)
        if (asked["client_id"], asked["redirect_uri"], asked["response_type"]) != (
            CLIENT,
            self.redirect_uri,
            "code",
        ):
            return Response("unknown client", 400)
        if asked.get("code_challenge_method") != "S256" or "openid" not in asked["scope"].split():
            return Response("PKCE and openid are required", 400)
        if self.error:
            return RedirectResponse(
                f"{self.redirect_uri}?{urlencode({'error': self.error, 'state': asked['state']})}"
            )
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return RedirectResponse(f"{self.redirect_uri}?{urlencode({'code': code, 'state': asked['state']})}")

    async def _token(self, request: Request) -> Response:
        basic = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") != basic:
            return JSONResponse({"error": "invalid_client"}, 401)
        given = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        asked = self._codes.pop(given.get("code", ""), None)
        challenge = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        if (
            asked is None
            or given.get("redirect_uri") != self.redirect_uri
            or base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() != asked["code_challenge"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "s-1",
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
        }
        claims |= self.claims
        claims = {name: value for name, value in {**claims, **self.changed}.items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid}
        if isinstance(self.signing_key, bytes):
            token = by_hand(header, claims, self.signing_key)
        else:
            token = jwt.encode(header, claims, self.signing_key or self.key, algorithms=[self.algorithm])
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": token})


def by_hand(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """A token that no honest library makes: HMAC with whatever key; no signature where that is empty."""

    def coded(part: bytes) -> str:
        return base64.urlsafe_b64encode(part).rstrip(b"=").decode()

    signed = ".".join(coded(json.dumps(part).encode()) for part in (header, claims))
    signature = hmac.digest(secret, signed.encode(), "sha256") if secret else b""
    return f"{signed}.{coded(signature)}"
