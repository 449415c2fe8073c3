"""A caller whose stream begins anew or loses much in the middle of a whisper is heard on, by the advisor whose pace it sets
and by the supervisor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from conversation import converse
from rig import Rig, Telephone, tone, wait_until
from sounds import likeness, speech

WORDS = 4000
"""Samples: half a second."""


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig() as rig:
        fiona = rig.supervisor()
        rig.path(
            (rig.caller, rig.advisor),
            (fiona, rig.advisor),
            (rig.advisor, rig.caller),
            (rig.caller, fiona),
            (rig.advisor, fiona),
        )
        rig.sync()
        yield rig


def new_ssrc(phone: Telephone) -> None:
    phone.ssrc ^= 0x5A5A
    phone.sequence, phone.timestamp = 17, 99


def new_ssrc_a_little_earlier(phone: Telephone) -> None:
    """By less than a voice is kept: nothing of it is late."""
    phone.ssrc ^= 0x5A5A
    phone.timestamp = (phone.timestamp - 3200) & 0xFFFFFFFF


def other_numbers(phone: Telephone) -> None:
    phone.sequence = (phone.sequence + 30_000) & 0xFFFF


def later_clock(phone: Telephone) -> None:
    phone.timestamp = (phone.timestamp + 5_000_000) & 0xFFFFFFFF


def earlier_clock(phone: Telephone) -> None:
    phone.timestamp = (phone.timestamp - 5_000_000) & 0xFFFFFFFF


def all_of_it(phone: Telephone) -> None:
    new_ssrc(phone)
    later_clock(phone)


TROUBLES = [new_ssrc, new_ssrc_a_little_earlier, other_numbers, later_clock, earlier_clock, all_of_it]


def followed(heard: np.ndarray, said: np.ndarray) -> None:
    """It is heard throughout, but where a busy machine let the clock stand in once."""
    windows = likeness(heard, said, start=800, window=800)
    good = sum(correlation > 0.95 and abs(level) < 1 for correlation, level in windows)
    assert good >= max(2, len(windows) - 2), windows


def numbered_on(phone: Telephone) -> None:
    phone.listen()
    numbers = [(packet.sequence - phone.heard[0].sequence) & 0xFFFF for packet in phone.heard]
    assert numbers == list(range(len(numbers)))
    assert len({packet.ssrc for packet in phone.heard}) == 1


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_who_begins_anew_is_heard_on(rig: Rig, trouble: Callable[[Telephone], None]) -> None:
    fiona, quiet = rig.supervisors[0], np.zeros(WORDS, np.int16)
    converse(rig, [(fiona, quiet[:1600]), (rig.caller, quiet[:1600])], real_time=True)
    before = [len(phone.audio()) for phone in (rig.advisor, fiona)]
    trouble(rig.caller)
    words = speech(np.random.default_rng(7), WORDS)
    converse(rig, [(fiona, quiet), (rig.advisor, quiet), (rig.caller, words)], real_time=True)
    for phone, begin in zip((rig.advisor, fiona), before, strict=True):
        followed(phone.audio()[begin:], words)
        numbered_on(phone)


@pytest.mark.parametrize("who", ["advisor", "supervisor"])
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_so_is_who_is_laid_over_anothers_packets(
    rig: Rig, trouble: Callable[[Telephone], None], who: str
) -> None:
    fiona, quiet = rig.supervisors[0], np.zeros(WORDS, np.int16)
    speaker, listener = (rig.advisor, fiona) if who == "advisor" else (fiona, rig.advisor)
    other = fiona if who == "advisor" else rig.advisor
    lead = speech(np.random.default_rng(8), 1600)
    converse(rig, [(other, quiet[:1600]), (speaker, lead), (rig.caller, quiet[:1600])], real_time=True)
    before = len(listener.audio())
    trouble(speaker)
    words = speech(np.random.default_rng(7), WORDS)
    converse(rig, [(other, quiet), (speaker, words), (rig.caller, quiet)], real_time=True)
    followed(listener.audio()[before:], words)


def test_three_packets_in_ten_lost_cost_no_more_than_themselves(rig: Rig) -> None:
    """What was lost is made up at its place: the advisor has as many packets as were meant, and hears no delay."""
    fiona = rig.supervisors[0]
    network = np.random.default_rng(3)
    packets = 100
    lost = network.random(packets) < 0.3
    lost[[0, -1]] = False
    assert lost.sum() == 30
    body = np.zeros(160, np.int16)
    for each in lost:
        if each:
            rig.caller.sequence += 1
            rig.caller.timestamp += 160
        else:
            rig.caller.say(body)
        fiona.say(body)
        rig.done()
    wait_until(lambda: rig.caller.stats()["received"] == packets - lost.sum(), "the packets to come")
    rig.advisor.listen()
    stats = rig.caller.stats()
    assert stats["lost"] == lost.sum()
    assert len(rig.advisor.heard) >= packets - 3, "what was lost is filled"
    numbered_on(rig.advisor)


def test_a_lost_packets_place_is_made_up_from_what_was_said_before_it(rig: Rig) -> None:
    """Towards an advisor who is whispered to: a steady note goes on over one packet in ten that is lost."""
    note, fiona = tone(400, 20), rig.supervisors[0]  # eight whole periods: each packet is like the one before
    for number in range(60):
        fiona.say(np.zeros(160, np.int16))
        if number % 10 == 7:
            rig.caller.sequence += 1
            rig.caller.timestamp += 160
        else:
            rig.caller.say(note)
        rig.done()
    rig.sync()
    heard = rig.advisor.audio()
    level = np.sqrt(np.mean(heard.astype(float).reshape(-1, 160) ** 2, axis=1))
    assert len(level) == 60
    assert np.all(level[5:] > 3000), level
