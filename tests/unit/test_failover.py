"""Which trunk a call takes, and which it takes next."""

from __future__ import annotations

import random
from collections import Counter
from itertools import permutations
from pathlib import Path

import pytest
from callscript import ADVISOR, CALLER, Script

from gateway.config.loading import examine_table
from gateway.config.model import Route, Trunk
from gateway.core.actions import HangUp, Invite
from gateway.core.attempts import SILENT_S, Attempts
from gateway.core.callstate import State
from gateway.core.events import LegEnded, LegTrying
from gateway.core.routing import Router, Target
from gateway.core.trunkchoice import in_order

A, B, C = (Target(f"sip:2001@{name}", name) for name in "abc")


def trunk(name: str, priority: int = 0, weight: int = 1) -> Trunk:
    return Trunk.model_validate({"name": name, "uri": f"sip:{name}", "priority": priority, "weight": weight})


def names(trunks: list[Trunk], down: str = "", draw: float = 0.0) -> str:
    return "".join(one.name for one in in_order(trunks, lambda name: name in down, lambda: draw))


def test_lowest_priority_first_and_those_that_are_down_last() -> None:
    for order in permutations([trunk("a"), trunk("b", 5), trunk("c", 9)]):
        assert names(list(order)) == "abc"
        assert names(list(order), down="a") == "bca"
        assert names(list(order), down="abc") == "abc"


def test_spread_by_weight() -> None:
    drawn = random.Random(1).random
    first = Counter(
        in_order([trunk("a", weight=3), trunk("b", weight=1), trunk("c", weight=0)], lambda _: False, drawn)[
            0
        ].name
        for _ in range(4_000)
    )
    assert 0.72 < first["a"] / 4_000 < 0.78
    assert 0.22 < first["b"] / 4_000 < 0.28
    assert first["c"] < 40
    assert names([trunk("a", weight=0), trunk("b", weight=0)], draw=0.99) == "ba"


def test_the_router_gives_the_others_in_order() -> None:
    route = Route.model_validate({"match": "2\\d{3}", "to": {"trunk": ["a", "b"]}})
    router = Router([route], [trunk("a"), trunk("b", 1)], lambda name: name == "a")
    target = router.route("2001")
    assert (target.uri, target.trunk) == ("sip:2001@b:5060", "b")
    assert [(other.uri, other.trunk) for other in target.others] == [("sip:2001@a:5060", "a")]


def test_the_next_is_tried_where_one_is_not_reached() -> None:
    for code in (408, 502, 503):
        attempts = Attempts([A, B, C], 10.0)
        assert attempts.due_s == 10.0 + SILENT_S
        assert attempts.next(code, 11.0) is B
        assert attempts.due_s == 11.0 + SILENT_S
        assert attempts.next(code, 12.0) is C
        assert attempts.due_s is None, "nobody is left for whose sake the last one should be given up"
        assert attempts.next(code, 13.0) is None
    for code in (404, 480, 486, 487, 488, 500, 603):
        assert Attempts([A, B], 0.0).next(code, 1.0) is None


def test_a_phone_that_rang_is_not_rung_by_another_trunk() -> None:
    attempts = Attempts([A, B], 0.0)
    attempts.heard(rings=False)
    assert attempts.due_s is None
    attempts.heard(rings=True)
    assert attempts.next(503, 1.0) is None


class Tried(Script):
    """A call that may go by three trunks."""

    def __init__(self) -> None:
        super().__init__(others=(B, C))
        self.start()

    @property
    def invited(self) -> list[str | None]:
        return [action.trunk for action in self.actions if isinstance(action, Invite)]


def ended(code: int) -> LegEnded:
    return LegEnded(ADVISOR, code, "so", 7)


def test_a_call_goes_from_trunk_to_trunk_and_is_answered() -> None:
    call = Tried()
    first = call.last(Invite)
    call.event(ended(503))
    assert call.invited[-1] == "b"
    assert call.last(Invite).uri == B.uri
    assert call.last(Invite).leg == first.leg
    call.event(LegTrying(ADVISOR))
    call.rings()
    call.picks_up()
    assert call.call.state is State.TALKING


def test_a_silent_trunk_is_hung_up_and_the_next_one_called_when_that_is_done() -> None:
    call = Tried()
    call.passes(SILENT_S - 0.1)
    assert call.invited == ["pbx"]
    call.passes(0.2)
    assert isinstance(call.actions[-1], HangUp) and call.invited == ["pbx"]
    call.passes(30)
    call.event(ended(487))
    assert call.invited == ["pbx", "b"]
    call.event(LegTrying(ADVISOR))
    call.passes(SILENT_S + 1)
    assert call.invited == ["pbx", "b"], "a trunk that has the INVITE may take its time"
    call.event(ended(503))
    call.passes(SILENT_S + 1)
    assert call.invited == ["pbx", "b", "c"]
    call.event(ended(503))
    assert call.last(HangUp) == HangUp(CALLER, 503, 7)
    assert call.call.over


@pytest.mark.parametrize("late", ["rings", "picks up"])
def test_what_a_trunk_says_as_it_is_hung_up_keeps_no_call_from_the_next_one(late: str) -> None:
    """Its 180 or 200 crossed our CANCEL."""
    call = Tried()
    call.passes(SILENT_S + 0.1)
    call.rings() if late == "rings" else call.picks_up()
    assert call.call.state is State.RINGING
    call.event(ended(487))
    assert call.invited == ["pbx", "b"]
    call.rings()
    call.picks_up()
    assert call.call.state is State.TALKING


@pytest.mark.parametrize("abandoned", [False, True])
def test_who_hangs_up_meanwhile_is_not_called_for(abandoned: bool) -> None:
    call = Tried()
    if abandoned:
        call.passes(SILENT_S + 0.1)
    call.event(LegEnded(CALLER, 487, "cancelled by the peer"))
    call.event(ended(487))
    assert call.invited == ["pbx"]
    assert call.call.state is State.ENDED


def test_what_check_says_of_trunks_that_cannot_stand_in_for_one_another() -> None:
    def told(to: object, **other: object) -> list[str]:
        trunks = [{"name": "a", "uri": "sip:a"}, {"name": "b", "uri": "sip:b", **other}]
        report = examine_table({"trunk": trunks, "route": [{"match": "1", "to": {"trunk": to}}]}, Path())
        return [item.message for item in report.mistakes]

    assert told(["a", "b"]) == []
    assert told(["a", "a"]) == ["a trunk stands in it twice"]
    assert told(["a", "b"], dtmf="info") == ["its trunks differ in `srtp` or `dtmf`"]
    assert "no trunk has that name" in told(["a", "x"])[0]
    assert told([])[0]
