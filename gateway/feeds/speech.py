"""Is it speech? A voice detector on tapped audio, both parties at once. No I/O."""

from __future__ import annotations

from typing import Any

import webrtcvad
from numpy.typing import NDArray

from gateway.feeds.frames import RATE_HZ

STRICTNESS = 2
"""Of 0 … 3: 3 also misses soft speech."""


class Detector:
    """One call's; it learns each party's background noise."""

    def __init__(self) -> None:
        self._parties = (webrtcvad.Vad(STRICTNESS), webrtcvad.Vad(STRICTNESS))

    def judge(self, pair: NDArray[Any]) -> tuple[bool, bool]:
        """int16 of shape (2, 160): does the caller speak, does the advisor?"""
        caller, advisor = self._parties
        return (
            bool(caller.is_speech(pair[0].tobytes(), RATE_HZ)),
            bool(advisor.is_speech(pair[1].tobytes(), RATE_HZ)),
        )
