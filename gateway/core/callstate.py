"""The states of a call, and which may follow which."""

from __future__ import annotations

from enum import Enum

from gateway.core.errors import GatewayError


class State(Enum):
    OFFERED = "offered"
    """Their INVITE is here; nothing is done about it yet."""
    RINGING = "ringing"
    """The other party is called."""
    EARLY = "early"
    """Media flows, nobody has answered (183)."""
    TALKING = "talking"
    TAKEN = "taken"
    """The advisor left during a takeover: the patient is with the supervisor."""
    ENDING = "ending"
    """Everyone is hung up; dialogs are still to end."""
    ENDED = "ended"


ALLOWED: dict[State, frozenset[State]] = {
    State.OFFERED: frozenset({State.RINGING, State.ENDING}),
    State.RINGING: frozenset({State.EARLY, State.TALKING, State.ENDING}),
    State.EARLY: frozenset({State.TALKING, State.ENDING}),
    State.TALKING: frozenset({State.TAKEN, State.ENDING}),
    State.TAKEN: frozenset({State.ENDING}),
    State.ENDING: frozenset({State.ENDED}),
    State.ENDED: frozenset(),
}


class WrongCallState(GatewayError):
    """A move that the table does not have: a defect, never a peer's doing. Names both states and what was
    allowed.
    """

    def __init__(self, call: str, state: State, wanted: State, why: str) -> None:
        options = ", ".join(sorted(other.value for other in ALLOWED[state])) or "nothing"
        super().__init__(
            f"call {call} is {state.value}: {why}: {wanted.value} cannot follow; allowed: {options}"
        )
