"""In which order trunks are tried that a call can take: those known down last, then by priority, then spread
by weight (RFC 2782, whose words these are).

None is left out: a call is not refused because OPTIONS failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar


class Weighed(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def priority(self) -> int:
        """The lowest is tried first."""

    @property
    def weight(self) -> int:
        """Its share among those of the same priority; 0: only now and then before others."""


Trunk = TypeVar("Trunk", bound=Weighed)

SMALLEST_SHARE = 0.01
"""Of a weight of 0, where others have more."""


def in_order(
    trunks: Iterable[Trunk], is_down: Callable[[str], bool], draw: Callable[[], float]
) -> list[Trunk]:
    """`draw` gives a number in [0, 1), evenly spread, once for each but the last of those that are equal."""
    groups: dict[tuple[bool, int], list[Trunk]] = {}
    for trunk in trunks:
        groups.setdefault((is_down(trunk.name), trunk.priority), []).append(trunk)
    return [trunk for _, group in sorted(groups.items()) for trunk in _spread(group, draw)]


def _spread(group: list[Trunk], draw: Callable[[], float]) -> list[Trunk]:
    left, ordered = list(group), []
    while len(left) > 1:
        shares = [trunk.weight or SMALLEST_SHARE for trunk in left]
        at = draw() * sum(shares)
        for position, share in enumerate(shares):
            at -= share
            if at < 0 or position == len(left) - 1:
                ordered.append(left.pop(position))
                break
    return ordered + left
