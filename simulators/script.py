"""What a simulated person does and when, as written on the command line: `5s:*99` presses *99 five seconds
in. No I/O.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import WrongUsage
from .rtp import KEYS

_TIME = re.compile(r"(?P<amount>\d+(?:\.\d+)?)(?P<unit>ms|s|m)?", re.ASCII)
_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, None: 1.0}


@dataclass(frozen=True, order=True)
class KeyPress:
    """Keys to press, `at_s` seconds after the call was answered."""

    at_s: float
    keys: str


def seconds(text: str) -> float:
    """Read a time: `5`, `5s`, `1.5s`, `800ms`, `2m`. Raises `WrongUsage`."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise WrongUsage(f"{text!r} is no time; write 5s, 1.5s, 800ms or 2m")
    return float(match["amount"]) * _UNITS_S[match["unit"]]


def key_presses(texts: list[str]) -> list[KeyPress]:
    """Read `TIME:KEYS`, several separated by commas or given one by one; in order of time. Raises
    `WrongUsage`.
    """
    presses = []
    for part in ",".join(texts).split(","):
        if not part.strip():
            continue
        time, separator, keys = part.strip().partition(":")
        if not separator or not keys or any(key not in KEYS for key in keys.upper()):
            raise WrongUsage(
                f"{part.strip()!r} is no key press; write TIME:KEYS such as 5s:*99 (keys: {KEYS})"
            )
        presses.append(KeyPress(seconds(time), keys.upper()))
    return sorted(presses)
