"""The relay changes nothing that it need not change: what one party sends the other receives, byte by byte,
in order.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
from rig import Rig, Telephone
from sounds import payloads


def heard_payloads(phone: Telephone) -> list[bytes]:
    phone.listen()
    return [packet.payload for packet in phone.heard]


def assert_same_stream(phone: Telephone, start: int, ssrc: int, count: int, step: int) -> None:
    """One SSRC that is not the sender's; sequence numbers and timestamps as the sender's, moved by one
    offset.
    """
    assert {packet.ssrc for packet in phone.heard} == {phone.heard[0].ssrc} != {ssrc}
    first = phone.heard[0]
    assert [(p.sequence - first.sequence) & 0xFFFF for p in phone.heard] == [n & 0xFFFF for n in range(count)]
    assert [(p.timestamp - first.timestamp) & 0xFFFFFFFF for p in phone.heard] == [
        step * n for n in range(count)
    ]


@pytest.mark.parametrize("law", ["PCMA", "PCMU"])
@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 60])
def test_every_payload_arrives_untouched_both_ways(ptime_ms: int, law: str) -> None:
    rng = np.random.default_rng(ptime_ms)
    with Rig(laws=(law, law)) as rig:
        rig.talk()
        rig.sync()
        said, answered = payloads(rng, 250, ptime_ms * 8), payloads(rng, 250, ptime_ms * 8)
        for one, other in zip(said, answered, strict=True):
            rig.step((rig.caller, one), (rig.advisor, other))
        assert heard_payloads(rig.advisor) == said
        assert heard_payloads(rig.caller) == answered
        assert_same_stream(rig.advisor, 1000, 1, 250, ptime_ms * 8)
        assert_same_stream(rig.caller, 1000, 2, 250, ptime_ms * 8)
        assert rig.advisor.stats()["overlaid"] == rig.caller.stats()["overlaid"] == 0


def flow(rig: Rig, packets: int, spacing_s: float, rng: np.random.Generator) -> None:
    """Both talk at a steady pace that does not wait for the engine; then every payload is compared."""
    said, answered = payloads(rng, packets), payloads(rng, packets)
    due = time.monotonic()
    for one, other in zip(said, answered, strict=True):
        rig.caller.send(one)
        rig.advisor.send(other)
        rig.caller.listen()
        rig.advisor.listen()
        due += spacing_s
        time.sleep(max(0.0, due - time.monotonic()))
    rig.sync()
    assert heard_payloads(rig.advisor) == said
    assert heard_payloads(rig.caller) == answered
    for phone in rig.phones():
        assert phone.stats()["lost"] == phone.stats()["out_of_order"] == 0
        assert not phone.refused()


@pytest.mark.parametrize("listener", [False, True], ids=["alone", "listened to"])
def test_a_fast_stream_arrives_whole(listener: bool) -> None:
    with Rig() as rig:
        rig.talk()
        if listener:
            supervisor = rig.supervisor()
            both = [(rig.caller, rig.advisor), (rig.advisor, rig.caller)]
            rig.path(*both, (rig.caller, supervisor), (rig.advisor, supervisor))
        rig.sync()
        flow(rig, 700, 0.001, np.random.default_rng(3))


@pytest.mark.thorough
def test_three_thousand_packets_a_millisecond_apart() -> None:
    with Rig() as rig:
        rig.talk()
        rig.sync()
        flow(rig, 3000, 0.001, np.random.default_rng(4))


@pytest.mark.soak  # in every run by two calls through the whole gateway: tests/e2e/test_e2e_minute.py
@pytest.mark.timeout(180)
def test_a_minute_in_real_time() -> None:
    with Rig() as rig:
        rig.talk()
        rig.sync()
        flow(rig, 3000, 0.020, np.random.default_rng(5))


def test_legs_with_different_payload_type_numbers_get_their_own() -> None:
    """A dynamic payload type is each leg's own choice (RFC 3264 §5.1)."""
    with Rig() as rig:
        rig.engine.connect(rig.advisor.leg, "PCMA", 97, 100, *rig.advisor.socket.getsockname())
        rig.talk()
        rig.sync()
        rig.step((rig.caller, b"\x55" * 160))
        rig.advisor.send(b"\x54" * 160, payload_type=97)
        rig.sync()
        assert [p.payload_type for p in rig.advisor.listen()] == [97]
        assert [p.payload_type for p in rig.caller.listen()] == [8]


def test_nothing_flows_before_the_talk_path_is_set() -> None:
    with Rig() as rig:
        rig.sync()
        rig.step((rig.caller, b"\x55" * 160), (rig.advisor, b"\x55" * 160))
        assert not rig.caller.listen()
        assert not rig.advisor.listen()


def test_a_held_leg_gets_nothing_and_is_not_heard() -> None:
    with Rig() as rig:
        rig.talk()
        rig.advisor.connect(sends=False, receives=False)
        rig.sync()
        rig.step((rig.caller, b"\x55" * 160), (rig.advisor, b"\x55" * 160))
        assert not rig.caller.listen()
        assert not rig.advisor.listen()
        assert rig.advisor.refused() == {"not_expected": 1}
        rig.advisor.connect()
        rig.sync()
        rig.step((rig.caller, b"\x01" * 160), (rig.advisor, b"\x02" * 160))
        assert [p.payload for p in rig.advisor.listen()] == [b"\x01" * 160]
        assert [p.payload for p in rig.caller.listen()] == [b"\x02" * 160]
