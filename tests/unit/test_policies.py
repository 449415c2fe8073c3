"""A team's policies: private calls are heard by nobody, and advisors see who supervises them where that is shown."""

from __future__ import annotations

from typing import Any

import pytest
from exchange_fakes import CONFIG, House

from gateway.config.model import Config
from gateway.config.people import Directory
from gateway.core.errors import NoRoute, NotPermitted
from gateway.core.model import LegId, Mode
from gateway.core.permissions import Action
from gateway.core.policies import HEARING, Policies, TeamPolicy

PEOPLE = Directory(Config.model_validate(CONFIG), {})
FIONA, ARTHUR, ANN = (PEOPLE.by_id(name) for name in ("fiona", "arthur", "ann"))


def team(**policy: bool) -> dict[str, Any]:
    return {"team": [{"name": "north", **policy}]}


def test_every_way_to_hear_is_refused_on_private_calls_and_nothing_else() -> None:
    policies = Policies([("north", TeamPolicy(private=True))])
    for action in Action:
        assert policies.judge(action, "north").allowed is (action not in HEARING)
        assert policies.judge(action, "south").allowed
    assert {Action.of(mode) for mode in Mode} | {Action.STREAM} == HEARING


@pytest.mark.parametrize("code", ["*71", "*72", "*73", "*74"])
def test_a_private_call_is_heard_by_no_phone(code: str) -> None:
    house = House(team(private=True))
    call = house.conversation()
    house.rings_in("fw", f"{code}2001", by="9001")
    assert house.sip.lines == ["hang up fw 403"]
    assert house.exchange.calls()[0]["supervisors"] == []
    assert "private" in house.last("supervision.refused")["why"]
    assert house.exchange.calls()[0]["private"] is True
    assert call


def test_a_private_call_is_heard_by_no_browser_stream_or_analysis() -> None:
    house = House(team(private=True))
    call = house.conversation()
    for mode in Mode:
        for via in ("web", "sip"):
            with pytest.raises(NotPermitted, match="private"):
                house.exchange.supervise(FIONA, call, mode, via)
    for user in (FIONA, ARTHUR):
        with pytest.raises(NotPermitted, match="private"):
            house.exchange.open_feed(user, call)
    with pytest.raises(NoRoute):
        house.exchange.open_analysis(call)
    refused = [news for news in house.news if news.kind == "supervision.refused"]
    assert len(refused) == 4 * 2 + 2, "each refusal is told"


def test_an_alert_on_a_private_call_rings_and_puts_nobody_on_it() -> None:
    house = House(team(private=True))
    call = house.conversation()
    house.exchange.raise_alert(ANN, call, "web")
    assert house.sip.invites, "somebody is rung"
    house.answers(house.rung())
    assert house.exchange.calls()[0]["supervisors"] == []


def test_another_teams_calls_are_as_ever() -> None:
    house = House(team(private=True))
    call = house.conversation("sue", "2002")
    house.rings_in("fw", "*712002", by="9001")
    assert house.exchange.calls()[0]["supervisors"][0]["user"] == "fiona"
    house.exchange.open_feed(FIONA, call)


@pytest.mark.parametrize("shown", [True, False])
def test_an_advisor_sees_who_supervises_where_that_is_shown(shown: bool) -> None:
    house = House(team(shown=shown))
    call = house.conversation()
    house.rings_in("fw", "*712001", by="9001")
    house.exchange.open_feed(ARTHUR, call)
    assert ANN is not None
    own = house.exchange.floor.me(ANN)["call"]
    assert house.last("supervisor.joined")["shown"] is shown
    if shown:
        assert [one["user"] for one in own["supervisors"]] == ["fiona"]
        assert [one["user"] for one in own["feeds"]] == ["arthur"]
    else:
        assert "supervisors" not in own and "feeds" not in own


@pytest.mark.parametrize(
    ("everywhere", "north", "heard"),
    [(False, None, False), (True, None, True), (True, False, False), (False, True, True)],
)
def test_the_join_tone_is_a_teams_own_choice(everywhere: bool, north: bool | None, heard: bool) -> None:
    settings = {} if north is None else team(join_tone=north)
    house = House({"supervision": {"join_tone": everywhere}, **settings})
    house.conversation("sue", "2002")
    house.rings_in("other", "*712002", by="9001")
    assert bool(house.media.tones) is everywhere, "another team, which has no entry"
    assert house.last("supervisor.joined")["tone"] is everywhere
    house.media.tones.clear()
    call = house.conversation()
    house.rings_in("fw", "*712001", by="9001")
    assert house.media.tones == ([house.called(call)] if heard else []), "the advisor alone"
    assert house.last("supervisor.joined")["tone"] is heard


def test_the_join_tone_comes_with_each_change_of_mode_and_not_without_one() -> None:
    house = House({"supervision": {"join_tone": True}})
    call = house.conversation()
    house.rings_in("fw", "*712001", by="9001")
    assert house.media.tones == [house.called(call)]
    for count, mode in enumerate((Mode.WHISPER, Mode.WHISPER, Mode.BARGE, Mode.LISTEN)):
        house.exchange.set_mode(FIONA, call, LegId("fw"), mode)
        sounded = count != 1
        assert house.last("supervisor.mode")["tone"] is sounded
    assert house.media.tones == [house.called(call)] * 4


def test_nobody_joins_with_a_tone_where_the_call_is_private() -> None:
    house = House({"supervision": {"join_tone": True}, **team(private=True)})
    house.conversation()
    house.rings_in("fw", "*712001", by="9001")
    assert house.media.tones == []
