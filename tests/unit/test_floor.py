"""Duty, escalation and help at the exchange, on fake adapters and a clock that is moved by hand."""

from __future__ import annotations

from typing import Any

import pytest
from exchange_fakes import CONFIG, House

from gateway.config.model import Config
from gateway.config.people import Directory
from gateway.core.errors import NoRoute, NotPermitted
from gateway.core.events import Digit, LegReoffered
from gateway.core.help import HelpKind
from gateway.core.model import CallId, LegId

SETUP: dict[str, Any] = {
    "user": [*CONFIG["user"], {"id": "mona", "name": "Mona", "sip": "9006", "roles": ["manager"]}],
    "alerts": {
        "ring": [],
        "tier": [
            {"name": "floorwalkers", "after_s": 0.0, "ring": ["on_duty"]},
            {"name": "front desk", "after_s": 20.0, "ring": ["sip:9000"]},
            {"name": "management", "after_s": 40.0, "ring": ["mona"]},
        ],
    },
}
PEOPLE = Directory(Config.model_validate({**CONFIG, **SETUP}))
FIONA, FRANK, ARTHUR, MONA, ANN, BEN = (
    PEOPLE.by_id(name) for name in ("fiona", "frank", "arthur", "mona", "ann", "ben")
)


@pytest.fixture
def house() -> House:
    return House(SETUP)


def panic(house: House, call: CallId) -> None:
    for key in "*99":
        house.exchange.on_media(Digit(house.called(call), key, 100))


def on_duty(house: House, *people: Any) -> None:
    for person in people:
        house.exchange.floor.set_duty(person, True, False, None)


def ringing(house: House) -> list[str]:
    """The numbers that were called and not hung up, in order."""
    over = {line.split()[2] for line in house.sip.lines if line.startswith("hang up")}
    return [invite.uri[4:8] for leg, invite in house.sip.invites.items() if leg not in over][1:]


def leg_to(house: House, number: str) -> LegId:
    return next(
        leg for leg, invite in reversed(house.sip.invites.items()) if invite.uri.startswith(f"sip:{number}")
    )


def alert(house: House) -> dict[str, Any]:
    (found,) = house.exchange.alerts()
    return found


# ── duty ──


def test_on_duty_and_off(house: House) -> None:
    floor = house.exchange.floor
    assert floor.duty_of(FIONA)["on"] is False
    shift = floor.set_duty(FIONA, True, True, ["north"])
    assert (shift["on"], shift["clinical"], shift["teams"]) == (True, True, ["north"])
    assert floor.duty() == [shift]
    assert house.last("duty.changed") == shift
    assert floor.set_duty(FIONA, False, False, None)["on"] is False
    assert floor.duty() == []
    house.kinds()
    floor.set_duty(FIONA, False, False, None)
    assert house.kinds() == []  # nothing changed, nothing is told


@pytest.mark.parametrize("person", [ARTHUR, MONA, ANN])
def test_only_who_may_help_goes_on_duty(house: House, person: Any) -> None:
    with pytest.raises(NotPermitted, match="may not duty"):
        house.exchange.floor.set_duty(person, True, False, None)
    assert house.last("supervision.refused")["asked"] == "duty"


def test_an_advisor_sees_beforehand_whether_anybody_is_there(house: House) -> None:
    floor = house.exchange.floor
    assert floor.me(ANN)["on_duty"] == 0
    on_duty(house, FRANK)
    assert (floor.me(ANN)["on_duty"], floor.me(BEN)["on_duty"]) == (1, 0)


# ── escalation ──


def test_those_on_duty_ring_together_then_the_front_desk_then_the_management(house: House) -> None:
    on_duty(house, FIONA, FRANK)
    call = house.conversation()
    panic(house, call)
    assert ringing(house) == ["9001", "9002"]
    assert (alert(house)["tier"]["name"], alert(house)["on_duty"]) == ("floorwalkers", 2)
    house.loop.advance(19.9)
    assert ringing(house) == ["9001", "9002"]
    house.kinds()
    house.loop.advance(0.2)
    assert "9000" in ringing(house)
    assert alert(house)["tier"] == {"number": 2, "name": "front desk", "at": "2026-11-22T00:00:20.000Z"}
    assert "alert.escalated" in house.kinds()
    house.loop.advance(20)
    assert "9006" in ringing(house)
    assert alert(house)["tier"]["name"] == "management"


