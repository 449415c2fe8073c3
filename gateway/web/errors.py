"""Refusals in plain words: HTTP status or WebSocket close code, `error` and `hint`."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.errors import (
    BadCredentials,
    GatewayError,
    NoRoute,
    NotPermitted,
    Overloaded,
    Refused,
    TooManyAttempts,
    Unavailable,
)

UNAUTHENTICATED = 401
UNPROCESSABLE = 422


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a tool is told."""

    status: int
    """HTTP status; a WebSocket closes with 4000 + status (4401, 4403, 4404, ...)."""
    error: str
    hint: str
    retry_after_s: int | None = None

    @property
    def close_code(self) -> int:
        """RFC 6455 §7.4.2: 4000-4999 are for private use."""
        return 4000 + self.status

    def body(self) -> dict[str, str]:
        return {"error": self.error, "hint": self.hint}

    def headers(self) -> dict[str, str]:
        """What goes with it (RFC 6750 §3, RFC 9110 §10.2.3)."""
        found = {"WWW-Authenticate": "Bearer"} if self.status == UNAUTHENTICATED else {}
        if self.retry_after_s is not None:
            found["Retry-After"] = str(self.retry_after_s)
        return found


NO_TOKEN = Refusal(
    UNAUTHENTICATED,
    "no token given",
    "send Authorization: Bearer TOKEN, or for a WebSocket the subprotocol bearer.TOKEN or ?token=TOKEN",
)
BAD_TOKEN = Refusal(UNAUTHENTICATED, "unknown token", "ask the telephony admin for your token")

BAD_SESSION = Refusal(UNAUTHENTICATED, "signed out", "sign in again: the session is over, or was ended")
NO_CSRF = Refusal(403, "the X-CSRF-Token is missing or wrong", "GET /api/session tells it as csrf")
BAD_ORIGIN = Refusal(403, "a page from elsewhere asks in your name", "use the gateway's own console")

_BY_TYPE: tuple[tuple[type[Exception], int, str], ...] = (
    (NotPermitted, 403, "ask the telephony admin for the role or team that this needs"),
    (NoRoute, 404, "GET /api/calls and GET /api/alerts list what there is"),
    (BadCredentials, UNAUTHENTICATED, "ask an admin for `gateway user password`"),
    (TooManyAttempts, 429, "wait; a browser that you have signed in with before need not"),
    (Unavailable, 503, "the gateway's admin finds the reason in its log; calls go on"),
    (Overloaded, 503, "try again shortly"),
    (GatewayError, 409, "the request does not fit the state that the call or alert is in now"),
    (ValueError, UNPROCESSABLE, "docs/api.md describes what may be sent"),
)


def refusal_for(error: Exception) -> Refusal | None:
    """What to tell for an exception of the call logic; None: it is none of those, but a fault of ours."""
    for kind, status, hint in _BY_TYPE:
        if isinstance(error, kind):
            wait_s = error.retry_after_s if isinstance(error, Refused) else None
            return Refusal(status, str(error), hint, wait_s)
    return None


def close_reason(text: str) -> str:
    """Cut to what a close frame holds: 123 bytes of UTF-8 (RFC 6455 §5.5)."""
    return text.encode()[:123].decode(errors="ignore")
