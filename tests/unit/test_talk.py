"""Who speaks: turns, over-talk, interruptions, dead air; from transcripts, a letter per 100 ms.

c: the caller's audio is speech, a: the advisor's, b: both, a dot: neither.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.talk import DEAD_AIR_S, Talk, Talking


def heard(transcript: str, *, on_hold: bool = False) -> Talk:
    talk = Talk()
    for letter in transcript:
        talk.hear(0.1, caller=letter in "cb", advisor=letter in "ab", on_hold=on_hold)
    return talk


@pytest.mark.parametrize(
    ("transcript", "talking"),
    [
        ("", "nobody"),
        ("c", "caller"),
        ("ccc...", "caller"),
        ("ccc....", "nobody"),
        ("aaa", "advisor"),
        ("cccaaa", "both"),  # a pause of the caller's ends their turn a little later
        ("cccaaaaaa", "advisor"),
        ("b", "both"),
    ],
)
def test_who_speaks(transcript: str, talking: str) -> None:
    assert heard(transcript).talking == talking


def test_a_pause_between_words_does_not_end_a_turn() -> None:
    facts = heard("cc.cc..cc...cc").facts()
    assert facts["seconds"]["caller"] == 1.4 and facts["seconds"]["nobody"] == 0


def test_a_click_begins_no_turn() -> None:
    talk = Talk()
    for number in range(100):
        talk.hear(0.02, caller=number % 10 < 3, advisor=False)
    assert talk.facts()["seconds"]["caller"] == 0


@pytest.mark.parametrize(
    ("transcript", "overtalks", "by"),
    [
        ("cccccbbbbbccc", 1, "advisor"),
        ("aaaaabbbbbaaa", 1, "caller"),
        ("bbbbbb", 1, None),
        ("ccccccaaaa", 0, None),  # a quick answer is none: the turns overlap by the pause that ends one
        ("cccbbbbbcccccccccbbbbbccc", 2, "advisor"),
    ],
)
def test_over_talk_and_who_interrupted(transcript: str, overtalks: int, by: str | None) -> None:
    facts = heard(transcript).facts()
    assert facts["overtalks"] == overtalks
    wanted = {"caller": 0, "advisor": 0}
    if by:
        wanted[by] = overtalks
    assert facts["interruptions"] == wanted


def test_dead_air_is_counted_once_with_all_of_its_seconds() -> None:
    talk = heard("c" * 10 + "." * 100)
    assert talk.dead_air
    facts = talk.facts()
    assert facts["dead_airs"] == 1
    assert facts["dead_air_s"] == pytest.approx(9.7, abs=0.11)
    talk.hear(0.1, caller=True, advisor=False)
    assert not talk.dead_air and talk.facts()["dead_airs"] == 1


def test_on_hold_there_is_no_dead_air() -> None:
    assert heard("." * 100, on_hold=True).facts()["dead_airs"] == 0


def test_a_change_is_told() -> None:
    talk = Talk()
    assert talk.hear(0.1, caller=True, advisor=False)
    assert not talk.hear(0.1, caller=True, advisor=False)
    told = [talk.hear(0.1, caller=False, advisor=False) for _ in range(60)]
    assert told.count(True) == 2, "the end of the turn, the beginning of dead air"


@given(st.text(alphabet="cab.", max_size=200))
def test_every_second_is_somebodys(transcript: str) -> None:
    talk = heard(transcript)
    facts = talk.facts()
    assert sum(facts["seconds"].values()) == pytest.approx(len(transcript) / 10, abs=0.21)
    assert sum(facts["interruptions"].values()) <= facts["overtalks"]
    assert facts["dead_air_s"] <= facts["seconds"]["nobody"] + 0.06
    assert (facts["dead_airs"] == 0) == (facts["dead_air_s"] == 0)
    assert talk.dead_air is (talk.talking is Talking.NOBODY and talk.dead_air)
    assert DEAD_AIR_S * facts["dead_airs"] <= facts["dead_air_s"] + 1e-6