def test_nobody_on_duty_the_front_desk_at_once(house: House) -> None:
    on_duty(house, FRANK)
    call = house.conversation(to="2002")  # of team south: not Frank's
    panic(house, call)
    assert ringing(house) == ["9000"]
    assert (alert(house)["tier"]["name"], alert(house)["on_duty"]) == ("front desk", 0)
    house.loop.advance(20.1)
    assert "9006" in ringing(house)


def test_picking_up_ends_the_escalation_and_silences_the_others(house: House) -> None:
    on_duty(house, FIONA, FRANK)
    call = house.conversation()
    panic(house, call)
    fiona, frank = leg_to(house, "9001"), leg_to(house, "9002")
    house.answers(frank)
    assert alert(house)["acknowledged_by"] == "frank"
    assert f"hang up {fiona}" in house.sip.lines
    assert (frank, house.called(call)) in house.media.gains[call]
    invited = len(house.sip.invites)
    house.loop.advance(600)
    assert len(house.sip.invites) == invited
    assert alert(house)["tier"]["name"] == "floorwalkers"


def test_acknowledging_elsewhere_silences_the_others_and_lets_ones_own_phone_ring(house: House) -> None:
    on_duty(house, FIONA, FRANK)
    call = house.conversation()
    panic(house, call)
    house.exchange.acknowledge_alert(FIONA, alert(house)["id"])
    assert ringing(house) == ["9001"]
    house.answers(leg_to(house, "9001"))
    assert house.exchange.calls()[0]["supervisors"][0]["user"] == "fiona"
    assert alert(house)["also_acknowledged"] == []


def test_two_who_acknowledge_the_first_wins_and_both_are_told(house: House) -> None:
    on_duty(house, FIONA, FRANK)
    panic(house, house.conversation())
    first = house.exchange.acknowledge_alert(FRANK, alert(house)["id"])
    second = house.exchange.acknowledge_alert(FIONA, alert(house)["id"])
    assert (first["acknowledged_by"], second["acknowledged_by"]) == ("frank", "frank")
    assert [one["by"] for one in house.last("alert.also_acknowledged")["also_acknowledged"]] == ["fiona"]
    house.kinds()
    house.exchange.acknowledge_alert(FIONA, alert(house)["id"])
    assert house.kinds() == []


def test_two_who_pick_up_at_the_same_moment_are_both_on_the_call(house: House) -> None:
    on_duty(house, FIONA, FRANK)
    call = house.conversation()
    panic(house, call)
    fiona, frank = leg_to(house, "9001"), leg_to(house, "9002")
    house.answers(frank)
    house.answers(fiona)  # her 200 crossed our CANCEL: the dialog is ended, the alert stays Frank's
    assert alert(house)["acknowledged_by"] == "frank"
    house.ends(fiona)
    assert [one["user"] for one in house.exchange.calls()[0]["supervisors"]] == ["frank"]


def test_the_front_desk_picks_up_and_is_told_only(house: House) -> None:
    call = house.conversation()
    panic(house, call)
    desk = leg_to(house, "9000")
    invite = house.sip.invites[desk]
    assert (invite.from_name, invite.headers["Priority"]) == ("ALERT Ann", "emergency")
    house.answers(desk)
    assert alert(house)["acknowledged_by"] == "sip:9000"
    assert house.exchange.calls()[0]["supervisors"] == []
    house.exchange.on_signalling(LegReoffered(desk, None))
    assert f"refuse {desk} 488" in house.sip.lines
    house.loop.advance(31)
    assert f"hang up {desk}" in house.sip.lines
    assert not any("bell" in key for key in house.media.calls)  # its port is given back


def test_a_front_desk_that_does_not_answer_is_rung_again(house: House) -> None:
    panic(house, house.conversation())
    first = leg_to(house, "9000")
    house.ends(first, 486)
    house.loop.advance(3.1)
    second = leg_to(house, "9000")
    assert second != first
    house.loop.advance(20)
    assert f"hang up {second}" in house.sip.lines
    house.loop.advance(3.1)
    assert leg_to(house, "9000") != second
    assert sum("bell" in key for key in house.media.calls) == 2  # the desk's and the management's


