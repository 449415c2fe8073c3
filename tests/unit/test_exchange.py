"""The exchange on fake adapters: admission, refusals, supervision by code and by tools, alerts, faults."""

from __future__ import annotations

import json

import pytest
from callscript import phone_sdp
from exchange_fakes import CONFIG, House

from gateway.config.model import Config
from gateway.config.people import Directory
from gateway.core.errors import NoRoute, NotPermitted
from gateway.core.escalation import RING_ROUNDS
from gateway.core.events import Digit, LegReoffered, News, PacketsRefused, StreamSilent
from gateway.core.life import Life
from gateway.core.model import CallId, LegId, Mode

PEOPLE = Directory(Config.model_validate(CONFIG), {})
FIONA, FRANK, ARTHUR, ANN = (PEOPLE.by_id(name) for name in ("fiona", "frank", "arthur", "ann"))


@pytest.fixture
def house() -> House:
    return House()


# ── calls ──


def test_a_call_from_beginning_to_end(house: House) -> None:
    call = house.conversation()
    (snapshot,) = house.exchange.calls()
    assert snapshot == {
        "id": call,
        "state": "talking",
        "caller": "********123",
        "advisor": {"id": "ann", "name": "Ann", "extension": "2001", "team": "north"},
        "advisor_present": True,
        "team": "north",
        "private": False,
        "started_at": "2026-11-22T00:00:00.000Z",
        "answered_at": "2026-11-22T00:00:00.000Z",
        "on_hold": False,
        "supervisors": [],
        "codec": "PCMA",
        "wideband": False,
        "alert": None,
        "talk": {
            "talking": "nobody",
            "dead_air": False,
            "seconds": {"nobody": 0.0, "caller": 0.0, "advisor": 0.0, "both": 0.0},
            "overtalks": 0,
            "interruptions": {"caller": 0, "advisor": 0},
            "dead_airs": 0,
            "dead_air_s": 0.0,
        },
        "quality": {},
        "feeds": [],
    }
    json.dumps(snapshot)
    house.ends("pat")
    assert house.sip.lines == [f"hang up {house.called(call)} 487"]
    assert house.exchange.calls() == []
    assert house.media.calls == {}
    house.ends(house.called(call))
    assert house.kinds() == ["call.ringing", "call.answered", "call.ended"]
    assert house.loop.waiting == 0


def test_the_advisor_is_shown_who_calls(house: House) -> None:
    house.rings_in("pat", "2001")
    invite = house.sip.invites[house.rung()]
    assert (invite.uri, invite.trunk) == ("sip:2001@192.0.2.9:5060", "pbx")
    assert (invite.from_uri, invite.from_name) == ("sip:07700900123@192.0.2.1", "Pat")


def test_an_advisor_dials_out(house: House) -> None:
    house.rings_in("desk", "07700900999", by="2001")
    (snapshot,) = house.exchange.calls()
    assert (snapshot["advisor"]["id"], snapshot["caller"]) == ("ann", "********999")


def test_a_call_to_nobody_configured_is_carried_and_kept_from_teams(house: House) -> None:
    house.rings_in("pat", "2999")
    (snapshot,) = house.exchange.calls()
    assert snapshot["advisor"] == {"id": "", "name": "", "extension": "2999", "team": ""}
    with pytest.raises(NotPermitted):
        house.exchange.open_feed(ARTHUR, snapshot["id"])
    house.exchange.open_feed(FIONA, snapshot["id"])


@pytest.mark.parametrize(
    ("kwargs", "line"),
    [
        ({"to": "555"}, "hang up pat 404"),
        ({"to": "2001", "source": "198.51.100.1"}, "hang up pat 403"),
        ({"to": "2001", "sdp": "nonsense"}, "hang up pat 488"),
        ({"to": "2001", "sdp": phone_sdp("18")}, "hang up pat 488"),
    ],
)
def test_what_cannot_be_carried_is_refused_and_leaves_nothing(
    house: House, kwargs: dict[str, str], line: str
) -> None:
    house.rings_in("pat", **kwargs)
    assert house.sip.lines == [line]
    assert house.media.calls == {}
    assert house.exchange.calls() == []
    assert house.kinds() == ["call.refused"]


