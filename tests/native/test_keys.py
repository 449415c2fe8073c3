"""Telephone-events (RFC 4733): lifted out once per press, and passed on only where they are meant to go."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import pytest
from rig import EVENT_PT, Rig, Telephone, tone
from sounds import leak, noise

VOICE = b"\x12" * 160


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig() as rig:
        rig.talk()
        rig.sync()
        yield rig


def event(phone: Telephone, digit: int, duration: int, *, end: bool = False, marker: bool = False) -> None:
    """One packet of a press that began at the phone's timestamp."""
    phone.post(phone.packet(struct.pack("!BBH", digit, end << 7 | 10, duration), EVENT_PT, marker))
    phone.sequence += 1


def presses(rig: Rig) -> list[tuple[int, str, int]]:
    """(leg, key, duration so far in ms) of the presses reported since the last time."""
    return [(leg, value, count) for name, leg, value, count, _ in rig.engine.events() if name == "key"]


def keys_heard(phone: Telephone) -> list[int]:
    phone.listen()
    return [p.payload[0] for p in phone.heard if p.payload_type == EVENT_PT]


def whispering(rig: Rig) -> Telephone:
    """A supervisor who whispers, with all three already talking."""
    supervisor = rig.supervisor()
    both = [
        (rig.caller, rig.advisor),
        (rig.advisor, rig.caller),
        (rig.caller, supervisor),
        (rig.advisor, supervisor),
    ]
    rig.path(*both, (supervisor, rig.advisor))
    rig.sync()
    for _ in range(4):
        rig.step((supervisor, VOICE), (rig.caller, VOICE), (rig.advisor, VOICE))
    for phone in rig.phones():
        phone.forget()
    return supervisor


def test_each_press_is_reported_once(rig: Rig) -> None:
    for digit in range(16):
        rig.caller.key(digit, packets=5)
        rig.sync()
    assert presses(rig) == [(rig.caller.leg, key, 20) for key in "0123456789*#ABCD"]


def test_a_press_is_reported_with_the_first_of_its_packets_that_comes(rig: Rig) -> None:
    """Whatever becomes of the rest: the caller may hang up while the key is still down."""
    event(rig.caller, 9, 160, marker=True)
    rig.sync()
    assert presses(rig) == [(rig.caller.leg, "9", 20)]
    rig.caller.timestamp += 800
    event(rig.caller, 8, 640, end=True)
    rig.sync()
    assert presses(rig) == [(rig.caller.leg, "8", 80)]


@pytest.mark.parametrize("ends", [0, 1, 2, 3, 9])
def test_lost_or_repeated_ends_do_not_change_the_count(rig: Rig, ends: int) -> None:
    rig.caller.key(5, ends=ends)
    rig.caller.key(5, ends=ends)
    rig.sync()
    assert [key for _, key, _ in presses(rig)] == ["5", "5"]


def test_late_packets_of_an_earlier_press_are_not_presses(rig: Rig) -> None:
    """Packets that the network held back until the next press had begun."""
    phone = rig.caller
    event(phone, 1, 160)
    event(phone, 1, 640, end=True)
    began = phone.timestamp
    phone.timestamp += 800
    event(phone, 2, 160)
    phone.timestamp = began
    event(phone, 1, 640, end=True)
    event(phone, 1, 640, end=True)
    phone.timestamp += 800
    event(phone, 2, 640, end=True)
    event(phone, 2, 640, end=True)
    rig.sync()
    assert [key for _, key, _ in presses(rig)] == ["1", "2"]


def test_codes_that_are_no_keys_and_truncated_events_are_not_presses(rig: Rig) -> None:
    for code in (16, 32, 255):
        rig.caller.key(code)
    rig.caller.send(b"\x05\x8a", EVENT_PT)
    rig.sync()
    assert presses(rig) == []


def test_the_callers_keys_reach_the_advisor(rig: Rig) -> None:
    rig.step((rig.caller, VOICE))
    rig.caller.key(9)
    rig.step((rig.caller, VOICE))
    assert keys_heard(rig.advisor) == [9] * 7
    first = rig.advisor.heard[0].sequence
    assert [p.sequence - first for p in rig.advisor.heard] == list(range(9))
    assert len({p.timestamp for p in rig.advisor.heard[1:8]}) == 1


