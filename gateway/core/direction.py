"""Arithmetic of SDP directions (RFC 3264 §6.1, RFC 8866 §6.7): each is a pair of yes/no, sending and
receiving.
"""

from __future__ import annotations

from gateway.core.model import Direction

_PAIRS = {
    Direction.SENDRECV: (True, True),
    Direction.SENDONLY: (True, False),
    Direction.RECVONLY: (False, True),
    Direction.INACTIVE: (False, False),
}
_NAMES = {pair: name for name, pair in _PAIRS.items()}


def reverse(direction: Direction) -> Direction:
    """The same stream as the other side sees it: what one sends the other receives."""
    sends, receives = _PAIRS[direction]
    return _NAMES[receives, sends]


def meet(one: Direction, other: Direction) -> Direction:
    """What both allow; both as seen from the same side."""
    (a, b), (c, d) = _PAIRS[one], _PAIRS[other]
    return _NAMES[a and c, b and d]
