"""One leg: a SIP dialog with its media, as the call sees it. Two axes: the dialog, and the offer that is
under way on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gateway.core.errors import GatewayError
from gateway.core.model import Direction, LegId, LegMedia, Role
from gateway.core.offeranswer import LegSession


class LegState(Enum):
    """The dialog (RFC 3261 §12, §13)."""

    OFFERED = "offered"
    """They called; no final response from us yet."""
    ANSWERED = "answered"
    """We sent 200 and wait for the ACK."""
    INVITED = "invited"
    """We called; no final response from them yet."""
    CONFIRMED = "confirmed"
    ENDING = "ending"
    """We hung up and wait for the dialog's end."""
    ENDED = "ended"


class Offering(Enum):
    """The offer under way after the first one (RFC 3264 §8)."""

    NONE = "none"
    OURS = "ours"
    """We sent a re-INVITE."""
    THEIRS = "theirs"
    """They sent one and we have not answered yet."""
    IN_ANSWER = "in answer"
    """They asked for our offer, and their answer is to come with the ACK."""


_ALLOWED = {
    LegState.OFFERED: {LegState.ANSWERED, LegState.ENDING, LegState.ENDED},
    LegState.ANSWERED: {LegState.CONFIRMED, LegState.ENDING, LegState.ENDED},
    LegState.INVITED: {LegState.CONFIRMED, LegState.ENDING, LegState.ENDED},
    LegState.CONFIRMED: {LegState.ENDING, LegState.ENDED},
    LegState.ENDING: {LegState.ENDED},
    LegState.ENDED: set[LegState](),
}


class WrongState(GatewayError):
    """An event that this state does not allow; names both."""


@dataclass(eq=False)
class Leg:
    id: LegId
    role: Role
    session: LegSession
    state: LegState
    offering: Offering = Offering.NONE
    silent_since_s: float | None = None
    """Monotonic; None while packets come, or none are known to be missing."""
    connected: LegMedia | None = None
    """What the media engine was last told."""

    def enter(self, state: LegState) -> None:
        if state not in _ALLOWED[self.state]:
            allowed = ", ".join(sorted(other.value for other in _ALLOWED[self.state])) or "nothing"
            raise WrongState(
                f"leg {self.id} is {self.state.value}: {state.value} cannot follow; allowed: {allowed}"
            )
        self.state = state

    @property
    def alive(self) -> bool:
        """Neither ended nor being hung up."""
        return self.state not in (LegState.ENDING, LegState.ENDED)

    @property
    def established(self) -> bool:
        """Answered, either way."""
        return self.state in (LegState.ANSWERED, LegState.CONFIRMED)

    @property
    def hums(self) -> bool:
        """Comfort noise was agreed with it."""
        return self.session.media is not None and self.session.media.noise_payload_type is not None

    @property
    def held(self) -> bool:
        """Audio does not flow both ways."""
        return self.session.media is not None and self.session.media.direction is not Direction.SENDRECV