@pytest.mark.parametrize("listened", [False, True], ids=["alone", "listened to"])
def test_the_advisors_keys_never_reach_the_caller_and_leave_no_gap(rig: Rig, listened: bool) -> None:
    if listened:
        supervisor = rig.supervisor()
        both = [(rig.caller, rig.advisor), (rig.advisor, rig.caller)]
        rig.path(*both, (rig.caller, supervisor), (rig.advisor, supervisor))
        rig.sync()
    rig.step((rig.advisor, VOICE))
    for digit in (10, 9, 9):
        rig.advisor.key(digit)
        rig.step((rig.advisor, VOICE))
    assert keys_heard(rig.caller) == []
    first = rig.caller.heard[0].sequence
    assert [p.sequence - first for p in rig.caller.heard] == [0, 1, 2, 3]
    assert [key for _, key, _ in presses(rig)] == ["*", "9", "9"]


@pytest.mark.parametrize("mode", ["listen", "whisper", "barge", "takeover"])
def test_a_supervisors_keys_reach_nobody(rig: Rig, mode: str) -> None:
    supervisor, other = rig.supervisor(), rig.supervisor()
    paths = [(rig.caller, rig.advisor), (rig.caller, supervisor), (rig.caller, other), (rig.advisor, other)]
    if mode != "takeover":
        paths.append((rig.advisor, rig.caller))
    if mode != "listen":
        paths += [(supervisor, rig.advisor), (supervisor, other)]
    if mode in ("barge", "takeover"):
        paths.append((supervisor, rig.caller))
    rig.path(*paths)
    rig.sync()
    for round_number in range(6):
        rig.step((supervisor, VOICE))
        if round_number == 3:
            supervisor.key(5)
        rig.step((rig.caller, VOICE), (rig.advisor, VOICE))
    for phone in rig.phones():
        assert keys_heard(phone) == []
        numbers = [p.sequence for p in phone.heard]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert presses(rig) == [(supervisor.leg, "5", 20)]


def test_the_callers_keys_reach_the_advisor_in_a_whisper_too(rig: Rig) -> None:
    supervisor = whispering(rig)
    rig.caller.key(3)
    rig.step((supervisor, VOICE), (rig.caller, VOICE))
    assert keys_heard(rig.advisor) == [3] * 7
    numbers = [p.sequence for p in rig.advisor.heard]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len({p.timestamp for p in rig.advisor.heard if p.payload_type == EVENT_PT}) == 1
    assert keys_heard(supervisor) == []


def test_a_press_between_audio_packets_stays_one_press_in_a_whisper(rig: Rig) -> None:
    """RFC 4733 §2.5.1.2: a phone may send its audio along with the event; the press keeps one timestamp all
    the same.
    """
    supervisor = whispering(rig)
    began = rig.caller.timestamp
    for number in range(4):
        now, rig.caller.timestamp = rig.caller.timestamp, began
        event(rig.caller, 8, 160 * (number + 1), end=number == 3)
        rig.caller.timestamp = now
        rig.step((supervisor, VOICE), (rig.caller, VOICE))
    assert keys_heard(rig.advisor) == [8] * 4
    assert len({p.timestamp for p in rig.advisor.heard if p.payload_type == EVENT_PT}) == 1
    assert presses(rig) == [(rig.caller.leg, "8", 20)]