def test_past_max_calls_503_with_retry_after_but_supervisors_may_join(house: House) -> None:
    house.conversation("pat1", "2001")
    house.conversation("pat2", "2002")
    house.rings_in("pat3", "2001")
    assert house.sip.lines == ["hang up pat3 503 retry 5"]
    assert house.exchange.why_not_ready() == "2 calls; max_calls is 2"
    house.rings_in("fw", "*712001", by="9001")
    assert house.sip.lines[-1] == "answer fw"


def test_no_port_left_is_503() -> None:
    house = House(ports=3)
    house.conversation("pat1")
    house.rings_in("pat2", "2002")
    assert house.sip.lines == ["hang up pat2 503 retry 5"]
    assert len(house.media.calls) == 1


def test_nobody_answers_in_time(house: House) -> None:
    house.rings_in("pat", "2001")
    house.loop.advance(61)
    assert house.sip.lines[-2:] == ["hang up pat 480", f"hang up {house.rung()} 480"]


def test_stopping_ends_every_call_and_takes_no_more(house: House) -> None:
    house.conversation("pat1", "2001")
    house.exchange.end_all("stopping")
    assert house.exchange.calls() == []
    house.rings_in("pat2", "2002")
    assert house.sip.lines[-1] == "hang up pat2 503 retry 5"
    assert house.loop.waiting == 0


# ── supervision ──


def test_a_feature_code_joins_the_call(house: House) -> None:
    call = house.conversation()
    house.kinds()
    house.rings_in("fw", "*722001", by="9001")
    assert house.kinds() == ["supervisor.joined", "call.changed"]
    (supervisor,) = house.exchange.calls()[0]["supervisors"]
    assert (supervisor["user"], supervisor["mode"]) == ("fiona", "whisper")
    assert (LegId("fw"), house.called(call)) in house.media.gains[call]
    assert (LegId("fw"), LegId("pat")) not in house.media.gains[call]


@pytest.mark.parametrize(
    ("by", "to", "code", "why"),
    [
        ("9999", "*712001", 403, "unknown user"),
        ("9003", "*722001", 403, "arthur may not whisper"),
        ("9003", "*712002", 403, "calls of team south"),
        ("2001", "*712001", 403, "ann may not listen"),
        ("9001", "*712002", 480, "2002 is not on a call"),
        ("9002", "*712999", 403, "calls of team"),
    ],
)
def test_a_supervisor_is_refused_with_reason(house: House, by: str, to: str, code: int, why: str) -> None:
    house.conversation()
    house.rings_in("fw", to, by=by)
    assert house.sip.lines == [f"hang up fw {code}"]
    facts = house.last("supervision.refused")
    assert why in facts["why"]
    assert (facts["identity"], facts["source"], facts["via"]) == (
        f"{by}@192.0.2.1",
        "192.0.2.1:5060",
        "feature-code",
    )


def test_a_supervisors_phone_without_a_codec_is_488_and_its_port_given_back(house: House) -> None:
    call = house.conversation()
    house.rings_in("fw", "*712001", by="9001", sdp=phone_sdp("18"))
    assert house.sip.lines == ["hang up fw 488"]
    assert house.media.calls[call] == {"pat", house.called(call)}


def test_two_takeovers(house: House) -> None:
    house.conversation()
    house.rings_in("fw1", "*742001", by="9001")
    house.rings_in("fw2", "*742001", by="9002")
    assert house.sip.lines == ["answer fw1", "hang up fw2 403"]
    assert house.last("supervision.refused")["why"] == "the call is already taken over by fiona"


