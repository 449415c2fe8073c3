"""One alert's life, and whom to ring."""

from __future__ import annotations

from gateway.core.alert import RING_ROUNDS, Alert, AlertState, RingList
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


def test_everyone_is_rung_in_turn_and_it_is_known_when_that_was_often_enough() -> None:
    ring_list = RingList(["fiona", "frank"])
    assert [ring_list.next() for _ in range(3)] == ["fiona", "frank", "fiona"]
    assert not ring_list.exhausted
    for _ in range(2 * RING_ROUNDS - 3):
        ring_list.next()
    assert ring_list.exhausted
    assert ring_list.next() == "fiona"
    assert len(RingList([])) == 0
