"""`[supervision]`: how one joins a call by phone, and what is heard of it."""

from __future__ import annotations

import re

from pydantic import StrictBool

from gateway.config.fields import Key, Keys, Pattern
from gateway.config.model.section import Seconds, Section
from gateway.core.model import Mode


class Codes(Section):
    """Feature codes, dialled before the advisor's extension."""

    listen: Keys = "*71"
    whisper: Keys = "*72"
    barge: Keys = "*73"
    takeover: Keys = "*74"

    def by_mode(self) -> dict[Mode, str]:
        return {mode: getattr(self, mode.value) for mode in Mode}


class SupervisorKeys(Section):
    """What a supervisor presses during the call."""

    listen: Key = "4"
    whisper: Key = "5"
    barge: Key = "6"
    leave: Key = "#"
    past: Key = "1"
    """Hear what was just said; muted meanwhile."""


class Supervision(Section):
    codes: Codes = Codes()
    keys: SupervisorKeys = SupervisorKeys()
    join_tone: StrictBool = False
    """Does the advisor hear a short tone when a supervisor joins or changes mode? Teams may differ."""
    supervisor_timeout_s: Seconds = 60.0
    """A supervisor's leg that sends nothing for so long is hung up."""
    ring_timeout_s: Seconds = 60.0
    """An advisor's phone that does not answer for so long: the call is given up with 480."""
    ring_numbers: Pattern = ""
    """Regular expression: what else than their own phone a supervisor may have rung from the web; empty:
    nothing else."""

    def may_ring(self, number: str) -> bool:
        return bool(self.ring_numbers) and re.fullmatch(self.ring_numbers, number) is not None