@pytest.mark.parametrize("whisper", [False, True], ids=["alone", "in a whisper"])
def test_keys_the_advisor_must_not_have_leave_no_gap_when_the_network_repeats_or_reorders_them(
    whisper: bool,
) -> None:
    """Keys kept back take their numbers with them, each once, whatever order they come in."""
    with Rig() as rig:
        rig.caller, rig.advisor = rig.advisor, rig.caller  # whose keys pass, seen from the other side
        rig.talk()
        rig.sync()
        supervisor = None
        if whisper:
            supervisor = rig.supervisor()
            rig.path((rig.caller, rig.advisor), (rig.advisor, rig.caller), (supervisor, rig.advisor))
            rig.sync()
        rng = np.random.default_rng(1)
        said = []
        for number in range(8):
            if supervisor:
                supervisor.say(tone(0))
                rig.sync()
            if number == 4:
                packet = rig.caller.packet(struct.pack("!BBH", 9, 0x8A, 640), EVENT_PT)
                rig.caller.sequence += 1
                for _ in range(3):  # the network makes three of it
                    rig.caller.post(packet)
                    rig.sync()
            if number == 6:  # the key comes behind the audio that followed it
                late = rig.caller.packet(struct.pack("!BBH", 9, 0x8A, 640), EVENT_PT)
                rig.caller.sequence += 1
            said.append(noise(rng, 160, 3000))
            rig.caller.say(said[-1])
            rig.sync()
            if number == 6:
                rig.caller.post(late)
                rig.sync()
        rig.advisor.listen()
        assert keys_heard(rig.advisor) == []
        numbers = [p.sequence - rig.advisor.heard[0].sequence for p in rig.advisor.heard]
        assert len(set(numbers)) == len(numbers), "a number given twice makes the far side drop a packet"
        assert [n for n in numbers if n <= 5] == [0, 1, 2, 3, 4, 5]
        audio = rig.advisor.audio()
        for samples in said:
            assert any(leak(audio[at : at + 160], samples) > 0.95 for at in range(0, len(audio), 160))


def test_a_dismissed_supervisor_can_press_no_more(rig: Rig) -> None:
    supervisor = whispering(rig)
    supervisor.key(5)
    rig.sync()
    assert [key for _, key, _ in presses(rig)] == ["5"]
    rig.dismiss(supervisor)
    for _ in range(2):
        rig.step((rig.caller, VOICE))
    supervisor.socket.sendto(b"\x80" * 16, ("127.0.0.1", supervisor.port))
    assert presses(rig) == []


def test_a_supervisors_key_shuts_their_way_to_the_caller_at_once(rig: Rig) -> None:
    """They may mean to whisper from now on: nobody has to tell the engine for it, only to open the way again."""
    supervisor = rig.supervisor()
    both = [
        (rig.caller, rig.advisor),
        (rig.advisor, rig.caller),
        (rig.caller, supervisor),
        (rig.advisor, supervisor),
    ]
    barge = [*both, (supervisor, rig.advisor), (supervisor, rig.caller)]
    rig.path(*barge)
    rig.sync()
    rng = np.random.default_rng(3)
    secret = noise(rng, 160 * 20)

    def talk(spoken: np.ndarray) -> list[bytes]:
        """The supervisor says this beside the parties; what the advisor said meanwhile."""
        said = []
        for at in range(0, len(spoken), 160):
            said.append(rng.bytes(160))
            supervisor.say(spoken[at : at + 160])
            rig.step((rig.caller, VOICE), (rig.advisor, said[-1]))
        return said

    talk(noise(rng, 160 * 10))
    event(supervisor, 5, 160)
    rig.sync()
    for phone in rig.phones():
        phone.forget()
    said = talk(secret)
    rig.sync()
    rig.caller.listen()
    heard = [packet.payload for packet in rig.caller.heard]
    assert heard[1:] == said[1:]  # the first still has the fading echo of what was heard before the key
    rig.path(*barge)
    rig.sync()
    rig.caller.forget()
    talk(secret)
    rig.sync()
    assert leak(secret[1600:2400], rig.caller.audio()) > 0.3


@pytest.mark.parametrize(
    ("caller_hz", "advisor_hz", "told"),
    [(8000, 48000, [160, 320, 10922, 60000]), (48000, 8000, [160, 320, 10922, 60000]), (8000, 8000, [160])],
)
@pytest.mark.parametrize("listened", [False, True])
def test_durations_go_on_by_the_listeners_clock(
    rig: Rig, caller_hz: int, advisor_hz: int, told: list[int], listened: bool
) -> None:
    """A press longer than 16 bits can say by the faster clock stays at the most that they can."""
    rig.caller.connect(event_clock_hz=caller_hz)
    rig.advisor.connect(event_clock_hz=advisor_hz)
    rig.sync()
    if listened:
        whispering(rig)
    for duration in told:
        event(rig.caller, 5, duration)
    rig.done()
    rig.advisor.listen()
    heard = [struct.unpack("!BBH", p.payload) for p in rig.advisor.heard if p.payload_type == EVENT_PT]
    assert heard == [(5, 10, min(0xFFFF, duration * advisor_hz // caller_hz)) for duration in told]
