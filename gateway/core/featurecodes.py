"""What people key in: feature codes dialled before an extension, keys pressed during a call.

Pure: digits and times go in, decisions come out. Times are seconds of any monotonic clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from gateway.core.model import Mode

INTER_DIGIT_TIMEOUT_S = 3.0
"""Longest pause between two keys of the panic code [s]."""


@dataclass(frozen=True, slots=True)
class FeatureCall:
    """A supervisor dialled a feature code: join the call of the advisor at `extension` in this mode."""

    mode: Mode
    extension: str


class FeatureCodes:
    """The codes of one configuration, such as {Mode.LISTEN: "*71"}."""

    def __init__(self, codes: Mapping[Mode, str]) -> None:
        # Longest first, so that a code is never mistaken for a shorter one and a digit.
        self._codes = sorted(((code, mode) for mode, code in codes.items()), key=lambda pair: -len(pair[0]))

    def parse_dialled(self, number: str) -> FeatureCall | None:
        """`*722001` is whisper on 2001. None: an ordinary number, or a code without an extension of digits
        after it."""
        for code, mode in self._codes:
            if number.startswith(code):
                extension = number[len(code) :]
                return FeatureCall(mode, extension) if extension.isascii() and extension.isdigit() else None
        return None


class Leave(Enum):
    """The supervisor wants to leave the call."""

    LEAVE = "leave"


class Past(Enum):
    """The supervisor wants to hear what was just said."""

    PAST = "past"


LEAVE: Final = Leave.LEAVE
PAST: Final = Past.PAST


class SupervisorKeyReader:
    """The keys of one supervisor in a call: each acts at once by itself."""

    def __init__(
        self, *, listen: str = "4", whisper: str = "5", barge: str = "6", leave: str = "#", past: str = "1"
    ) -> None:
        self._meaning: dict[str, Mode | Leave | Past] = {
            past: PAST,  # first: a configuration that gave its key to something else keeps that
            listen: Mode.LISTEN,
            whisper: Mode.WHISPER,
            barge: Mode.BARGE,
            leave: LEAVE,
        }

    def press(self, digit: str) -> Mode | Leave | Past | None:
        """What this key asks for; None: nothing."""
        return self._meaning.get(digit)


class PanicKeyReader:
    """Watches one advisor's keys for the panic code.

    Only the last keys count: someone whose fingers shake and who keys `**99` or `*9*99` is heard. Never
    raises.
    """

    def __init__(self, code: str = "*99", timeout_s: float = INTER_DIGIT_TIMEOUT_S) -> None:
        self._code = code
        self._timeout_s = timeout_s
        self._keyed = ""
        self._last_s: float | None = None

    def press(self, digit: str, at_s: float) -> bool:
        """True exactly at the key that completes the code; the next key then starts afresh.

        A pause longer than the timeout forgets what was keyed before. A clock that steps back forgets
        nothing.
        """
        if self._last_s is not None and at_s - self._last_s > self._timeout_s:
            self._keyed = ""
        self._last_s = at_s
        self._keyed = (self._keyed + digit)[-len(self._code) :]
        if self._keyed != self._code:
            return False
        self._keyed = ""
        return True
