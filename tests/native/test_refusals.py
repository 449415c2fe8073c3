"""Datagrams that are no part of the call: dropped, counted under the right name, told of without a flood,
and the call unharmed.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from rig import Rig, wait_until

VOICE = b"\x33" * 160


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig() as rig:
        rig.talk()
        rig.sync()
        rig.step((rig.caller, VOICE), (rig.advisor, VOICE))
        rig.caller.forget()
        rig.advisor.forget()
        yield rig


def header(first: int = 0x80, second: int = 8) -> bytes:
    return struct.pack("!BBHII", first, second, 1001, 50160, 1)


REFUSED = {
    "an empty datagram": (b"", "malformed"),
    "one byte": (b"\x80", "malformed"),
    "eleven bytes": (header()[:11], "malformed"),
    "RTP version 0": (header(0x00) + VOICE, "malformed"),
    "RTP version 1": (header(0x40) + VOICE, "malformed"),
    "RTP version 3": (header(0xC0) + VOICE, "malformed"),
    "a STUN request": (struct.pack("!HHI", 1, 0, 0x2112A442) + b"\1" * 12, "malformed"),
    "SIP": (b"INVITE sip:a@b SIP/2.0\r\n\r\n", "malformed"),
    "more CSRCs than bytes": (header(0x8F) + b"\0" * 20, "malformed"),
    "an extension cut short": (header(0x90) + b"\xbe\xde", "malformed"),
    "an extension beyond the end": (header(0x90) + b"\xbe\xde\xff\xff" + VOICE, "malformed"),
    "padding of no bytes": (header(0xA0) + VOICE + b"\0", "malformed"),
    "padding beyond the payload": (header(0xA0) + b"\1\2\3\xff", "malformed"),
    "padding that would eat the header": (header(0xA0), "malformed"),
    "an RTCP sender report": (struct.pack("!BBHI", 0x80, 200, 6, 1) + b"\0" * 20, "rtcp"),
    "an RTCP goodbye": (struct.pack("!BBHI", 0x81, 203, 1, 1) + b"\0" * 4, "rtcp"),
    "a payload type not negotiated": (header(second=0) + VOICE, "payload_type"),
    "a video payload type": (header(second=96) + VOICE, "payload_type"),
    "a payload of 961 samples": (header() + b"\1" * 961, "too_long"),
    "the largest datagram there is": (header() + b"\1" * 60000, "too_long"),
    "a datagram at the buffer's end": (header() + b"\1" * 2036, "too_long"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_dropped_counted_and_told(rig: Rig, what: str) -> None:
    datagram, reason = REFUSED[what]
    rig.engine.events()
    rig.caller.post(datagram)
    rig.sync()
    assert rig.caller.refused() == {reason: 1}
    assert rig.advisor.listen() == []
    told: list[tuple[str, int, object, int, object]] = []
    wait_until(lambda: bool(told.extend(rig.engine.events()) or told), "the refusal to be told", seconds=1)
    mine = [event for event in told if event[1] == rig.caller.leg]
    assert mine == [("refused", rig.caller.leg, reason, 1, None)]
    rig.step((rig.caller, VOICE), (rig.advisor, VOICE))
    assert [p.payload for p in rig.advisor.listen()] == [VOICE]
    assert [p.payload for p in rig.caller.listen()] == [VOICE]
    assert rig.caller.stats()["received"] == 2


def test_the_longest_payload_that_is_taken(rig: Rig) -> None:
    rig.step((rig.caller, b"\1" * 960))
    assert [len(p.payload) for p in rig.advisor.listen()] == [960]


def test_before_connect_packets_are_counted_as_that() -> None:
    with Rig() as rig:
        leg, port = rig.engine.add_leg(rig.call, "supervisor")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.sendto(header() + VOICE, ("127.0.0.1", port))
            wait_until(lambda: rig.engine.stats(leg)["refused"] == {"not_connected": 1}, "it to be counted")


def test_a_foreign_source_is_named(rig: Rig) -> None:
    rig.engine.events()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2", 0))
        stranger.sendto(header() + VOICE, ("127.0.0.1", rig.caller.port))
        told: list[tuple[str, int, object, int, object]] = []
        wait_until(
            lambda: bool(told.extend(rig.engine.events()) or told), "the refusal to be told", seconds=1
        )
        assert ("refused", rig.caller.leg, "foreign_source", 1, stranger.getsockname()) in told


def test_a_flood_is_told_of_once_a_second_and_counted_whole(rig: Rig) -> None:
    rig.engine.events()
    told = []
    for _ in range(25):
        rig.passes(50)
        for _ in range(10):
            rig.caller.post(b"garbage")
        rig.taken()
        told += [event for event in rig.engine.events() if event[1] == rig.caller.leg]
    assert 1 <= len(told) <= 2
    assert rig.caller.refused() == {"malformed": rig.caller.posted - 1}
    wait_until(
        lambda: (
            sum(e[3] for e in [*told, *(told.extend(rig.engine.events()) or [])]) >= rig.caller.posted - 1
        ),
        "the rest to be told",
        seconds=2,
    )


def test_a_call_goes_on_under_a_flood_of_garbage(rig: Rig) -> None:
    """Strangers' garbage has its own socket once a leg is locked, so it takes no room from the call."""
    rng = np.random.default_rng(1)
    said = [rng.bytes(160) for _ in range(100)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for payload in said:
            for size in (0, 3, 12, 172, 1400):
                stranger.sendto(rng.bytes(size), ("127.0.0.1", rig.caller.port))
                stranger.sendto(rng.bytes(size), ("127.0.0.1", rig.advisor.port))
            rig.caller.send(payload)
            time.sleep(0.001)
    wait_until(lambda: rig.caller.stats()["received"] == 101, "the caller's packets")
    wait_until(lambda: bool(rig.advisor.listen() or True) and len(rig.advisor.heard) == 100, "them to arrive")
    assert [p.payload for p in rig.advisor.heard] == said


@pytest.mark.parametrize("mangle", ["cut", "flip", "random"])
def test_no_garbage_harms_the_call(rig: Rig, mangle: str) -> None:
    """Whatever arrives from the locked source: the media thread lives, and the next good packet passes."""
    rng = np.random.default_rng(7)
    good = header() + VOICE

    def cut() -> bytes:
        return good[: rng.integers(0, len(good))]

    def flip() -> bytes:
        packet = bytearray(good)
        for at in rng.integers(0, 16, 3):
            packet[at] ^= 1 << rng.integers(0, 8)
        return bytes(packet)

    def random() -> bytes:
        return rng.bytes(rng.integers(0, 300))

    makers: dict[str, Callable[[], bytes]] = {"cut": cut, "flip": flip, "random": random}
    supervisor = rig.supervisor()
    both = [(rig.caller, rig.advisor), (rig.advisor, rig.caller)]
    rig.path(*both, (supervisor, rig.advisor), (rig.caller, supervisor), (rig.advisor, supervisor))
    rig.sync()
    for _ in range(400):
        rig.caller.post(makers[mangle]())
        rig.taken()
    rig.talk()
    rig.sync()
    rig.advisor.forget()
    rig.caller.sequence, rig.caller.ssrc = 5, 4711
    for _ in range(2):
        rig.step((rig.caller, VOICE))
    assert rig.advisor.listen()[-1].payload == VOICE
