"""Nobody is let onto a call before it is on record; and whoever cannot be recorded is refused while calls go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from exchange_fakes import House

from gateway.core.errors import Unavailable
from gateway.core.model import LegId, Mode
from gateway.core.permissions import User

FIONA = User("fiona", "Fiona", "9001", frozenset({"floorwalker"}), frozenset({"*"}))


class SlowRecord:
    """A trail that answers when the test says so."""

    def __init__(self) -> None:
        self.down: str | None = None
        self.asked: list[tuple[str, str | None, Mapping[str, Any], Callable[[str | None], None]]] = []

    def why_not(self) -> str | None:
        return self.down

    def before(
        self, kind: str, call: str | None, facts: Mapping[str, Any], then: Callable[[str | None], None]
    ) -> None:
        self.asked.append((kind, call, facts, then))

    def answer(self, why: str | None = None) -> None:
        self.asked.pop(0)[3](why)


@pytest.fixture
def record() -> SlowRecord:
    return SlowRecord()


@pytest.fixture
def house(record: SlowRecord) -> House:
    return House(record=record)


def test_a_supervisor_waits_for_the_record_and_is_then_let_in(house: House, record: SlowRecord) -> None:
    call = house.conversation()
    house.rings_in("fw", "*712001", by="9001")
    assert "answer fw" not in house.sip.lines
    kind, of, facts, _ = record.asked[0]
    assert (kind, of, facts["user"], facts["asked"], facts["source"]) == (
        "supervision.asked",
        call,
        "fiona",
        "listen",
        "192.0.2.1:5060",
    )
    record.answer()
    assert "answer fw" in house.sip.lines
    assert "supervisor.joined" in house.kinds()


def test_a_record_that_cannot_be_written_refuses_with_503(house: House, record: SlowRecord) -> None:
    house.conversation()
    house.rings_in("fw", "*712001", by="9001")
    record.answer("the trail cannot be written: disk full")
    assert house.sip.lines[-1] == "hang up fw 503"
    assert house.last("supervision.refused")["why"] == "the trail cannot be written: disk full"
    assert house.exchange.calls()[0]["supervisors"] == []


def test_whoever_hangs_up_meanwhile_is_not_let_in(house: House, record: SlowRecord) -> None:
    house.conversation()
    house.rings_in("fw", "*712001", by="9001")
    house.ends("fw", 487)
    record.answer()
    assert "answer fw" not in house.sip.lines
    assert house.exchange.calls()[0]["supervisors"] == []


def test_a_call_that_ends_meanwhile_is_not_joined(house: House, record: SlowRecord) -> None:
    house.conversation()
    house.rings_in("fw", "*712001", by="9001")
    house.ends("pat")
    record.answer()
    assert "hang up fw 480" in house.sip.lines


def test_while_the_trail_is_down_every_way_in_is_shut_and_calls_go_on(
    house: House, record: SlowRecord
) -> None:
    call = house.conversation()
    record.down = "the trail cannot be written: disk full"
    house.rings_in("fw", "*712001", by="9001")
    assert house.sip.lines[-1] == "hang up fw 503"
    with pytest.raises(Unavailable, match="disk full"):
        house.exchange.open_feed(FIONA, call)
    with pytest.raises(Unavailable, match="disk full"):
        house.exchange.supervise(FIONA, call, Mode.LISTEN, "sip")
    refusals = [news for news in house.news if news.kind == "supervision.refused"]
    assert [news.data["why"] for news in refusals] == [record.down] * 3
    assert house.conversation("pat2", "2002")


def test_who_is_on_the_call_already_may_change_their_mode(house: House, record: SlowRecord) -> None:
    call = house.conversation()
    house.rings_in("fw", "*712001", by="9001")
    record.answer()
    record.down = "disk full"
    house.exchange.set_mode(FIONA, call, LegId("fw"), Mode.BARGE)
    assert house.exchange.calls()[0]["supervisors"][0]["mode"] == "barge"


def test_an_alert_rings_also_while_the_trail_is_down(house: House, record: SlowRecord) -> None:
    call = house.conversation()
    record.down = "disk full"
    house.exchange.raise_alert(FIONA, call, "web")
    house.answers(house.rung())
    assert house.exchange.calls()[0]["supervisors"][0]["mode"] == "whisper"
