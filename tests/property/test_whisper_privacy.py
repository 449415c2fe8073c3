"""A whisper never reaches the caller: not a sample, whatever the supervisors do, in whatever order.

Shown in two ways on the real engine, over random stories of up to three supervisors who speak loudly all the
time:

* The caller hears the same, bit for bit, whatever the supervisors say while they have no path to the caller.
  Two plays of one story, which differ in that alone, are compared; so no way from such a sample to the caller
  can be overlooked, however small or distorted.
* While nobody has a path to the caller, what the caller receives is what the advisor sent, byte by byte; but
  for the one packet in which what was last open fades, and that holds nothing said since.
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[1] / "native"))

from keyring import PROFILES, Keyring
from native.g711 import decode_array
from rig import Rig
from scenario import Do, Heard, Play, Step
from sounds import leak

from gateway.core.model import Mode

MODES = st.sampled_from(Mode)
CHANGE = st.builds(Step, st.just(Do.CHANGE), who=st.integers(0, 2), mode=MODES)
PEOPLE = st.one_of(
    CHANGE,
    CHANGE,
    st.builds(Step, st.just(Do.JOIN), mode=MODES),
    st.builds(Step, st.just(Do.LEAVE), who=st.integers(0, 2)),
)
TROUBLE = st.one_of(
    st.builds(Step, st.sampled_from([Do.ADVISOR_LOST, Do.CALLER_LOST]), frames=st.integers(1, 3)),
    st.builds(Step, st.sampled_from([Do.HOLD, Do.RESUME, Do.HOLD_CALLER, Do.RESUME_CALLER])),
)
TALK = st.builds(Step, st.just(Do.TALK), frames=st.sampled_from([0, 0, 1, 1, 2, 4]))
SILENT = st.builds(Step, st.just(Do.SILENT), frames=st.integers(2, 5))
START = [Step(Do.TALK, frames=2), Step(Do.JOIN, mode=Mode.WHISPER), Step(Do.TALK, frames=2)]


def stories(*happenings: st.SearchStrategy[Step], most: int) -> st.SearchStrategy[list[Step]]:
    """Something happens, people talk on (or not, before the next thing happens), and so on."""
    beat = st.tuples(st.one_of(*happenings), TALK)
    return st.lists(beat, min_size=most // 4, max_size=most).map(
        lambda beats: START + [step for beat in beats for step in beat]
    )


STORIES = stories(PEOPLE, PEOPLE, PEOPLE, TROUBLE, most=24)
SILENT_STORIES = stories(PEOPLE, SILENT, most=8)

QUICK = settings(
    max_examples=40,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
THOROUGH = settings(QUICK, max_examples=1000)
LAWS = st.sampled_from([("PCMA", "PCMA"), ("PCMA", "PCMA"), ("PCMU", "PCMU"), ("PCMA", "PCMU")])
SEEDS = st.integers(0, 2**31)
SUITES = st.sampled_from(list(PROFILES))


def play(
    steps: list[Step], laws: tuple[str, str], seed: int, secret: int, suites: tuple[str, str] | None = None
) -> Play:
    keys = (Keyring(suites[0], 1), Keyring(suites[1], 3)) if suites else (None, None)
    with Rig(laws=laws, keys=keys) as rig:
        told = Play(rig, seed, secret)
        told(steps)
        return told


def assert_identical_while_nobody_is_open(heard: list[Heard]) -> None:
    for number, frame in enumerate(heard):
        if frame.open or frame.by_clock or frame.fresh:
            continue
        expected = [] if frame.advisor is None or frame.caller_held else [frame.advisor]
        assert frame.payloads == expected, (
            f"frame {number} of the advisor's was changed on its way to the caller"
        )


def assert_no_secret(told: Play) -> None:
    """No frame that the caller received is like anything that a supervisor had said on a closed path until
    then.
    """
    for number, frame in enumerate(told.heard):
        for payload in frame.payloads:
            if payload == frame.advisor:
                continue
            samples = decode_array(told.rig.caller.law, payload).astype(int)
            for supervisor in told.everyone:
                secret = [said for is_open, said in supervisor.said[: number + 1] if not is_open]
                if secret:
                    assert leak(samples, np.concatenate(secret[-50:])) < 0.5, (
                        f"frame {number}, supervisor {supervisor.number}"
                    )


def whatever_they_whisper(
    steps: list[Step], laws: tuple[str, str], seed: int, suites: tuple[str, str] | None = None
) -> None:
    one = play(steps, laws, seed, seed + 1, suites).heard
    other = play(steps, laws, seed, seed + 2, suites).heard
    if laws[0] == laws[1]:
        assert_identical_while_nobody_is_open(one)
    if any(frame.by_clock for frame in [*one, *other]):
        return  # the machine stood still, and the clock stepped in, in one play only: nothing to compare
    for number, (first, second) in enumerate(zip(one, other, strict=True)):
        assert first.payloads == second.payloads, (
            f"what the caller hears in frame {number} depends on a whisper"
        )


def while_the_clock_runs(steps: list[Step], seed: int) -> None:
    told = play(steps, ("PCMA", "PCMA"), seed, secret=seed + 1)
    assert_identical_while_nobody_is_open(told.heard)
    assert_no_secret(told)


@given(steps=STORIES, laws=LAWS, seed=SEEDS)
@QUICK
def test_the_caller_hears_the_same_whatever_is_whispered(
    steps: list[Step], laws: tuple[str, str], seed: int
) -> None:
    whatever_they_whisper(steps, laws, seed)


@given(steps=STORIES, laws=LAWS, seed=SEEDS, suites=st.tuples(SUITES, SUITES))
@settings(QUICK, max_examples=15)
def test_the_caller_hears_the_same_inside_srtp(
    steps: list[Step], laws: tuple[str, str], seed: int, suites: tuple[str, str]
) -> None:
    """Both parties' legs secured, through holds that keep the keys: what is inside the packets is as without."""
    whatever_they_whisper(steps, laws, seed, suites)


