"""Protecting and unprotecting 20 ms of G.711, in nanoseconds, and what this system's libsrtp2 takes."""

from __future__ import annotations

import statistics
import struct

import pytest
from native.srtp import SUITES_SUPPORTED, Session, measure
from native.srtpkeys import MASTER_BYTES

pytestmark = pytest.mark.bench

PACKET = struct.pack("!BBHII", 0x80, 8, 1000, 0, 0xCAFEBABE) + b"\xd5" * 160
"""172 bytes: 12 of header, 160 of payload."""
MEASUREMENTS, ROUNDS = 15, 20


def once(suite: str, by_library: bool) -> tuple[float, float]:
    """ns a packet, protecting and unprotecting; the fastest of 20 times 1,000 packets."""
    key, other = bytes(range(MASTER_BYTES[suite])), bytes(range(100, 100 + MASTER_BYTES[suite]))
    sender = Session(suite, key, other, b"", by_library, 0xCAFEBABE)
    receiver = Session(suite, other, key, b"", by_library, 1)
    try:
        return measure(sender, receiver, PACKET, ROUNDS)
    finally:
        sender.close()
        receiver.close()


@pytest.mark.parametrize("suite", SUITES_SUPPORTED)
def test_packet(figure, suite: str) -> None:
    ours, library = [], []
    for _ in range(MEASUREMENTS):
        ours.append(once(suite, False))
        library.append(once(suite, True))
    for at, verb in enumerate(("protect", "unprotect")):
        here = statistics.median(pair[at] for pair in ours)
        there = statistics.median(pair[at] for pair in library)
        remark = f"libsrtp2: {there:.0f} ns, {there / here:.1f}x"
        figure(f"SRTP {verb} {suite}", f"{here:.0f} ns/packet", remark)
        assert here < 0.7 * there
