"""A listener who begins in the past: what may be asked for. No I/O.

`history=SECONDS` starts so long ago, as far as the call's history goes; `catchup` says how it gets to the
present: so much faster than it was said, pitch kept, or `off`: untouched, as fast as the connection takes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

OFF = "off"
DEFAULT_SPEED = 1.5
LEAST_SPEED, MOST_SPEED = 1.1, 2.0


@dataclass(frozen=True, slots=True)
class Past:
    seconds: float = 0.0
    """0: from now on."""
    speed: float = 1.0
    """1: as fast as the connection takes it."""


def take_past(query: Mapping[str, str]) -> tuple[Past, dict[str, str]]:
    """What a query says of the past, and the rest of it.

    Raises ValueError, whose text names the parameter, what came and what is allowed.
    """
    rest = dict(query)
    history, catchup = rest.pop("history", None), rest.pop("catchup", None)
    if history is None:
        if catchup is not None:
            raise ValueError("catchup: allowed only with history=SECONDS")
        return Past(), rest
    seconds = _number("history", history, 0, 3600, "seconds, 0 to 3600")
    if catchup == OFF:
        return Past(seconds, 1.0), rest
    allowed = f"{LEAST_SPEED} to {MOST_SPEED} | {OFF}"
    speed = (
        DEFAULT_SPEED if catchup is None else _number("catchup", catchup, LEAST_SPEED, MOST_SPEED, allowed)
    )
    return Past(seconds, speed), rest


def _number(name: str, found: str, least: float, most: float, allowed: str) -> float:
    try:
        value = float(found)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise ValueError(f"{name}={found}: allowed: {allowed}")
    return value