def test_a_vanished_floorwalker_is_hung_up_after_the_timeout(house: House) -> None:
    house.conversation()
    house.rings_in("fw", "*742001", by="9001")
    house.exchange.on_media(StreamSilent(LegId("fw"), 5000))
    assert house.exchange.calls()[0]["supervisors"][0]["mode"] == "listen"
    house.loop.advance(55.1)
    assert house.sip.lines[-1] == "hang up fw"
    assert house.exchange.calls()[0]["supervisors"] == []


def test_tools_change_modes_and_send_away(house: House) -> None:
    call = house.conversation()
    house.rings_in("fw", "*712001", by="9001")
    house.exchange.set_mode(FIONA, call, LegId("fw"), Mode.BARGE)
    assert house.exchange.calls()[0]["supervisors"][0]["mode"] == "barge"
    with pytest.raises(NotPermitted):
        house.exchange.set_mode(ARTHUR, call, LegId("fw"), Mode.WHISPER)
    with pytest.raises(NotPermitted):
        house.exchange.set_mode(None, call, LegId("fw"), Mode.WHISPER)
    with pytest.raises(NoRoute):
        house.exchange.set_mode(FIONA, call, LegId("pat"), Mode.WHISPER)
    with pytest.raises(NoRoute):
        house.exchange.set_mode(FIONA, CallId("nope"), LegId("fw"), Mode.WHISPER)
    with pytest.raises(NotPermitted):
        house.exchange.dismiss(ARTHUR, call, LegId("fw"))
    with pytest.raises(NoRoute):
        house.exchange.dismiss(FRANK, call, house.called(call))
    assert house.kinds().count("supervision.refused") == 3
    house.exchange.dismiss(FRANK, call, LegId("fw"))
    assert house.exchange.calls()[0]["supervisors"] == []


def test_an_advisor_is_released_during_a_takeover(house: House) -> None:
    call = house.conversation()
    house.rings_in("fw", "*742001", by="9001")
    house.exchange.dismiss(FIONA, call, house.called(call))
    assert house.exchange.calls()[0]["state"] == "taken"
    assert house.sip.lines[-1] == f"hang up {house.called(call)}"


def test_feeds(house: House) -> None:
    call = house.conversation()
    assert ARTHUR is not None
    tap = house.exchange.open_feed(ARTHUR, call)
    with pytest.raises(NotPermitted):
        house.exchange.open_feed(ANN, call)
    house.ends("pat")
    house.exchange.close_feed(ARTHUR, call, tap, missed_ms=40, sent_frames=7)
    house.exchange.close_feed(ARTHUR, call, tap, missed_ms=40, sent_frames=7)
    kinds = [kind for kind in house.kinds() if kind.startswith(("feed", "superv"))]
    assert kinds == ["feed.started", "supervision.refused", "feed.ended"]
    with pytest.raises(NoRoute):
        house.exchange.open_feed(ARTHUR, call)


# ── alerts ──


def panic(house: House, call: CallId) -> None:
    for key in "*99":
        house.exchange.on_media(Digit(house.called(call), key, 100))


def test_the_panic_code_rings_the_floorwalker_who_then_whispers(house: House) -> None:
    call = house.conversation()
    house.kinds()
    panic(house, call)
    assert house.kinds() == ["alert.raised", "supervisor.rung", "call.changed"]
    invite = house.sip.invites[house.rung()]
    assert (invite.uri, invite.from_name) == ("sip:9001@192.0.2.9:5060", "ALERT Ann")
    house.answers(invite.leg)
    (alert,) = house.exchange.alerts()
    assert (alert["state"], alert["acknowledged_by"]) == ("acknowledged", "fiona")
    assert house.exchange.calls()[0]["alert"] == {"id": alert["id"], "state": "acknowledged"}
    assert (invite.leg, house.called(call)) in house.media.gains[call]
    assert (invite.leg, LegId("pat")) not in house.media.gains[call]
    house.ends("pat")
    assert house.exchange.alerts() == []
    assert house.kinds()[-2:] == ["call.ended", "alert.resolved"]