@pytest.mark.thorough
@pytest.mark.timeout(900)
@given(steps=STORIES, laws=LAWS, seed=SEEDS)
@THOROUGH
def test_the_caller_hears_the_same_in_many_stories(
    steps: list[Step], laws: tuple[str, str], seed: int
) -> None:
    whatever_they_whisper(steps, laws, seed)


@given(steps=SILENT_STORIES, seed=SEEDS)
@settings(QUICK, max_examples=6)
def test_no_whisper_reaches_the_caller_while_the_clock_sets_the_pace(steps: list[Step], seed: int) -> None:
    while_the_clock_runs(steps, seed)


@pytest.mark.thorough
@pytest.mark.timeout(900)
@given(steps=SILENT_STORIES, seed=SEEDS)
@settings(QUICK, max_examples=150)
def test_no_whisper_reaches_the_caller_by_the_clock_in_many_stories(steps: list[Step], seed: int) -> None:
    while_the_clock_runs(steps, seed)


@pytest.mark.parametrize("mode", [Mode.LISTEN, Mode.WHISPER])
def test_a_loud_whisper_for_two_seconds(mode: Mode) -> None:
    """The plain case, told without chance: not one byte of the advisor's is changed."""
    steps = [Step(Do.TALK, frames=2), Step(Do.JOIN, mode=mode), Step(Do.TALK, frames=100)]
    with Rig() as rig:
        heard = Play(rig, 1, 2)(steps)
        assert [f.payloads for f in heard] == [[f.advisor] for f in heard]
        assert rig.caller.stats()["overlaid"] == 0
        assert rig.advisor.stats()["overlaid"] == (100 if mode is Mode.WHISPER else 0)


@pytest.mark.parametrize("between", [0, 1, 2])
@pytest.mark.parametrize("laws", [("PCMA", "PCMA"), ("PCMU", "PCMA")], ids="-".join)
def test_every_three_modes_in_a_row(laws: tuple[str, str], between: int) -> None:
    """All that one supervisor can do in three moves, with none, one or two packets before the third."""
    steps = list(START)
    for one, two, three in product(Mode, repeat=3):
        steps += [
            Step(Do.CHANGE, mode=one),
            Step(Do.TALK, frames=2),
            Step(Do.CHANGE, mode=two),
            Step(Do.TALK, frames=between),
        ]
        steps += [Step(Do.CHANGE, mode=three), Step(Do.TALK, frames=2)]
    whatever_they_whisper(steps, laws, seed=between)
