"""A network, a supervisor's phone and strangers at their worst: the patient's packets stay the advisor's, byte by byte, what the advisor
hears comes at the patient's pace, and neither delay nor memory grows.
"""

from __future__ import annotations

import itertools
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from codecphones import CODECS, CodecPhone, CodecRig, at_rate, likeness, voice
from rig import PT, Rig

from gateway.core.model import LegId, Mode
from gateway.core.talkpath import talk_path

MOST_DELAY_MS = 150
"""Of a whisper: what a voice may hold before it is cut short (120 ms), and a packet."""


@pytest.fixture(params=["PCMA", "G722", "opus"])
def rig(request: pytest.FixtureRequest) -> Iterator[CodecRig]:
    """Parties of one codec, and a supervisor of another who whispers."""
    with CodecRig(laws=(request.param, request.param)) as rig:
        rig.supervisor("opus" if request.param == "PCMA" else "PCMA")
        rig.whisper(rig.supervisors[0])
        yield rig


def modes(rig: Rig, *these: Mode) -> None:
    names = {LegId(str(phone.leg)): mode for phone, mode in zip(rig.supervisors, these, strict=True)}
    gains = talk_path(LegId(str(rig.caller.leg)), LegId(str(rig.advisor.leg)), names)
    rig.engine.set_talk_path(rig.call, {(int(a), int(b)): gain for (a, b), gain in gains.items()})
    rig.sync()


def assert_unharmed(rig: CodecRig, attack: Callable[[int], None], packets: int = 100) -> None:
    """The parties talk; before each of their packets the attack has its turn, with that packet's number."""
    for phone in rig.phones():
        phone.forget()
    rig.advisor.said.clear()
    rig.caller.said.clear()
    for number in range(packets):
        attack(number)
        for phone in (rig.caller, rig.advisor):
            phone.say(voice((number, phone.leg), 0.02, phone.rate_hz))
            rig.taken()
        rig.passes(20)
    assert rig.caller.payloads() == rig.advisor.said
    audio = [packet for packet in rig.caller.heard if packet.payload_type == rig.caller.payload_type]
    assert [(packet.sequence - audio[0].sequence) & 0xFFFF for packet in audio] == list(range(packets))
    assert len({packet.ssrc for packet in audio}) == 1
    assert len(rig.advisor.payloads()) == packets, "at the patient's pace"


