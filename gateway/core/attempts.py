"""One trunk after the other for the called party of one call, within a bounded time (RFC 3263 §4.3).

The next is tried where the one before cannot be reached, says 503, or is silent; not any more once the called
party's phone rings: from then on an answer is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core.routing import Target

SILENT_S = 4.0
"""A trunk that gives no response at all for so long is given up for the next one [s]."""
UNREACHED = frozenset({408, 502, 503})
"""408: no response in time. 502, 503: it was not reached, or says itself that it takes no calls."""


class Attempts:
    """`targets`: in the order in which they are tried; the first is tried already."""

    def __init__(self, targets: Sequence[Target], now_s: float) -> None:
        self._left = list(targets[1:])
        self.target = targets[0]
        self.due_s: float | None = None
        """When to give up on the present one [s, monotonic]; None: never, for the sake of another."""
        self.abandoned = False
        """Is the present one hung up, and its end still to come?"""
        self._settled = False
        self._watch(now_s)

    def heard(self, *, rings: bool) -> None:
        """Its server has the INVITE; rings: the called party's phone, too."""
        self.due_s = None
        self._settled = self._settled or rings

    def silent(self) -> None:
        """Nothing came until `due_s`: it is to be hung up."""
        self.due_s = None
        self.abandoned = True

    def next(self, code: int, now_s: float) -> Target | None:
        """The present one has ended with `code`: whom to try now; None: that is the call's end."""
        if self._settled or not self._left or not (self.abandoned or code in UNREACHED):
            return None
        self.target = self._left.pop(0)
        self.abandoned = False
        self._watch(now_s)
        return self.target

    def _watch(self, now_s: float) -> None:
        self.due_s = now_s + SILENT_S if self._left else None
