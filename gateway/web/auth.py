"""Who is asking: the bearer token of a request (RFC 6750), and keeping it out of the log.

A browser cannot set headers on a WebSocket, so there the token may also come as a subprotocol `bearer.TOKEN`
or as `?token=TOKEN`.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from collections.abc import Callable, Iterable, Mapping

from starlette.requests import HTTPConnection

from gateway.core.permissions import User
from gateway.web.errors import BAD_TOKEN, NO_TOKEN, Refusal

Authenticate = Callable[[str], User | None]
"""Token → its user; None for an unknown token. Must compare in constant time."""

PROTOCOL = "supervision.v1"
"""The subprotocol that is chosen where a browser offers it beside `bearer.TOKEN`, so that the token is not
echoed.
"""
_BEARER = "bearer."
_TOKEN_IN_URL = re.compile(r"((?:\?|&)token=)[^&\s\"]*", re.IGNORECASE)


class TokenTable:
    """An `Authenticate` for a plain table of tokens."""

    def __init__(self, users: Mapping[str, User]) -> None:
        self._users = [(_digest(token), user) for token, user in users.items()]

    def __call__(self, token: str) -> User | None:
        """Every entry is compared, each in constant time: how long it takes tells nothing."""
        given = _digest(token)
        found = None
        for digest, user in self._users:
            if hmac.compare_digest(digest, given):
                found = user
        return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def identify(connection: HTTPConnection, authenticate: Authenticate) -> User | Refusal:
    """The user behind a request or WebSocket, or what to refuse it with."""
    token = _token(connection)
    if not token:
        return NO_TOKEN
    return authenticate(token) or BAD_TOKEN


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