def assert_whisper_is_prompt(rig: CodecRig) -> None:
    """Whatever went before: what the supervisor says now is at the advisor's ear soon."""
    supervisor = rig.supervisors[0]
    for phone in rig.phones():
        phone.forget()
    words = voice(77, 1.0, supervisor.rate_hz)
    each = supervisor.rate_hz // 50
    for number in range(50):
        supervisor.say(words[number * each : (number + 1) * each])
        for phone in (rig.caller, rig.advisor):
            phone.say(np.zeros(phone.rate_hz // 50, np.int16))
        rig.taken()
        rig.passes(20)
    heard, said = rig.advisor.audio(), at_rate(words, supervisor.rate_hz, rig.advisor.rate_hz)
    half = rig.advisor.rate_hz // 2
    correlation, lag_ms, _ = likeness(heard[half:], said[half : half + half // 2], 240, rig.advisor.rate_hz)
    assert correlation > 0.8
    assert lag_ms <= MOST_DELAY_MS


def resident_kb() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


# ── the supervisor's line and phone ──


def test_loss_reordering_duplicates_and_jitter(rig: CodecRig) -> None:
    """30 % lost, each up to 200 ms late, in whatever order that makes, every tenth twice."""
    supervisor, rng = rig.supervisors[0], np.random.default_rng(1)
    under_way: list[tuple[int, bytes]] = []

    def attack(number: int) -> None:
        payload = supervisor.coder.encode(voice(number, 0.02, supervisor.rate_hz))
        packet = supervisor.packet(payload, supervisor.payload_type)
        supervisor.sequence += 1
        supervisor.timestamp += supervisor.coder.ticks(supervisor.rate_hz // 50)
        if rng.random() >= 0.3:
            copies = 1 + (rng.random() < 0.1)
            under_way.extend((number + int(rng.integers(0, 11)), packet) for _ in range(copies))
        for due, packet in sorted(under_way):
            if due <= number:
                supervisor.post(packet)
                rig.taken()
        under_way[:] = [late for late in under_way if late[0] > number]

    assert_unharmed(rig, attack, packets=250)
    assert_whisper_is_prompt(rig)


def test_ten_times_too_fast(rig: CodecRig) -> None:
    supervisor = rig.supervisors[0]

    def attack(number: int) -> None:
        for part in range(10):
            supervisor.say(voice((number, part), 0.02, supervisor.rate_hz))
            rig.taken()

    assert_unharmed(rig, attack)
    assert_whisper_is_prompt(rig)


def test_packets_of_1_to_60_ms_by_turns(rig: CodecRig) -> None:
    supervisor = rig.supervisors[0]
    lengths_ms = [1, 60, 5, 30, 2, 10, 40, 20, 3]

    def attack(number: int) -> None:
        ms = lengths_ms[number % len(lengths_ms)]
        samples = voice(number, ms / 1000, supervisor.rate_hz)
        if supervisor.law != "opus" or ms in (5, 10, 20, 40, 60):
            supervisor.say(samples)

    assert_unharmed(rig, attack)
    assert_whisper_is_prompt(rig)


@pytest.mark.parametrize("codec", CODECS)
def test_garbage_of_every_length_in_every_codec(codec: str) -> None:
    with CodecRig(laws=("PCMA", "PCMA")) as rig:
        supervisor = rig.supervisor(codec)
        rig.whisper(supervisor)
        rng = np.random.default_rng(2)
        lengths = [0, 1, 2, 3, 40, 160, 161, 320, 641, 960, 961, 1275, 1276, 1400]

        def attack(number: int) -> None:
            for length in rng.choice(lengths, 3):
                supervisor.post(supervisor.packet(rng.bytes(int(length)), supervisor.payload_type))
                rig.taken()
                supervisor.sequence += 1
                supervisor.timestamp += int(rng.integers(0, 1000))

        assert_unharmed(rig, attack)
        supervisor.timestamp += 1 << 20
        assert_whisper_is_prompt(rig)


@pytest.mark.parametrize("leap", ["timestamps", "sequence", "ssrc", "everything"])
def test_a_stream_that_leaps_about(rig: CodecRig, leap: str) -> None:
    supervisor, rng = rig.supervisors[0], np.random.default_rng(3)

    def attack(number: int) -> None:
        if leap in ("timestamps", "everything"):
            supervisor.timestamp = int(rng.integers(0, 1 << 32))
        if leap in ("sequence", "everything"):
            supervisor.sequence = int(rng.integers(0, 1 << 16))
        if leap in ("ssrc", "everything"):
            supervisor.ssrc = int(rng.integers(0, 1 << 32))
        supervisor.say(voice(number, 0.02, supervisor.rate_hz))

    assert_unharmed(rig, attack)
    assert_whisper_is_prompt(rig)


def test_everybody_has_one_ssrc(rig: CodecRig) -> None:
    """Each leg is a session of its own: a collision between two of them is none."""
    supervisor = rig.supervisors[0]
    rig.caller.ssrc = rig.advisor.ssrc = supervisor.ssrc = 4711
    rig.caller.sequence = rig.advisor.sequence = supervisor.sequence = 7
    rig.caller.timestamp = rig.advisor.timestamp = supervisor.timestamp = 70

    def attack(number: int) -> None:
        supervisor.say(voice(number, 0.02, supervisor.rate_hz))

    assert_unharmed(rig, attack)
    assert_whisper_is_prompt(rig)


# ── numbers that wrap ──


@pytest.mark.parametrize("before", range(1, 13))
def test_numbers_wrap_so_many_packets_after_a_change_of_mode(before: int) -> None:
    """Of everybody at once, at each place between and beside the changes."""
    with CodecRig(laws=("PCMA", "PCMA")) as rig:
        supervisor = rig.supervisor("PCMA")
        for phone in rig.phones():
            phone.sequence, phone.timestamp = 0x10000 - before, (1 << 32) - 160 * before
        rng = np.random.default_rng(before)
        for number in range(24):
            if number % 3 == 0:
                modes(rig, (Mode.LISTEN, Mode.WHISPER, Mode.BARGE, Mode.WHISPER)[number // 3 % 4])
            secret = rng.bytes(160)
            supervisor.send(secret)
            rig.taken()
            answer = rng.bytes(160)
            rig.caller.send(rng.bytes(160))
            rig.taken()
            rig.advisor.send(answer)
            rig.passes(20)
            fresh = [packet.payload for packet in rig.caller.listen()]
            if (number // 3 % 4, number % 3) not in ((2, 0), (2, 1), (2, 2), (3, 0)):  # barge, and its echo
                assert fresh == [answer], number
        rig.advisor.listen()
        for phone in (rig.caller, rig.advisor):
            numbers = [packet.sequence for packet in phone.heard]
            assert [(number - numbers[0]) & 0xFFFF for number in numbers] == list(range(24))
            stamps = [packet.timestamp for packet in phone.heard]
            assert {(later - earlier) & 0xFFFFFFFF for earlier, later in itertools.pairwise(stamps)} == {160}


# ── strangers ──


def rtp(number: int, ssrc: int, mark: int) -> bytes:
    return struct.pack("!BBHII", 0x80, PT["PCMA"], number & 0xFFFF, 160 * number, ssrc) + bytes([mark]) * 160


@pytest.mark.parametrize("where", ["caller", "advisor", "supervisor"])
def test_packets_put_in_by_a_stranger_are_heard_by_nobody(where: str) -> None:
    """In the very stream of the one it plays: only its address tells it from them."""
    with CodecRig(laws=("PCMA", "PCMA")) as rig:
        supervisor = rig.supervisor("PCMA")
        rig.whisper(supervisor)
        victim: CodecPhone = {"caller": rig.caller, "advisor": rig.advisor, "supervisor": supervisor}[where]
        supervisor.say(voice(0, 0.02, 8000))
        rig.step((rig.caller, b"\xd5" * 160), (rig.advisor, b"\xd5" * 160))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:

            def attack(number: int) -> None:
                supervisor.send(b"\xd5" * 160)
                for ahead in range(3):
                    stranger.sendto(
                        rtp(victim.sequence + ahead, victim.ssrc, 0x2A), ("127.0.0.1", victim.port)
                    )
                    victim.posted += 1
                rig.taken()

            assert_unharmed(rig, attack, packets=50)
            assert victim.refused() == {"foreign_source": 150}
            assert all(packet.payload != b"\x2a" * 160 for packet in rig.advisor.heard)
            stranger.setblocking(False)
            with pytest.raises(BlockingIOError):
                stranger.recv(2048)


def test_two_supervisors_whose_addresses_are_swapped() -> None:
    """A NAT gives each the other's place: nobody is taken for the other until a re-INVITE has said so."""
    with CodecRig(laws=("PCMA", "PCMA")) as rig:
        one, other = rig.supervisor("PCMA"), rig.supervisor("PCMA")
        modes(rig, Mode.BARGE, Mode.WHISPER)
        loud, quiet = b"\x2a" * 160, b"\xd5" * 160
        for _ in range(3):
            rig.step((one, quiet), (other, loud), (rig.caller, quiet), (rig.advisor, quiet))
        one.port, other.port = other.port, one.port  # each sends to the leg of the other
        rig.caller.forget()
        for _ in range(40):
            rig.step((one, quiet), (other, loud), (rig.caller, quiet), (rig.advisor, quiet))
        assert np.abs(rig.caller.audio()).max() < 100, "she who whispers is not heard on the barging leg"
        assert one.refused() == other.refused() == {"foreign_source": 40}
        one.port, other.port = other.port, one.port
        one.socket, other.socket = other.socket, one.socket
        one.connect()
        other.connect()
        rig.sync()
        rig.caller.forget()
        for _ in range(10):
            rig.step((one, quiet), (other, loud), (rig.caller, quiet), (rig.advisor, quiet))
        assert np.abs(rig.caller.audio()).max() < 100
        assert np.abs(rig.advisor.audio()[-320:]).max() > 3000, "the advisor hears the whisper"


def reports(rng: np.random.Generator) -> Iterator[bytes]:
    """Goodbyes, reports on everybody, application packets, and what only looks like them."""
    while True:
        ssrc = int(rng.choice([1, 2, 10, 4711]))
        yield struct.pack("!BBHI", 0x81, 203, 1, ssrc)
        yield struct.pack("!BBHI4s", 0x81, 204, 2 + 50, ssrc, b"EVIL") + rng.bytes(200)
        yield struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, 1 << 63, 5, 6, 7)
        yield struct.pack("!BBHI", 0x9F, 201, 187, ssrc) + rng.bytes(744)
        yield struct.pack("!BBHI", 0x81, 203, 0xFFFF, ssrc)
        yield b"\x80\xc8" + rng.bytes(int(rng.integers(0, 1400)))


@pytest.mark.parametrize("muxed", [False, True], ids=["own port", "muxed"])
def test_a_flood_of_rtcp_on_every_leg(muxed: bool) -> None:
    with CodecRig(laws=("PCMA", "PCMA"), rtcp=True) as rig:
        rig.whisper(rig.supervisor("PCMA"))
        for phone in rig.phones():
            phone.connect(rtcp_mux=muxed)
        rig.sync()
        made = reports(np.random.default_rng(4))

        def attack(number: int) -> None:
            rig.supervisors[0].send(b"\x2a" * 160)
            for phone in rig.phones():
                for _ in range(20):
                    if muxed:
                        phone.post(next(made))
                    else:
                        phone.socket.sendto(next(made), ("127.0.0.1", phone.port + 1))
                rig.taken()

        assert_unharmed(rig, attack, packets=50)


def test_nothing_is_kept_of_a_flood() -> None:
    with CodecRig(laws=("PCMA", "PCMA"), rtcp=True) as rig:
        rig.whisper(rig.supervisor("PCMA"))
        for phone in rig.phones():
            phone.connect(rtcp_mux=True)
        rig.sync()
        made = reports(np.random.default_rng(5))

        def flood(packets: int) -> int:
            for number in range(packets):
                rig.phones()[number % 3].post(next(made))
                if number % 30 == 0:
                    rig.passes(5)
            return resident_kb()

        before_kb = flood(3_000)
        assert flood(30_000) - before_kb < 3_000, "of 12 MB"
