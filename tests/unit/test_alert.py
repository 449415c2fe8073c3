"""One alert's life."""

from __future__ import annotations

from gateway.core.alert import Alert, AlertState
from gateway.core.model import CallId

ANN = {"id": "ann", "name": "Ann", "extension": "2001", "team": "north"}


def alert(call: str | None = "c1") -> Alert:
    return Alert("a1", CallId(call) if call else None, ANN, "ann", "phone", "panic code", "t0")


def test_raised() -> None:
    shown = alert().snapshot()
    assert shown["state"] == "raised"
    assert (shown["call"], shown["team"], shown["raised_by"], shown["raised_times"]) == (
        "c1",
        "north",
        "ann",
        1,
    )


def test_the_first_acknowledgement_wins() -> None:
    one = alert()
    assert one.acknowledge("fiona", "t1")
    assert not one.acknowledge("frank", "t2")
    assert one.snapshot()["acknowledged_by"] == "fiona"


def test_settled_only_when_acknowledged_and_the_call_over() -> None:
    one = alert()
    one.call_ended = True
    assert not one.settled()
    one.acknowledge("fiona", "t1")
    assert one.settled()


def test_one_without_a_call_is_resolved_by_people_only() -> None:
    one = alert(None)
    one.acknowledge("fiona", "t1")
    assert not one.settled()
    assert one.resolve("fiona", "t2")
    assert not one.resolve("frank", "t3")
    assert one.state is AlertState.RESOLVED
    assert not one.acknowledge("frank", "t4")


def test_raised_anew_once_whoever_acknowledged_it_has_gone() -> None:
    one = alert()
    one.acknowledge("fiona", "t1")
    one.reopen()
    assert (one.state, one.acknowledged_by) == (AlertState.RAISED, None)
    assert one.acknowledge("frank", "t2")


def test_who_comes_second_is_told_of_and_changes_nothing() -> None:
    one = alert()
    assert not one.also_acknowledge("frank", "t0")  # nobody is first yet
    one.acknowledge("fiona", "t1")
    assert not one.also_acknowledge("fiona", "t2")
    assert one.also_acknowledge("frank", "t2")
    assert not one.also_acknowledge("frank", "t3")
    shown = one.snapshot()
    assert (shown["acknowledged_by"], shown["acknowledged_at"]) == ("fiona", "t1")
    assert shown["also_acknowledged"] == [{"by": "frank", "at": "t2"}]


def test_the_tier_that_is_reached_is_shown() -> None:
    one = alert()
    assert one.snapshot()["tier"] is None
    one.reach(2, "front desk", "t20")
    assert one.snapshot()["tier"] == {"number": 2, "name": "front desk", "at": "t20"}
