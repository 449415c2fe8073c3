"""`gateway.core.duty` and `gateway.core.help`."""

from __future__ import annotations

import pytest

from gateway.core.duty import Roster, off
from gateway.core.help import HelpKind, HelpRequest, HelpState, WrongHelpState
from gateway.core.model import CallId
from gateway.core.permissions import User

FIONA = User("fiona", "Fiona", "9001", frozenset({"floorwalker"}), frozenset({"*"}))
FRANK = User("frank", "Frank", "9002", frozenset({"floorwalker"}), frozenset({"north", "east"}))


def test_on_duty_for_ones_own_teams_the_clinical_first() -> None:
    roster = Roster()
    roster.begin(FRANK, False, None, "t1")
    roster.begin(FIONA, True, ["north"], "t2")
    assert roster.for_team("north") == ("fiona", "frank")
    assert roster.for_team("east") == ("frank",)
    assert roster.for_team("south") == ()
    assert roster.end("fiona")
    assert not roster.end("fiona")
    assert roster.for_team("north") == ("frank",)


def test_who_covers_all_teams_covers_an_advisor_of_none() -> None:
    roster = Roster()
    roster.begin(FIONA, False, None, "t1")
    roster.begin(FRANK, False, None, "t1")
    assert roster.for_team("") == ("fiona",)


def test_changing_what_for_keeps_since_when() -> None:
    roster = Roster()
    roster.begin(FIONA, False, None, "t1")
    roster.begin(FIONA, True, ["south"], "t2")
    (shown,) = roster.snapshot()
    assert shown == {
        "user": "fiona",
        "name": "Fiona",
        "on": True,
        "clinical": True,
        "teams": ["south"],
        "since": "t1",
    }
    assert off(FIONA).keys() == shown.keys()


@pytest.mark.parametrize(("teams", "why"), [([], "at least one"), (["north", "south"], "south is not yours")])
def test_teams_must_be_ones_own(teams: list[str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Roster().begin(FRANK, False, teams, "t1")


def test_restored_with_the_teams_that_are_still_ones_own() -> None:
    before = Roster()
    before.begin(FRANK, True, None, "t1")
    after = Roster()
    moved = User("frank", "Frank", "9002", frozenset({"floorwalker"}), frozenset({"north"}))
    assert after.restore(before.snapshot()[0], moved)
    assert (after.for_team("north"), after.for_team("east")) == (("frank",), ())
    assert not after.restore(before.snapshot()[0], User("frank", teams=frozenset({"south"})))


def request() -> HelpRequest:
    ann = {"id": "ann", "name": "Ann", "extension": "2001", "team": "north"}
    return HelpRequest("h1", HelpKind.HELP, "ann", ann, CallId("c1"), "dosage", "t0")


def test_the_first_who_answers_wins() -> None:
    one = request()
    assert one.answer("fiona", "Fiona", "t1")
    assert not one.answer("frank", "Frank", "t2")
    told = one.snapshot()
    assert (told["answered_by"], told["answered_by_name"]) == ("fiona", "Fiona")
    assert one.close("ann", "t3")
    assert not one.close("fiona", "t4")
    with pytest.raises(WrongHelpState, match="h1 is closed: answered cannot follow"):
        one.answer("frank", "Frank", "t5")


def test_restored_as_it_was() -> None:
    one = request()
    one.answer("fiona", "Fiona", "t1")
    again = HelpRequest.restored(one.snapshot())
    assert again.snapshot() == one.snapshot()
    assert again.state is HelpState.ANSWERED and again.open
