"""Is a trunk up? Judged by its answers to OPTIONS (RFC 3261 §11), which every SIP peer has to answer."""

from __future__ import annotations

from dataclasses import dataclass

DOWN_CODES = frozenset({408, 503})
"""408: nothing came in time. 503: it could not be sent, or the peer says itself that it takes no calls
(RFC 3261 §21.5.4)."""


@dataclass(frozen=True, slots=True)
class TrunkHealth:
    up: bool | None = None
    """None: not watched, or the first answer has not come yet."""
    since: str | None = None
    """When it became so, RFC 3339 UTC."""
    why: str | None = None
    """What it was judged by, such as `200 OK`."""


def is_up(code: int) -> bool:
    """Any final response but 408 and 503 shows a peer that is there, be it 404, 405 or a challenge."""
    return code not in DOWN_CODES
