"""The states of a call at one phone, and which may follow which."""

from __future__ import annotations

import enum
from typing import NamedTuple

from .errors import IllegalMove


class CallState(enum.Enum):
    """Outgoing calls begin CALLING, incoming ones INCOMING."""

    CALLING = "calling"
    "INVITE sent; nothing heard, or only 100."
    INCOMING = "incoming"
    "INVITE received, not yet ringing."
    RINGING = "ringing"
    "A provisional response past 100 was received, or sent."
    CANCELLING = "cancelling"
    "Given up by us before an answer; the other end may still answer (RFC 3261 §9.1)."
    ANSWERING = "answering"
    "200 sent, ACK awaited."
    ESTABLISHED = "established"
    ENDING = "ending"
    "BYE sent."
    ENDED = "ended"
    VANISHED = "vanished"
    "Gone without a word: nothing is sent or answered any more."

    @property
    def over(self) -> bool:
        return self in (CallState.ENDED, CallState.VANISHED)


_LAST = {CallState.ENDED, CallState.VANISHED}

FOLLOWING: dict[CallState, set[CallState]] = {
    CallState.CALLING: {CallState.RINGING, CallState.CANCELLING, CallState.ESTABLISHED, *_LAST},
    CallState.INCOMING: {CallState.RINGING, CallState.ANSWERING, *_LAST},
    CallState.RINGING: {
        CallState.RINGING,
        CallState.CANCELLING,
        CallState.ANSWERING,
        CallState.ESTABLISHED,
        *_LAST,
    },
    CallState.CANCELLING: {CallState.ENDING, *_LAST},
    CallState.ANSWERING: {CallState.ESTABLISHED, CallState.ENDING, *_LAST},
    CallState.ESTABLISHED: {CallState.ENDING, *_LAST},
    CallState.ENDING: _LAST,
    CallState.ENDED: set(),
    CallState.VANISHED: set(),
}


def check(before: CallState, after: CallState) -> None:
    """Raise `IllegalMove` unless `after` may follow `before`."""
    if after not in FOLLOWING[before]:
        allowed = ", ".join(sorted(state.value for state in FOLLOWING[before])) or "nothing"
        raise IllegalMove(f"a call that is {before.value} cannot become {after.value}; allowed: {allowed}")


class Ended(NamedTuple):
    """How a call ended."""

    by: str
    '"local", "remote", or "network" where the other end was not heard of again.'
    code: int
    "200 after a BYE, 487 after a CANCEL, the refusal's code, 408 where nothing was heard."
    reason: str
    "The code's words, or the Reason header (RFC 3326) of the BYE or CANCEL."
