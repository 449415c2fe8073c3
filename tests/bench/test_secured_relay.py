"""What SRTP on both sides costs the engine beside plain relay: CPU of the media thread a packet, by turns in one session."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "native"))

from keyring import Keyring
from rig import Rig, Telephone

BAR = 2.5
BURST, BURSTS, ROUNDS = 16, 150, 5
"""Packets that each side sends at once, so that waking the thread does not hide the work; as many as a socket holds with ease."""


def burst(phone: Telephone) -> list[bytes]:
    packets = []
    for _ in range(BURST):
        packets.append(phone.sealed(phone.packet(b"\xd5" * 160)))
        phone.sequence += 1
        phone.timestamp += 160
    return packets


def cpu_us(suite: str | None) -> float:
    """CPU time of the media thread for a packet received and sent on [us]."""
    keys = (Keyring(suite, 1), Keyring(suite, 3)) if suite else (None, None)
    with Rig(keys=keys) as rig:
        rig.talk()
        rig.sync()
        bursts = [(burst(rig.caller), burst(rig.advisor)) for _ in range(BURSTS)]
        began, received = rig.engine.cpu_s(), rig.engine.counters()["received"]
        for one, other in bursts:
            for from_caller, from_advisor in zip(one, other, strict=True):
                rig.caller.post(from_caller)
                rig.advisor.post(from_advisor)
            rig.taken()
            for phone in rig.phones():
                phone.listen()
        rig.done()
        figures = rig.engine.counters()
        assert not any(phone.refused() for phone in rig.phones())
        assert len(rig.caller.heard) == len(rig.advisor.heard) == BURST * BURSTS
        return (figures["cpu_s"] - began) / (figures["received"] - received) * 1e6


@pytest.mark.bench
@pytest.mark.parametrize("suite", ["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"])
def test_srtp_on_both_sides_beside_plain_relay(suite: str) -> None:
    turns = [(cpu_us(None), cpu_us(suite)) for _ in range(ROUNDS)]
    plain, secured = (statistics.median(column) for column in zip(*turns, strict=True))
    print(f"{suite}: {secured:.2f} us a packet, {secured / plain:.2f} x plain relay ({plain:.2f} us)")
    assert secured / plain < BAR
