"""Who is asking: the bearer token of a request (RFC 6750) or the session cookie of a browser; and keeping
tokens out of the log.

A cookie goes along with whatever a browser sends, also for a page from elsewhere. So with a cookie a request
that changes something must carry the session's `X-CSRF-Token`, and a WebSocket must come from a page of this
very host.

A browser cannot set headers on a WebSocket, so there the token may also come as a subprotocol `bearer.TOKEN`
or as `?token=TOKEN`.
"""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Callable, Iterable
from typing import Protocol
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from gateway.core.errors import GatewayError
from gateway.core.permissions import User
from gateway.web.errors import BAD_ORIGIN, BAD_SESSION, BAD_TOKEN, NO_CSRF, NO_TOKEN, Refusal, refusal_for

Authenticate = Callable[[str], User | None]
"""Token → its user; None for an unknown token. Must compare in constant time."""

PROTOCOL = "supervision.v1"
"""The subprotocol that is chosen where a browser offers it beside `bearer.TOKEN`, so that the token is not
echoed.
"""
_BEARER = "bearer."
_TOKEN_IN_URL = re.compile(r"((?:\?|&)token=)[^&\s\"]*", re.IGNORECASE)


class Session(Protocol):
    """What a cookie stands for."""

    @property
    def digest(self) -> bytes: ...
    @property
    def user(self) -> User: ...
    @property
    def csrf(self) -> str: ...


class Sessions(Protocol):
    """Implemented by `gateway.accounts.signin.SignIn`."""

    async def find(self, token: str) -> Session | None:
        """None for a cookie that is unknown, past or revoked. Raises `Unavailable`."""

    async def look(self, digest: bytes) -> Session | None: ...


COOKIE = "session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


async def identify(connection: HTTPConnection, authenticate: Authenticate) -> User | Refusal:
    """The user behind a request or WebSocket, or what to refuse it with. A bearer token goes before a cookie.

    The cookie's session is left in `connection.state.session`.
    """
    token = _token(connection)
    if token:
        return authenticate(token) or BAD_TOKEN
    app = connection.scope.get("app")
    sessions: Sessions | None = getattr(app.state, "sessions", None) if app else None
    cookie = connection.cookies.get(COOKIE)
    if not cookie or sessions is None:
        return NO_TOKEN
    try:
        session = await sessions.find(cookie)
    except GatewayError as error:
        refusal = refusal_for(error)
        assert refusal is not None
        return refusal
    if session is None:
        return BAD_SESSION
    if connection.scope["type"] == "websocket":
        if not same_origin(connection):
            return BAD_ORIGIN
    elif connection.scope["method"] not in SAFE_METHODS:
        if not same_origin(connection, missing=True):
            return BAD_ORIGIN
        given = connection.headers.get("x-csrf-token", "")
        if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), session.csrf.encode()):
            return NO_CSRF
    connection.state.session = session
    return session.user


def same_origin(connection: HTTPConnection, *, missing: bool = False) -> bool:
    """Does the page that asks come from this host (RFC 6454)? `missing`: the answer where the browser does
    not say.
    """
    origin = connection.headers.get("origin")
    if origin is None:
        return missing
    try:
        return urlsplit(origin).netloc.lower() == connection.headers.get("host", "").lower() != ""
    except ValueError:
        return False


def _token(connection: HTTPConnection) -> str | None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    if connection.scope["type"] != "websocket":
        return None
    for offered in connection.scope["subprotocols"]:
        if offered.startswith(_BEARER):
            return str(offered[len(_BEARER) :])
    return connection.query_params.get("token")


def choose_subprotocol(offered: Iterable[str]) -> str | None:
    """What to answer: a browser fails the connection unless one of those it offered comes back."""
    offers = list(offered)
    if PROTOCOL in offers:
        return PROTOCOL
    return next((offer for offer in offers if offer.startswith(_BEARER)), None)


class HideTokens(logging.Filter):
    """Strikes tokens out of URLs in log records."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, str):
            record.msg = _TOKEN_IN_URL.sub(r"\1***", record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(
                _TOKEN_IN_URL.sub(r"\1***", value) if isinstance(value, str) else value
                for value in record.args
            )
        return True
