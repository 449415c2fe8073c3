"""What a final response on one leg becomes on the other (RFC 3261 §21), and what a call shows of itself."""

from __future__ import annotations

from typing import Any

PASSED_ON = frozenset(
    {404, 408, 410, 413, 480, 484, 486, 488, 500, 501, 502, 503, 504, 513, 600, 603, 604, 606}
)
"""Responses that mean the same to the caller as they did to us."""
RINGING_CODES = frozenset({180, 181, 182, 183})
UNAVAILABLE = 480
"""Rung, and nobody answered."""


def carried_back(code: int) -> int:
    """The response for the calling leg when the called leg was refused with `code`.

    Ours alone, and so changed: redirections and conditional responses are 480, a challenge that we could not
    meet is 502, unsupported media is 488.
    """
    if code in PASSED_ON:
        return code
    if code in (401, 407):
        return 502
    if code == 415:
        return 488
    if 500 <= code < 600:
        return 500
    if 600 <= code < 700:
        return 603
    return UNAVAILABLE


def masked(number: str) -> str:
    """A number with all but its last three characters hidden; nothing of one that short."""
    return "*" * (len(number) - 3) + number[-3:] if len(number) > 3 else "*" * len(number)


def advisor_facts(advisor: Any | None, extension: str) -> dict[str, str]:
    """The advisor in a snapshot; one who is not configured shows by what was dialled."""
    if advisor is None:
        return {"id": "", "name": "", "extension": extension, "team": ""}
    return {"id": advisor.id, "name": advisor.name, "extension": advisor.extension, "team": advisor.team}
