"""`gateway.core.escalation`: whom an alert rings and when, played on paper.

A scenario is text. What happens: `+ fiona` comes on duty, `- fiona` goes off, `x fiona` does not come, `? fiona` cannot
be called. What must follow, at the same second: the phones that begin to ring, and `[name]` for a tier that is reached.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.escalation import (
    AT_ONCE,
    LONG_PAUSE_S,
    ON_DUTY,
    PAUSE_S,
    RING_ROUNDS,
    Escalation,
    Tier,
)

TIERS = (
    Tier("floorwalkers", 0, (ON_DUTY,)),
    Tier("front desk", 20, ("sip:7000",)),
    Tier("management", 40, ("mona", "max")),
)


class Stage:
    """One alert, raised at 0 s, its phones and the people on duty."""

    def __init__(self, tiers: tuple[Tier, ...] = TIERS, standing: tuple[str, ...] = ()) -> None:
        self.now_s = 0.0
        self.on_duty: list[str] = []
        self.unreachable: set[str] = set()
        self.told: list[str] = []
        self.ladder = Escalation(tiers, standing, 0.0)

    def do(self, what: str) -> None:
        sign, _, who = what.partition(" ")
        if sign == "+":
            self.on_duty.append(who)
        elif sign == "-":
            self.on_duty.remove(who)
        elif sign == "?":
            self.unreachable.add(who)
        elif sign == "x":
            self.ladder.failed(who, self.now_s, self.on_duty)
        else:
            raise AssertionError(what)

    def look(self) -> None:
        self.told += [f"[{tier.name}]" for _, tier in self.ladder.advance(self.now_s, self.on_duty)]
        while (target := self.ladder.next(self.now_s, self.on_duty)) is not None:
            self.ladder.started(target, self.on_duty)
            if target in self.unreachable:
                self.ladder.unrung(target, self.now_s, self.on_duty)
            else:
                self.told.append(target)

    def until(self, second: float) -> None:
        """Let time pass as the runner does, from one due moment to the next; `look` at the last one yourself."""
        for _ in range(10_000):
            due_s = self.ladder.due_s(self.on_duty)
            if due_s is None or due_s >= second:
                break
            assert due_s >= self.now_s, "due in the past"
            self.now_s = due_s
            self.look()
        else:
            raise AssertionError("it never rests")
        self.now_s = second

    def take(self) -> str:
        told, self.told = " ".join(self.told), []
        return told


SCENARIOS = {
    "somebody on duty: the front desk after 20 s, the management after 40 s": """
        0   + fiona      [floorwalkers] fiona
        19.9
        20               [front desk] sip:7000
        39.9
        40               [management] mona max
        999
        """,
    "nobody on duty: the front desk at once, the management 20 s later": """
        0                [floorwalkers] [front desk] sip:7000
        19.9
        20               [management] mona max
        """,
    "the last one goes off duty in the middle: up at once": """
        0   + fiona      [floorwalkers] fiona
        5   - fiona      [front desk] sip:7000
        24.9
        25               [management] mona max
        """,
    "whoever comes on duty is rung, too": """
        0   + fiona      [floorwalkers] fiona
        5   + frank      frank
        """,
    "all of those on duty ring together, so many at once, the others as soon as one does not come": """
        0   + a + b + c + d    [floorwalkers] a b c
        1   x b
        3.9
        4                d
        """,
    "who did not come is rung again after a pause": """
        0   + fiona      [floorwalkers] fiona
        10  x fiona
        12.9
        13               fiona
        20               [front desk] sip:7000
        """,
    "who cannot be called is passed over and tried again": """
        0   + fiona + frank ? fiona    [floorwalkers] frank
        20               [front desk] sip:7000
        """,
}


@pytest.mark.parametrize("title", SCENARIOS)
def test_scenario(title: str) -> None:
    play(Stage(), SCENARIOS[title])


def play(stage: Stage, scenario: str) -> None:
    for line in scenario.strip().splitlines():
        second, *words = line.replace("[front desk]", "[front_desk]").split()
        stage.until(float(second))
        while words and words[0] in "+-?x":
            sign, who, *words = words
            stage.do(f"{sign} {who}")
        stage.look()
        assert stage.take().replace("front desk", "front_desk") == " ".join(words), line


def test_the_standing_list_is_rung_in_turn_behind_those_on_duty() -> None:
    stage = Stage((Tier("floorwalkers", 0, (ON_DUTY,)),), ("fiona", "frank", "flo"))
    play(
        stage,
        """
        0   + fiona      [floorwalkers] fiona
        10  x fiona      frank
        13               fiona
        15  x frank
        18               flo
        """,
    )


def test_with_nobody_on_duty_the_standing_list_is_rung_beside_the_next_tier() -> None:
    stage = Stage(standing=("fiona", "frank"))
    play(
        stage,
        """
        0                [floorwalkers] [front_desk] fiona sip:7000
        7  x fiona
        10               frank
        """,
    )


def test_nobody_is_given_up_and_it_is_said_once_that_nobody_came() -> None:
    stage = Stage((Tier("floorwalkers", 0, (ON_DUTY,)),), ("fiona",))
    stage.look()
    said = 0
    for rung in range(1, 3 * RING_ROUNDS):
        assert stage.take() == ("[floorwalkers] fiona" if rung == 1 else "fiona")
        stage.do("x fiona")
        assert stage.ladder.due_s([]) == stage.now_s + (PAUSE_S if rung < RING_ROUNDS else LONG_PAUSE_S)
        said += stage.ladder.newly_in_vain([])
        stage.until(stage.now_s + LONG_PAUSE_S)
        stage.look()
    assert said == 1


def test_nobody_at_all_to_ring_is_said_at_once() -> None:
    stage = Stage((Tier("floorwalkers", 0, (ON_DUTY,)),))
    stage.look()
    assert stage.ladder.newly_in_vain([])
    assert stage.ladder.due_s([]) is None
    stage.do("+ fiona")
    stage.look()
    assert stage.take() == "[floorwalkers] fiona"


def test_nobody_is_rung_twice_at_the_same_time() -> None:
    stage = Stage((Tier("a", 0, (ON_DUTY,)), Tier("b", 20, ("fiona", "mona"))), ("fiona",))
    play(
        stage,
        """
        0   + fiona      [a] fiona
        20               [b] mona
        """,
    )
    assert stage.ladder.ringing == {"fiona", "mona"}


PEOPLE = ("fiona", "frank", "flo", "fred", "mona")
steps = st.lists(
    st.tuples(st.sampled_from("+-?x"), st.sampled_from((*PEOPLE, "sip:7000")), st.floats(0, 15)), max_size=40
)


@given(steps)
def test_whatever_happens_everybody_in_reach_is_rung_in_the_end(played: list[tuple[str, str, float]]) -> None:
    """People come and go, phones fail: the ladder never rests for good, and every tier is reached in its time."""
    stage = Stage(standing=("fred",))
    stage.look()
    for sign, who, pause_s in played:
        if (sign == "+" and who in stage.on_duty) or (sign == "-" and who not in stage.on_duty):
            continue
        if sign == "x" and who not in stage.ladder.ringing:
            continue
        stage.do(f"{sign} {who}")
        stage.look()
        stage.until(stage.now_s + pause_s)
        ringing_on_duty = [one for one in stage.ladder.ringing if one in stage.on_duty]
        assert len(ringing_on_duty) <= 2 * AT_ONCE
    stage.until(max(stage.now_s, 40.0))
    stage.look()
    told = stage.take()
    assert "[floorwalkers]" in told and "[front desk]" in told and "[management]" in told
    assert {"mona", "max"} - stage.unreachable <= stage.ladder.ringing | {
        one for one in ("mona", "max") if f"x {one}" in {f"{sign} {who}" for sign, who, _ in played}
    }
