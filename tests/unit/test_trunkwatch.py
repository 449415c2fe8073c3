"""When a trunk counts as up or down, how often it is asked, what is told of it."""

from __future__ import annotations

from typing import Any

import pytest
from exchange_fakes import House

from gateway.calls.names import Found
from gateway.calls.trunkwatch import ANSWER_WITHIN_S, GIVEN_UP_S
from gateway.core.errors import GatewayError
from gateway.core.events import TrunkAnswered
from gateway.core.trunkhealth import TrunkHealth, is_up

ADDRESSES = {"192.0.2.9": "192.0.2.9", "pbx.example": "192.0.2.77"}


class Watched:
    """A house with one trunk, whose peer is the test."""

    def __init__(self, **trunk: Any) -> None:
        entry = {"name": "pbx", "uri": "sip:192.0.2.9:5060", "options_interval": 30, **trunk}
        self.house = House({"trunk": [entry]})
        self.asked: list[str] = []
        self.unsendable = False
        self.house.exchange.trunks.start(self._ask, self._look_up)

    def _ask(self, trunk: str, uri: str) -> None:
        assert trunk == "pbx"
        if self.unsendable:
            raise GatewayError("the queue is full")
        self.asked.append(uri)

    def _look_up(self, host: str, then: Found) -> None:
        then(ADDRESSES.get(host), "" if host in ADDRESSES else f"the name {host} has no address")

    def answers(self, code: int = 200, why: str = "") -> None:
        self.house.exchange.on_signalling(TrunkAnswered("pbx", code, why or f"{code} so"))

    def advance(self, seconds: float) -> None:
        self.house.loop.advance(seconds)

    @property
    def health(self) -> TrunkHealth:
        return self.house.exchange.trunks.health["pbx"]

    @property
    def told(self) -> list[str]:
        return [news.kind for news in self.house.news]


@pytest.mark.parametrize(
    ("code", "up"),
    [*((code, True) for code in (200, 301, 401, 404, 405, 500, 600)), (408, False), (503, False)],
)
def test_which_answers_show_a_peer_that_is_there(code: int, up: bool) -> None:
    assert is_up(code) is up
    watched = Watched()
    watched.answers(code)
    assert watched.health == TrunkHealth(up, "2026-11-22T00:00:00.000Z", f"{code} so")


def test_it_is_asked_at_once_and_every_interval_and_told_once() -> None:
    watched = Watched()
    assert watched.asked == ["sip:192.0.2.9:5060"]
    assert watched.health.up is None
    for round_ in range(1, 4):
        watched.answers()
        assert len(watched.asked) == round_
        watched.advance(29.9)
        assert len(watched.asked) == round_
        watched.advance(0.1)
    assert watched.told == ["trunk.up"]
    assert watched.house.last("trunk.up") == {
        "trunk": "pbx",
        "why": "200 so",
        "since": "2026-11-22T00:00:00.000Z",
    }


def test_one_that_goes_away_is_down_and_up_again_with_however_late_an_answer() -> None:
    watched = Watched()
    watched.answers()
    watched.advance(30)
    watched.advance(ANSWER_WITHIN_S - 0.1)
    assert watched.health.up is True
    watched.advance(0.1)
    assert watched.health == TrunkHealth(False, "2026-11-22T00:00:38.000Z", "no answer to OPTIONS for 8 s")
    watched.advance(12)
    assert len(watched.asked) == 2, "PJSIP still repeats that one"
    watched.answers()
    assert watched.health == TrunkHealth(True, "2026-11-22T00:00:50.000Z", "200 so")
    assert watched.told == ["trunk.up", "trunk.down", "trunk.up"]
    watched.advance(10)
    assert len(watched.asked) == 3, "an interval after the last"


def test_one_that_stays_away_is_told_once_and_asked_on() -> None:
    watched = Watched(options_interval=5)
    for _ in range(3):
        watched.advance(32)
        watched.answers(408, "no answer to OPTIONS")
        watched.advance(1)
    assert len(watched.asked) == 4
    assert watched.told == ["trunk.down"]


def test_where_pjsip_never_tells_the_end_it_is_asked_again() -> None:
    watched = Watched()
    watched.advance(GIVEN_UP_S + 1)
    assert len(watched.asked) == 2
    watched.answers()
    assert watched.health.up is True


def test_an_answer_that_nobody_waits_for_is_none() -> None:
    watched = Watched()
    watched.answers()
    watched.answers(503)
    watched.house.exchange.on_signalling(TrunkAnswered("another", 200, "200 OK"))
    assert watched.health.up is True
    assert watched.told == ["trunk.up"]


def test_at_most_once_a_second() -> None:
    watched = Watched(options_interval=0.01)
    for _ in range(3):
        watched.answers()
        watched.advance(1)
    assert len(watched.asked) == 4


def test_never_with_0() -> None:
    watched = Watched(options_interval=0)
    watched.advance(3600)
    assert (watched.asked, watched.health, watched.told) == ([], TrunkHealth(), [])


def test_a_host_name_is_asked_at_its_address() -> None:
    watched = Watched(uri="sip:pbx.example:5080", transport="tcp")
    assert watched.asked == ["sip:192.0.2.77:5080;transport=tcp"]


def test_a_host_name_without_address_is_down_and_looked_up_again() -> None:
    watched = Watched(uri="sip:gone.example")
    assert watched.health.why == "the name gone.example has no address"
    ADDRESSES["gone.example"] = "192.0.2.78"
    try:
        watched.advance(30)
    finally:
        del ADDRESSES["gone.example"]
    assert watched.asked == ["sip:192.0.2.78:5060"]


def test_what_we_cannot_send_says_nothing_of_the_trunk() -> None:
    watched = Watched()
    watched.answers()
    watched.unsendable = True
    watched.advance(30)
    assert watched.health.up is True
    watched.unsendable = False
    watched.advance(30)
    assert len(watched.asked) == 2


def test_nothing_goes_on_after_the_end() -> None:
    watched = Watched()
    watched.house.exchange.end_all("the gateway is stopping")
    watched.answers()
    watched.advance(600)
    assert (len(watched.asked), watched.told) == (1, [])
