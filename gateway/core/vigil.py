"""Is anyone still there? A call whose parties are all silent for long is counted twice before it is taken for
dead.

Silence alone never ends a call: a message that packets came again may have been lost, and a patient on hold
is rightly silent.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.actions import CountPackets
from gateway.core.conversation import Conversation
from gateway.core.leg import Leg
from gateway.core.model import LegId

HELD_CALL_S = 3600.0
"""A call on hold is given at least so long [s]."""
RECOUNT_S = 10.0
"""Between the two counts [s]."""


class Vigil:
    def __init__(self, conversation: Conversation, *, dead_call_s: float) -> None:
        self._talk = conversation
        self._dead_call_s = dead_call_s
        self._counted: Mapping[LegId, int] | None = None
        self._recount_s: float | None = None

    def silent(self, leg: Leg, silent_s: float) -> None:
        """No packet came on `leg` for `silent_s` seconds."""
        leg.silent_since_s = self._talk.now.s - silent_s

    def heard(self, leg: Leg) -> None:
        """Packets came (again)."""
        leg.silent_since_s = None
        self._forget()

    def due_s(self, *, on_hold: bool) -> float | None:
        """When to count [s, monotonic]; None while somebody is heard."""
        parties = [leg for leg in self._talk.parties if leg.alive]
        since = [leg.silent_since_s for leg in parties if leg.silent_since_s is not None]
        if not parties or len(since) < len(parties):
            return None
        limit_s = max(self._dead_call_s, HELD_CALL_S) if on_hold else self._dead_call_s
        return max(since) + limit_s if self._recount_s is None else self._recount_s

    def tick(self, *, on_hold: bool) -> None:
        due_s = self.due_s(on_hold=on_hold)
        if due_s is not None and self._talk.now.s >= due_s:
            self._recount_s = self._talk.now.s + RECOUNT_S
            self._talk.do(CountPackets(tuple(leg.id for leg in self._talk.parties if leg.alive)))

    def counted(self, packets: Mapping[LegId, int]) -> bool:
        """The answer to `CountPackets`. True: two equal counts in a row, nobody is there."""
        if self._counted is None:
            self._counted = packets
            return False
        if self._counted == packets:
            return True
        for leg in self._talk.parties:
            leg.silent_since_s = None
        self._forget()
        return False

    def _forget(self) -> None:
        self._counted = self._recount_s = None