def test_a_panic_code_whose_last_key_is_told_after_the_hang_up_is_an_alert(house: House) -> None:
    """The key came before the BYE, but the media plane's events wait for a loop that was busy."""
    call = house.conversation()
    advisor = house.called(call)
    for key in "*9":
        house.exchange.on_media(Digit(advisor, key, 20))
    house.media.waiting.append(Digit(advisor, "9", 20))
    house.ends(advisor)
    (alert,) = house.exchange.alerts()
    assert (alert["call"], alert["state"]) == (call, "raised")
    assert house.kinds()[-1] == "call.ended"


def test_media_events_that_cannot_be_had_do_not_keep_a_call_alive(house: House) -> None:
    house.media.deliver_waiting = lambda: 1 / 0  # type: ignore[method-assign,assignment]
    call = house.conversation()
    house.ends("pat")
    assert f"hang up {house.called(call)} 487" in house.sip.lines


def test_a_second_panic_is_the_same_alert(house: House) -> None:
    call = house.conversation()
    panic(house, call)
    panic(house, call)
    (alert,) = house.exchange.alerts()
    assert alert["raised_times"] == 2
    assert len([line for line in house.sip.lines if line.startswith("invite")]) == 1


def test_the_next_is_rung_when_one_does_not_come(house: House) -> None:
    call = house.conversation()
    panic(house, call)
    first = house.rung()
    house.ends(first, 486)
    house.loop.advance(3.1)
    second = house.rung()
    assert house.sip.invites[second].uri == "sip:9002@192.0.2.9:5060"
    house.loop.advance(20)
    assert f"hang up {second}" in house.sip.lines
    house.loop.advance(3.1)
    assert house.sip.invites[house.rung()].uri == "sip:9001@192.0.2.9:5060"
    house.loop.advance(3600)
    assert len(house.sip.invites) > 1 + 2 * RING_ROUNDS  # less often in the end, but until somebody comes
    assert house.exchange.alerts()[0]["state"] == "raised"


def test_keyed_again_once_the_floorwalker_has_gone_it_rings_anew(house: House) -> None:
    call = house.conversation()
    panic(house, call)
    first = house.rung()
    house.answers(first)
    assert house.exchange.alerts()[0]["state"] == "acknowledged"
    panic(house, call)
    assert house.rung() == first  # she is there: counted, nobody is rung
    house.ends(first)
    panic(house, call)
    assert house.rung() != first
    assert house.exchange.alerts()[0]["state"] == "raised"
    assert house.exchange.alerts()[0]["raised_times"] == 3


def test_a_sixth_supervisor_leaves_room_for_who_is_rung_about_an_alert(house: House) -> None:
    call = house.conversation()
    for number in range(6):
        house.rings_in(f"fw{number}", "*712001", by="9001")
    assert len(house.exchange.calls()[0]["supervisors"]) == 5
    assert "hang up fw5 486" in house.sip.lines
    panic(house, call)
    assert house.sip.invites[house.rung()].headers["Priority"] == "emergency"


def test_nobody_else_may_send_away_who_is_all_that_the_patient_has(house: House) -> None:
    call = house.conversation()
    house.rings_in("fw1", "*742001", by="9001")
    house.rings_in("fw2", "*712001", by="9002")
    house.ends(house.called(call))
    with pytest.raises(NotPermitted, match="hear nobody"):
        house.exchange.dismiss(FRANK, call, LegId("fw1"))
    assert house.exchange.calls()


