"""Who speaks, told to the board: by level, by a voice detector's word, and not too often."""

from __future__ import annotations

from typing import Any

from exchange_fakes import House

from gateway.core.events import News
from gateway.core.model import CallId, LegId


class Watched(House):
    def __init__(self) -> None:
        super().__init__()
        self.told: list[News] = []
        self.exchange.subscribe_talk(self.told.append)

    def speaks(self, **db: float) -> None:
        """Levels by leg, from now on."""
        self.media.loud = {LegId(leg.replace("_", "-")): level for leg, level in db.items()}

    def of(self, kind: str) -> list[Any]:
        return [news.data for news in self.told if news.kind == kind]


def test_who_speaks_is_told_when_it_changes_and_no_oftener_than_four_times_a_second() -> None:
    house = Watched()
    call = house.conversation()
    for turn in range(50):
        house.speaks(pat=-20.0 if turn % 2 else -90.0)
        house.loop.advance(0.1)
    told = house.of("call.talk")
    assert 1 <= len(told) <= 5 / 0.25
    assert told[0]["talking"] == "caller" and told[0]["team"] == "north"
    assert {news.call for news in house.told if news.kind == "call.talk"} == {call}


def test_levels_are_told_together_by_team_and_only_where_they_changed() -> None:
    house = Watched()
    north, south = house.conversation("pat"), house.conversation("sue", "2002")
    house.speaks(pat=-20.4, sue=-33.0)
    house.loop.advance(0.35)
    assert [data["team"] for data in house.of("talk.levels")] == ["north", "south"]
    assert house.of("talk.levels")[0]["levels"] == {north: [-20, -96]}
    house.speaks(pat=-20.4, sue=-30.0)
    house.loop.advance(0.35)
    assert house.of("talk.levels")[2:] == [{"team": "south", "levels": {south: [-30, -96]}}]


def test_a_voice_detectors_word_is_worth_more_than_a_level() -> None:
    house = Watched()
    call = house.conversation()
    house.speaks(pat=-10.0)  # loud noise, but no speech
    for _ in range(100):
        for _ in range(5):
            house.exchange.heard(call, 0.02, False, True)
        house.loop.advance(0.1)
    (snapshot,) = house.exchange.calls()
    assert snapshot["talk"]["seconds"]["caller"] == 0
    assert snapshot["talk"]["seconds"]["advisor"] > 9.5
    house.loop.advance(3)  # nobody listens any more: back to the levels
    assert house.exchange.calls()[0]["talk"]["talking"] == "caller"


def test_the_last_word_of_a_call_has_its_figures() -> None:
    house = Watched()
    house.conversation()
    house.speaks(pat=-20.0)
    house.loop.advance(2)
    house.ends("pat")
    assert house.last("call.ended")["talk"]["seconds"]["caller"] > 1.5
    house.loop.advance(1)
    assert not [kind for kind in house.kinds() if kind.startswith(("talk", "call.talk"))], "not in the log"


def test_a_word_on_an_unknown_call_is_passed_over() -> None:
    Watched().exchange.heard(CallId("gone"), 0.02, True, True)
