"""Who speaks in a call, and whether they let one another speak: figures for the board and for an auditor.

Judged from whether each party's audio is speech, however that was found out (a level, a voice detector). A
pause between words does not end a turn (`HANG_S`), a click does not begin one (`ONSET_S`). Time is given in:
seconds of the call.

Words: *over-talk*, both at once for `OVERTALK_S`; whoever began second has *interrupted*. *Dead air*, nobody
for `DEAD_AIR_S`, unless the call is on hold.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

ONSET_S = 0.1
HANG_S = 0.4
OVERTALK_S = 0.5
DEAD_AIR_S = 5.0


class Talking(StrEnum):
    NOBODY = "nobody"
    CALLER = "caller"
    ADVISOR = "advisor"
    BOTH = "both"


_STATES = {
    (False, False): Talking.NOBODY,
    (True, False): Talking.CALLER,
    (False, True): Talking.ADVISOR,
    (True, True): Talking.BOTH,
}


class _Party:
    """One party's turns."""

    def __init__(self) -> None:
        self.speaks = False
        self._voiced_s = 0.0
        self._unvoiced_s = 0.0

    def hear(self, seconds: float, voice: bool) -> None:
        if voice:
            self._voiced_s += seconds
            self._unvoiced_s = 0.0
            self.speaks = self.speaks or self._voiced_s >= ONSET_S - 1e-9
        else:
            self._voiced_s = 0.0
            self._unvoiced_s += seconds
            self.speaks = self.speaks and self._unvoiced_s < HANG_S


class Talk:
    """One call's. Give it what was heard by `hear`, in order."""

    def __init__(self) -> None:
        self.talking = Talking.NOBODY
        self.dead_air = False
        self.overtalks = self.dead_airs = 0
        self.dead_air_s = 0.0
        self._parties = {Talking.CALLER: _Party(), Talking.ADVISOR: _Party()}
        self._interruptions = {Talking.CALLER: 0, Talking.ADVISOR: 0}
        self._seconds = dict.fromkeys(Talking, 0.0)
        self._state_s = 0.0
        """How long the present state has lasted."""
        self._second: Talking | None = None
        """Who began to speak while the other was speaking; None: they began together, or only one speaks."""
        self._counted = False
        """Has the present over-talk been counted?"""

    def hear(self, seconds: float, *, caller: bool, advisor: bool, on_hold: bool = False) -> bool:
        """The next `seconds` of the call: was each party's audio speech? True where something to tell has
        changed.
        """
        before = (self.talking, self.dead_air, self.overtalks)
        for party, voice in zip(self._parties.values(), (caller, advisor), strict=True):
            party.hear(seconds, voice)
        speaking = tuple(party.speaks for party in self._parties.values())
        self._enter(_STATES[speaking[0], speaking[1]])
        self._seconds[self.talking] += seconds
        self._state_s = 0.0 if on_hold and self.talking is Talking.NOBODY else self._state_s + seconds
        self._judge(seconds)
        return before != (self.talking, self.dead_air, self.overtalks)

    def _enter(self, state: Talking) -> None:
        if state is self.talking:
            return
        self._second = None
        if state is Talking.BOTH and self.talking in self._parties:
            first = self.talking
            self._second = Talking.ADVISOR if first is Talking.CALLER else Talking.CALLER
        self.talking, self._state_s, self.dead_air = state, 0.0, False
        self._counted = False

    def _judge(self, seconds: float) -> None:
        if self.talking is Talking.BOTH and not self._counted and self._state_s >= OVERTALK_S - 1e-9:
            self._counted = True
            self.overtalks += 1
            if self._second is not None:
                self._interruptions[self._second] += 1
        if self.talking is Talking.NOBODY and self._state_s >= DEAD_AIR_S - 1e-9:
            self.dead_air_s += seconds if self.dead_air else self._state_s
            self.dead_airs += not self.dead_air
            self.dead_air = True
        elif self.dead_air:
            self.dead_air = False

    def facts(self) -> dict[str, Any]:
        """Ready for JSON; seconds with one decimal."""
        return {
            "talking": self.talking.value,
            "dead_air": self.dead_air,
            "seconds": {state.value: round(spent, 1) for state, spent in self._seconds.items()},
            "overtalks": self.overtalks,
            "interruptions": {party.value: count for party, count in self._interruptions.items()},
            "dead_airs": self.dead_airs,
            "dead_air_s": round(self.dead_air_s, 1),
        }