def test_an_alert_that_nobody_saw_outlives_its_call(house: House) -> None:
    call = house.conversation()
    panic(house, call)
    house.ends("pat")
    house.loop.advance(60)
    (alert,) = house.exchange.alerts()
    with pytest.raises(NotPermitted):
        house.exchange.acknowledge_alert(ARTHUR, alert["id"])
    assert house.exchange.acknowledge_alert(FIONA, alert["id"])["state"] == "resolved"
    with pytest.raises(NoRoute):
        house.exchange.resolve_alert(FIONA, alert["id"])


def test_alerts_by_tools(house: House) -> None:
    call = house.conversation()
    assert house.exchange.raise_alert(ANN, None, "web", "help")["call"] == call
    assert house.exchange.raise_alert(ANN, call, "mqtt")["raised_times"] == 2
    ben = PEOPLE.by_id("ben")
    with pytest.raises(NotPermitted):
        house.exchange.raise_alert(ben, call, "web")
    with pytest.raises(NotPermitted):
        house.exchange.raise_alert(None, None, "web")
    alone = house.exchange.raise_alert(ben, None, "web", "no call")
    assert (alone["call"], alone["team"]) == (None, "south")
    assert house.exchange.raise_alert(ben, None, "web")["id"] == alone["id"]
    with pytest.raises(NotPermitted):
        house.exchange.resolve_alert(FRANK, alone["id"])
    assert house.exchange.resolve_alert(FIONA, alone["id"])["state"] == "resolved"


# ── faults ──