def test_an_alert_without_a_call_rings_too(house: House) -> None:
    on_duty(house, FIONA)
    house.exchange.raise_alert(BEN, None, "web", "at the door")
    assert [invite.uri[4:8] for invite in house.sip.invites.values()] == ["9001"]
    house.answers(leg_to(house, "9001"))
    assert alert(house)["acknowledged_by"] == "fiona"


def test_an_alert_whose_call_has_ended_rings_until_somebody_has_seen_it(house: House) -> None:
    on_duty(house, FIONA)
    call = house.conversation()
    panic(house, call)
    first = leg_to(house, "9001")
    house.ends("pat")
    house.ends(house.called(call))
    house.ends(first, 487)
    assert house.exchange.calls() == []
    house.loop.advance(3.1)
    again = leg_to(house, "9001")
    assert again != first and again.startswith("bell-")
    house.loop.advance(20)
    assert alert(house)["tier"]["name"] == "front desk"
    house.answers(leg_to(house, "9000"))
    assert house.exchange.alerts() == []  # seen, and its call is over


def test_whoever_comes_on_duty_is_rung_about_what_is_open(house: House) -> None:
    panic(house, house.conversation())
    assert ringing(house) == ["9000"]
    on_duty(house, FIONA)
    assert ringing(house) == ["9000", "9001"]


def test_the_last_who_goes_off_duty_sends_it_up(house: House) -> None:
    on_duty(house, FIONA)
    panic(house, house.conversation())
    house.exchange.floor.set_duty(FIONA, False, False, None)
    assert "9000" in ringing(house)


def test_a_phone_that_cannot_be_called_does_not_hold_up_the_others(house: House) -> None:
    house.sip.fail = {"invite"}
    on_duty(house, FIONA)
    call = house.exchange.raise_alert(BEN, None, "web")
    assert call["state"] == "raised"
    assert not any("bell" in key for key in house.media.calls)
    house.sip.fail = set()
    house.loop.advance(3.1)
    assert [invite.uri[4:8] for invite in house.sip.invites.values()] == ["9001"]


def test_no_port_for_the_bell() -> None:
    house = House(SETUP, ports=2)
    panic(house, house.conversation())
    assert alert(house)["state"] == "raised"
    house.ends("pat")
    house.ends("nobody")
    house.loop.advance(3.1)
    assert leg_to(house, "9000")


def test_ending_everything_ends_the_bells(house: House) -> None:
    panic(house, house.conversation())
    house.exchange.end_all("over")
    assert not any("bell" in key for key in house.media.calls)


# ── help ──


def test_ask_answer_close(house: House) -> None:
    floor = house.exchange.floor
    call = house.conversation()
    asked = floor.ask_help(ANN, HelpKind.HELP, None, "which pathway?")
    assert (asked["call"], asked["team"], asked["state"]) == (call, "north", "asked")
    assert house.last("help.raised") == asked
    answered = floor.answer_help(FRANK, asked["id"])
    assert (answered["answered_by"], answered["answered_by_name"]) == ("frank", "Frank")
    assert floor.answer_help(FIONA, asked["id"])["answered_by"] == "frank"
    assert floor.me(ANN)["help"] == [answered]
    floor.close_help(ANN, asked["id"])
    assert floor.help() == []
    assert house.last("help.closed")["closed_by"] == "ann"
    with pytest.raises(NoRoute):
        floor.answer_help(FRANK, asked["id"])


def test_asking_again_is_the_same_request(house: House) -> None:
    floor = house.exchange.floor
    first = floor.ask_help(ANN, HelpKind.HELP, None, "one")
    assert floor.ask_help(ANN, HelpKind.HELP, None, "two") == {**first, "reason": "two"}
    floor.ask_help(ANN, HelpKind.BREAK, None, "")
    assert [one["kind"] for one in floor.help()] == ["help", "break"]


def test_a_question_is_over_with_its_call_a_break_is_not(house: House) -> None:
    floor = house.exchange.floor
    call = house.conversation()
    floor.ask_help(ANN, HelpKind.HELP, call, "")
    floor.ask_help(ANN, HelpKind.BREAK, call, "")
    house.ends("pat")
    assert [one["kind"] for one in floor.help()] == ["break"]


