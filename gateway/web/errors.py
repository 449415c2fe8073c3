"""Refusals in plain words: HTTP status or WebSocket close code, `error` and `hint`."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.errors import GatewayError, NoRoute, NotPermitted, Overloaded

UNAUTHENTICATED = 401
UNPROCESSABLE = 422


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a tool is told."""

    status: int
    """HTTP status; a WebSocket closes with 4000 + status (4401, 4403, 4404, ...)."""
    error: str
    hint: str

    @property
    def close_code(self) -> int:
        """RFC 6455 §7.4.2: 4000-4999 are for private use."""
        return 4000 + self.status

    def body(self) -> dict[str, str]:
        return {"error": self.error, "hint": self.hint}


NO_TOKEN = Refusal(
    UNAUTHENTICATED,
    "no token given",
    "send Authorization: Bearer TOKEN, or for a WebSocket the subprotocol bearer.TOKEN or ?token=TOKEN",
)
BAD_TOKEN = Refusal(UNAUTHENTICATED, "unknown token", "ask the telephony admin for your token")

_BY_TYPE: tuple[tuple[type[Exception], int, str], ...] = (
    (NotPermitted, 403, "ask the telephony admin for the role or team that this needs"),
    (NoRoute, 404, "GET /api/calls and GET /api/alerts list what there is"),
    (Overloaded, 503, "try again shortly"),
    (GatewayError, 409, "the request does not fit the state that the call or alert is in now"),
    (ValueError, UNPROCESSABLE, "docs/api.md describes what may be sent"),
)


def refusal_for(error: Exception) -> Refusal | None:
    """What to tell for an exception of the call logic; None: it is none of those, but a fault of ours."""
    for kind, status, hint in _BY_TYPE:
        if isinstance(error, kind):
            return Refusal(status, str(error), hint)
    return None


def close_reason(text: str) -> str:
    """Cut to what a close frame holds: 123 bytes of UTF-8 (RFC 6455 §5.5)."""
    return text.encode()[:123].decode(errors="ignore")
