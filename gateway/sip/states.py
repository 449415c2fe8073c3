"""The two axes of a leg: the dialog (RFC 3261 §12, §13) and the offer/answer exchange inside it (RFC 3264
§4, RFC 6337 §2).
"""

from __future__ import annotations

from enum import StrEnum


class LegState(StrEnum):
    OFFERED = "offered"
    """The peer's INVITE waits for our final response."""
    ANSWERED = "answered"
    """We sent 200 and wait for the ACK."""
    CALLING = "calling"
    """Our INVITE waits for a final response."""
    ESTABLISHED = "established"
    ENDED = "ended"


class OfferState(StrEnum):
    """Only of re-offers, once the dialog is established."""

    STABLE = "stable"
    WE_OFFERED = "we_offered"
    """Our re-INVITE waits for its answer."""
    PEER_OFFERED = "peer_offered"
    """The peer's re-INVITE waits for ours."""


LEG_MOVES: dict[LegState, frozenset[LegState]] = {
    LegState.OFFERED: frozenset({LegState.ANSWERED, LegState.ENDED}),
    LegState.ANSWERED: frozenset({LegState.ESTABLISHED, LegState.ENDED}),
    LegState.CALLING: frozenset({LegState.ESTABLISHED, LegState.ENDED}),
    LegState.ESTABLISHED: frozenset({LegState.ENDED}),
    LegState.ENDED: frozenset(),
}

OFFER_MOVES: dict[OfferState, frozenset[OfferState]] = {
    OfferState.STABLE: frozenset({OfferState.WE_OFFERED, OfferState.PEER_OFFERED}),
    OfferState.WE_OFFERED: frozenset({OfferState.STABLE}),
    OfferState.PEER_OFFERED: frozenset({OfferState.STABLE}),
}


class IllegalMove(Exception):
    """A state change that the table does not have: a defect, never the peer's doing."""

    def __init__(
        self, now: StrEnum, wanted: StrEnum, allowed: frozenset[LegState] | frozenset[OfferState], why: str
    ) -> None:
        options = ", ".join(sorted(allowed)) or "nothing"
        super().__init__(f"{why}: {now} to {wanted} is not a move; from {now} it goes to {options}")
