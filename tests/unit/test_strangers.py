"""Who may not call at all: refused by address, told up to a rate, counted past it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from exchange_fakes import House

from gateway.calls.strangers import TOLD_BURST, TOLD_PER_S, StrangerDoor
from gateway.core.errors import NotPermitted
from gateway.core.events import StrangerRefused


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def identify(host: str, names: Iterable[str] = ()) -> str:
    if host != "192.0.2.1":
        raise NotPermitted(host)
    return "pbx"


def test_who_is_known_is_no_stranger() -> None:
    door = StrangerDoor(identify)
    assert door.knows("192.0.2.1")
    assert not door.knows("198.51.100.1")


def test_a_few_are_told_each_and_the_rest_are_counted() -> None:
    clock = Clock()
    door = StrangerDoor(identify, clock)
    first = [door.turned_away() for _ in range(100)]
    assert first == [0] * int(TOLD_BURST) + [None] * (100 - int(TOLD_BURST))
    clock.now_s = 1 / TOLD_PER_S
    assert door.turned_away() == 100 - TOLD_BURST
    assert door.turned_away() is None
    assert door.take_untold() == 1
    assert door.take_untold() == 0


@pytest.fixture
def house() -> House:
    return House()


def refusals(house: House) -> list[dict[str, Any]]:
    return [dict(news.data) for news in house.news if news.kind == "call.refused"]


def test_a_stranger_is_told_with_source_number_and_how_many_more(house: House) -> None:
    stranger = StrangerRefused(("198.51.100.1", 5066), "sip:07700900123@x", "*712001", 7)
    house.exchange.on_signalling(stranger)
    assert refusals(house) == [
        {
            "code": 403,
            "why": "198.51.100.1 belongs to no trunk",
            "others": 7,
            "source": "198.51.100.1:5066",
            "caller": "********123",
            "to": "*712001",
        }
    ]
    assert house.sip.lines == [], "it has its answer already"


def test_those_that_were_not_told_follow_until_there_are_none() -> None:
    clock = Clock()
    door = StrangerDoor(identify, clock)
    house = House(door=door)
    stranger = StrangerRefused(("198.51.100.1", 5066), "sip:x@x", "1", 0)
    for _ in range(100):
        if door.turned_away() is not None:
            house.exchange.on_signalling(stranger)
    house.loop.advance(2.1)
    door.turned_away(), door.turned_away()
    house.loop.advance(60)
    assert sum(1 + told["others"] for told in refusals(house)[: int(TOLD_BURST)]) == TOLD_BURST
    assert [told["others"] for told in refusals(house)[int(TOLD_BURST) :]] == [100 - TOLD_BURST - 1, 1]
    assert house.loop.waiting == 0
