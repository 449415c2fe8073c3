"""RTP's finer points through the relay (RFC 3550 §5.1, RFC 3389): what comes out is what went in, under one
unbroken numbering.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import pairwise

import pytest
from rig import Rig, Telephone


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig() as rig:
        rig.talk()
        rig.sync()
        yield rig


def body(number: int, size: int = 160) -> bytes:
    return bytes([number & 0xFF]) * size


def raw(first: int, second: int, sequence: int, timestamp: int, ssrc: int, rest: bytes) -> bytes:
    return struct.pack("!BBHII", first, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + rest


def numbers(phone: Telephone) -> list[tuple[int, int]]:
    """(sequence, timestamp) of what was heard, from the first packet on."""
    phone.listen()
    first = phone.heard[0]
    return [
        ((p.sequence - first.sequence) & 0xFFFF, (p.timestamp - first.timestamp) & 0xFFFFFFFF)
        for p in phone.heard
    ]


def test_sequence_and_timestamp_wrap(rig: Rig) -> None:
    rig.caller.sequence, rig.caller.timestamp = 65530, 2**32 - 800
    for number in range(12):
        rig.step((rig.caller, body(number)))
    assert numbers(rig.advisor) == [(n, 160 * n) for n in range(12)]
    assert rig.caller.stats()["lost"] == 0


def test_loss_is_passed_on_as_loss(rig: Rig) -> None:
    for number in range(20):
        if number in (5, 11, 12, 13):
            rig.caller.sequence += 1
            rig.caller.timestamp += 160
        else:
            rig.step((rig.caller, body(number)))
    assert numbers(rig.advisor) == [(n, 160 * n) for n in range(20) if n not in (5, 11, 12, 13)]
    assert rig.caller.stats()["lost"] == 4


def test_reordered_packets_stay_in_the_order_they_came(rig: Rig) -> None:
    order = [0, 1, 3, 2, 4, 6, 7, 5]
    for number in order:
        rig.caller.post(raw(0x80, 8, 1000 + number, 160 * number, 1, body(number)))
        rig.sync()
    assert numbers(rig.advisor)[:4] == [(0, 0), (1, 160), (3, 480), (2, 320)]
    assert [p.payload[0] for p in rig.advisor.heard] == order
    assert rig.caller.stats()["out_of_order"] == 2
    assert rig.caller.stats()["lost"] == 0


def test_duplicates_are_passed_and_counted(rig: Rig) -> None:
    for number in (0, 1, 1, 2):
        rig.caller.post(raw(0x80, 8, 1000 + number, 160 * number, 1, body(number)))
        rig.sync()
    assert numbers(rig.advisor) == [(0, 0), (1, 160), (1, 160), (2, 320)]
    assert rig.caller.stats()["duplicates"] == 1


def test_marker_passes(rig: Rig) -> None:
    for number, marker in enumerate([True, False, False, True]):
        rig.caller.send(body(number), marker=marker)
        rig.sync()
    rig.advisor.listen()
    assert [p.marker for p in rig.advisor.heard] == [True, False, False, True]


def test_padding_csrcs_and_extension_pass_untouched(rig: Rig) -> None:
    csrcs = struct.pack("!II", 0xAAAAAAAA, 0xBBBBBBBB)
    extension = struct.pack("!HHI", 0xBEDE, 1, 0x12345678)
    packet = raw(0x80 | 0x20 | 0x10 | 2, 8, 1000, 0, 1, csrcs + extension + body(7) + b"\0\0\0\4")
    rig.caller.post(packet)
    rig.sync()
    data = rig.advisor.socket.recv(4096)
    assert data[0] == packet[0]
    assert data[12:] == packet[12:]
    assert rig.caller.stats()["received_bytes"] == 160


def test_comfort_noise_passes_between_the_parties_under_each_ones_number(rig: Rig) -> None:
    rig.caller.connect(noise_payload_type=13)
    rig.advisor.connect(noise_payload_type=98)
    rig.step((rig.caller, body(1)))
    rig.caller.send(b"\x45", payload_type=13)
    rig.caller.timestamp += 8000
    rig.caller.send(body(2), marker=True)
    rig.sync()
    rig.advisor.listen()
    assert [(p.payload_type, p.marker) for p in rig.advisor.heard] == [(8, False), (98, False), (8, True)]
    assert rig.advisor.heard[1].payload == b"\x45"
    assert [n for n, _ in numbers(rig.advisor)] == [0, 1, 2]


def test_comfort_noise_goes_to_nobody_who_has_not_agreed_on_it(rig: Rig) -> None:
    """It is silence all the same, and no loss: the numbers go on, the timestamps show the pause."""
    rig.caller.connect(noise_payload_type=13)
    rig.step((rig.caller, body(1)))
    for number, kind in ((13, rig.caller), (13, rig.advisor)):
        kind.send(b"\x45", payload_type=number)
        kind.timestamp += 8000 - 1
    rig.step((rig.caller, body(2)), (rig.advisor, body(3)))
    assert numbers(rig.advisor) == [(0, 0), (1, 160 + 8000)]
    assert [p.payload_type for p in rig.advisor.heard] == [8, 8]
    assert [p.payload_type for p in rig.caller.listen()] == [13, 8], "to the caller, who has, it goes"
    assert not {leg.stats()["refused"].get("payload_type") for leg in (rig.caller, rig.advisor)} - {None}


def test_comfort_noise_is_passed_where_the_audio_is_recoded() -> None:
    with Rig(laws=("PCMA", "PCMU")) as rig:
        rig.caller.connect(noise_payload_type=13)
        rig.advisor.connect(noise_payload_type=13)
        rig.talk()
        rig.sync()
        rig.step((rig.caller, b"\xd5" * 160))
        rig.caller.send(b"\x45\x80", payload_type=13)
        rig.caller.timestamp += 8000 - 2
        rig.step((rig.caller, b"\xd5" * 160))
        assert numbers(rig.advisor) == [(0, 0), (1, 160), (2, 160 + 8000)]
        assert [(p.payload_type, len(p.payload)) for p in rig.advisor.heard] == [(0, 160), (13, 2), (0, 160)]


def test_an_empty_keep_alive_passes_too(rig: Rig) -> None:
    """RFC 6263 §4.1: it takes a sequence number, so keeping it back would look like a loss."""
    rig.step((rig.caller, body(1)), (rig.caller, b""), (rig.caller, body(2)))
    assert [n for n, _ in numbers(rig.advisor)] == [0, 1, 2]
    assert [len(p.payload) for p in rig.advisor.heard] == [160, 0, 160]


def test_a_new_ssrc_goes_on_under_the_old_one(rig: Rig) -> None:
    for number in range(3):
        rig.step((rig.caller, body(number)))
    rig.caller.ssrc, rig.caller.sequence, rig.caller.timestamp = 77, 40000, 123
    for number in range(3, 6):
        rig.step((rig.caller, body(number)))
    heard = numbers(rig.advisor)
    assert len({p.ssrc for p in rig.advisor.heard}) == 1
    assert [n for n, _ in heard] == [0, 1, 2, 3, 4, 5]
    assert [later - earlier for (_, earlier), (_, later) in pairwise(heard[3:])] == [
        160,
        160,
    ]
    assert 320 + 160 <= heard[3][1] < 320 + 160 + 4000, "the time that passed, at least one packet's"
    assert rig.advisor.heard[3].marker, "a new stream begins like a new talkspurt"
    assert rig.caller.stats()["restarts"] == 1
    assert rig.caller.stats()["lost"] == 0


@pytest.mark.parametrize("jump", [5000, -5000, 30000, -30000])
def test_a_restarted_numbering_goes_on_under_the_old_one(rig: Rig, jump: int) -> None:
    """The same SSRC with other numbers: a phone that came back after a transfer, a media server that was
    restarted.
    """
    for number in range(3):
        rig.step((rig.caller, body(number)))
    rig.caller.sequence += jump
    rig.caller.timestamp += 7_000_000
    for number in range(3, 6):
        rig.step((rig.caller, body(number)))
    assert [n for n, _ in numbers(rig.advisor)] == [0, 1, 2, 3, 4, 5]
    assert numbers(rig.advisor)[5][1] < 20_000
    assert rig.caller.stats()["restarts"] == 1


def test_a_far_side_that_changes_hears_one_stream(rig: Rig) -> None:
    """The caller hears the advisor, then a supervisor, then the advisor again: one SSRC, one numbering."""
    supervisor = rig.supervisor()
    for number in range(3):
        rig.step((rig.advisor, body(number)))
    rig.path((supervisor, rig.caller))
    rig.sync()
    for number in range(3, 6):
        rig.step((supervisor, body(number)), (rig.advisor, body(99)))
    rig.talk()
    rig.sync()
    for number in range(6, 9):
        rig.step((rig.advisor, body(number)))
    assert len({p.ssrc for p in rig.caller.listen() or rig.caller.heard}) == 1
    assert [n for n, _ in numbers(rig.caller)] == list(range(9))
    assert [p.marker for p in rig.caller.heard] == [n in (3, 6) for n in range(9)]


def test_numbers_go_on_after_a_hold(rig: Rig) -> None:
    """What was said while the listener was on hold is not a loss of its line."""
    for number in range(3):
        rig.step((rig.caller, body(number)))
    rig.advisor.connect(sends=False)
    rig.sync()
    for _ in range(50):
        rig.step((rig.caller, body(99)))
    rig.advisor.connect()
    rig.sync()
    for number in range(3, 6):
        rig.step((rig.caller, body(number)))
    assert [n for n, _ in numbers(rig.advisor)] == [0, 1, 2, 3, 4, 5]
    assert [p.payload[0] for p in rig.advisor.heard] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("first", [2, 4, 65_450, 65_535])
def test_whose_first_packet_is_a_mixed_one_hears_all_from_there_whatever_its_number(
    rig: Rig, first: int
) -> None:
    fiona = rig.supervisor()
    rig.path((rig.caller, rig.advisor), (fiona, rig.advisor), (rig.advisor, rig.caller))
    rig.sync()
    rig.caller.sequence = first
    for number in range(5):
        rig.step((rig.caller, body(number)))
    assert numbers(rig.advisor) == [(n, 160 * n) for n in range(5)]
    assert rig.advisor.stats()["late"] == 0