def test_advisors_act_for_themselves_and_floorwalkers_for_their_teams(house: House) -> None:
    floor = house.exchange.floor
    call = house.conversation()
    with pytest.raises(NotPermitted, match="their own call only"):
        floor.ask_help(BEN, HelpKind.HELP, call, "")
    with pytest.raises(NotPermitted, match="their own call only"):
        floor.ask_help(BEN, HelpKind.HELP, CallId("c-none"), "")
    with pytest.raises(NotPermitted):
        floor.ask_help(ARTHUR, HelpKind.HELP, None, "")
    asked = floor.ask_help(BEN, HelpKind.HELP, None, "")
    for person in (FRANK, ANN, ARTHUR):
        with pytest.raises(NotPermitted):
            floor.answer_help(person, asked["id"])
        with pytest.raises(NotPermitted):
            floor.close_help(person, asked["id"])
    assert house.last("help.refused")["user"] == "arthur"
    floor.close_help(FIONA, asked["id"])


# ── an advisor's own ──


def test_an_advisor_sees_their_own_call_and_who_is_coming(house: House) -> None:
    floor = house.exchange.floor
    call = house.conversation()
    house.conversation("pat2", "2002")
    panic(house, call)
    house.exchange.acknowledge_alert(FIONA, alert(house)["id"])
    me = floor.me(ANN)
    assert (me["extension"], me["teams"], me["call"]["id"]) == ("2001", ["north"], call)
    assert (me["alert"]["acknowledged_by_name"], me["duty"]) == ("Fiona", None)
    assert "supervisors" not in me["call"]
    assert floor.me(BEN)["alert"] is None
    assert floor.me(FIONA)["duty"]["on"] is False


# ── a restart ──


def test_duty_and_breaks_outlive_a_restart(house: House) -> None:
    floor = house.exchange.floor
    on_duty(house, FIONA)
    house.conversation()
    floor.ask_help(ANN, HelpKind.HELP, None, "")
    floor.ask_help(ANN, HelpKind.BREAK, None, "")
    kept = {"duty": [*floor.duty(), {**floor.duty()[0], "user": "gone"}], "help": floor.help()}
    after = House(SETUP)
    after.exchange.restore(kept)
    assert after.exchange.floor.duty() == floor.duty()
    assert [one["kind"] for one in after.exchange.floor.help()] == ["break"]
    assert after.last("help.closed")["closed_by"] == "call ended"


def test_an_alert_outlives_a_restart_and_climbs_on_where_it_would_be_by_now(house: House) -> None:
    on_duty(house, FIONA)
    call = house.conversation()
    panic(house, call)
    house.loop.advance(25)
    before = alert(house)
    assert before["tier"]["name"] == "front desk"
    after = House(SETUP)
    after.loop.now_s += 30  # of the same clock: 30 s after the raise
    after.exchange.restore({"duty": house.exchange.floor.duty(), "alert": [before, before]})
    assert after.kinds() == ["alert.restored"]
    assert alert(after) == {**before, "restarts": 1}
    assert after.sip.invites == {}
    after.loop.advance(2.1)
    assert sorted(invite.uri[4:8] for invite in after.sip.invites.values()) == ["9000", "9001"]
    assert alert(after)["tier"] == before["tier"]
    after.loop.advance(8)
    assert alert(after)["tier"]["name"] == "management"
    after.answers(leg_to(after, "9001"))
    assert after.exchange.alerts() == []  # seen, and its call was over with the restart
    assert after.last("alert.resolved")["acknowledged_by"] == "fiona"


def test_after_a_restart_an_acknowledged_alert_is_over_unless_it_had_no_call(house: House) -> None:
    call = house.conversation()
    panic(house, call)
    house.exchange.acknowledge_alert(FIONA, alert(house)["id"])
    alone = house.exchange.raise_alert(BEN, None, "web", "at the door")
    house.exchange.acknowledge_alert(FIONA, alone["id"])
    after = House(SETUP)
    after.exchange.restore({"alert": house.exchange.alerts()})
    assert [one["id"] for one in after.exchange.alerts()] == [alone["id"]]
    after.loop.advance(60)
    assert after.sip.invites == {}
    assert after.exchange.resolve_alert(FIONA, alone["id"])["restarts"] == 1