def test_a_defect_in_one_calls_logic_costs_no_call(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    call = house.conversation("pat1", "2001")
    house.conversation("pat2", "2002")
    house.rings_in("fw", "*712001", by="9001")
    monkeypatch.setattr("gateway.core.supervision.Supervision.set_mode", lambda *_: 1 / 0)
    house.exchange.on_media(Digit(LegId("fw"), "5", 100))
    assert house.sip.lines[-1] == "hang up fw"
    assert len(house.exchange.calls()) == 2
    assert set(house.media.gains[call]) == {("pat1", house.called(call)), (house.called(call), "pat1")}


def test_a_defect_at_a_partys_hang_up_still_ends_the_call(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = house.conversation("pat1", "2001")
    monkeypatch.setattr(Life, "leg_ended", lambda *_: 1 / 0)
    house.ends("pat1")
    assert f"hang up {house.called(call)}" in house.sip.lines
    assert house.exchange.calls() == []
    assert house.media.calls == {}


def test_a_watcher_that_fails_is_no_ones_trouble(house: House) -> None:
    def fail(news: News) -> None:
        raise RuntimeError(news.kind)

    house.exchange.subscribe(fail)
    house.conversation()
    assert house.kinds() == ["call.ringing", "call.answered"]


def test_an_invite_that_cannot_be_sent(house: House) -> None:
    house.sip.fail.add("invite")
    house.rings_in("pat", "2001")
    assert house.sip.lines[-1] == "hang up pat 500"
    assert house.exchange.calls() == []


def test_a_hang_up_that_cannot_be_queued_is_tried_again(house: House) -> None:
    call = house.conversation()
    house.sip.fail.add("hang_up")
    house.ends("pat")
    house.loop.advance(1)
    house.sip.fail.clear()
    house.loop.advance(1)
    assert house.sip.lines == [f"hang up {house.called(call)} 487"]


def test_a_supervisor_whose_media_cannot_be_connected(house: House) -> None:
    call = house.conversation()
    house.media.fail.add("connect")
    house.rings_in("fw", "*712001", by="9001")
    assert "hang up fw 500" in house.sip.lines
    assert house.exchange.calls()[0]["supervisors"] == []
    assert set(house.media.gains[call]) == {("pat", house.called(call)), (house.called(call), "pat")}


def test_strangers_events_are_passed_over(house: House) -> None:
    house.exchange.on_signalling(LegReoffered(LegId("nobody"), phone_sdp()))
    house.exchange.on_media(PacketsRefused(LegId("nobody"), "malformed", 3, ("192.0.2.66", 9)))
    house.exchange.on_media(StreamSilent(LegId("nobody"), 5000))
    assert house.news == []


def test_a_dead_call_is_ended(house: House) -> None:
    call = house.conversation()
    for leg in (LegId("pat"), house.called(call)):
        house.exchange.on_media(StreamSilent(leg, 5000))
    house.loop.advance(296)
    assert house.exchange.calls()
    house.loop.advance(11)
    assert house.exchange.calls() == []


def test_each_leg_sends_its_keys_as_its_trunk_does() -> None:
    trunks = [
        {"name": "pbx", "uri": "sip:192.0.2.9:5060", "identify_by": ["192.0.2.0/24"], "dtmf": "info"},
        {
            "name": "home",
            "uri": "sip:198.51.100.1:5060",
            "identify_by": ["198.51.100.0/24"],
            "dtmf": "inband",
        },
    ]
    routes = [
        {"match": r"2\d{3}", "to": {"trunk": "home"}},
        {"match": r"9\d{3}", "to": {"trunk": "pbx"}},
    ]
    house = House({"trunk": trunks, "route": routes})
    call = house.conversation()
    house.rings_in("sup", "*712001", by="9001", source="198.51.100.7")
    assert house.media.keys == {"pat": "info", house.called(call): "inband", "sup": "inband"}


def test_where_no_trunk_says_its_addresses_the_trunks_own_tells_how_keys_are_sent() -> None:
    house = House({"trunk": [{"name": "pbx", "uri": "sip:192.0.2.9:5060", "dtmf": "inband"}]})
    house.rings_in("near", "2001", source="192.0.2.9")
    house.rings_in("far", "2002", source="203.0.113.5")
    assert (house.media.keys[LegId("near")], house.media.keys[LegId("far")]) == ("inband", "rfc4733")


def test_a_floorwalker_hears_by_key_what_was_just_said_and_is_muted_meanwhile() -> None:
    house = House()
    call = house.conversation()
    house.rings_in("fw", "*732001", by="9001")
    fw, pat = LegId("fw"), LegId("pat")
    assert (fw, pat) in house.media.gains[call]
    house.exchange.on_media(Digit(fw, "1", 100))
    assert house.media.past == [(fw, 30)]
    assert not any(source == fw for source, _ in house.media.gains[call]), "heard by nobody"
    told = house.last("supervisor.past")
    assert (told["user"], told["history_s"], told["mode"]) == ("fiona", 30, "listen")
    house.exchange.on_media(Digit(fw, "1", 100))
    assert house.media.past[1:] == [(fw, 0)]
    house.exchange.on_media(Digit(fw, "1", 100))
    house.exchange.on_media(Digit(fw, "5", 100))
    assert house.media.past[2:] == [(fw, 30), (fw, 0)], "a mode is in the present"
    assert (fw, house.called(call)) in house.media.gains[call]
    house.exchange.on_media(Digit(fw, "1", 100))
    house.loop.now_s += 61
    house.exchange.on_media(Digit(fw, "1", 100))
    assert house.media.past[4:] == [(fw, 30), (fw, 30)], "long live again by itself, it begins anew"


def test_a_patient_is_never_left_alone_for_the_past() -> None:
    house = House()
    call = house.conversation()
    house.rings_in("fw", "*742001", by="9001")
    house.ends(house.called(call))
    house.exchange.on_media(Digit(LegId("fw"), "1", 100))
    assert house.media.past == []
    assert (LegId("fw"), LegId("pat")) in house.media.gains[call]


def test_where_nothing_is_kept_the_key_is_none() -> None:
    house = House({"media": {"history_s": 0}})
    call = house.conversation()
    house.rings_in("fw", "*722001", by="9001")
    house.exchange.on_media(Digit(LegId("fw"), "1", 100))
    assert house.media.past == []
    assert (LegId("fw"), house.called(call)) in house.media.gains[call]
