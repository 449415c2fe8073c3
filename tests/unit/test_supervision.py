"""Supervisors on a call: joining, changing mode, taking over, vanishing."""

from __future__ import annotations

import pytest
from callscript import Script, address, floorwalker, offered, phone_sdp

from gateway.core.actions import Answer, Invite, Panic, SummonsAnswered, SummonsFailed
from gateway.core.callstate import State
from gateway.core.errors import NotAcceptable, SdpError
from gateway.core.events import (
    Digit,
    LegAnswered,
    LegConfirmed,
    LegInfoDigit,
    LegReoffered,
    StreamResumed,
    StreamSilent,
)
from gateway.core.model import LegId, Mode
from gateway.core.sdp import parse

FW1, FW2 = LegId("fw1"), LegId("fw2")
PATHS = {
    Mode.LISTEN: "path advisor>caller advisor>fw1 caller>advisor caller>fw1",
    Mode.WHISPER: "path advisor>caller advisor>fw1 caller>advisor caller>fw1 fw1>advisor",
    Mode.BARGE: "path advisor>caller advisor>fw1 caller>advisor caller>fw1 fw1>advisor fw1>caller",
    Mode.TAKEOVER: "path caller>advisor caller>fw1 fw1>advisor fw1>caller",
}


@pytest.fixture
def script() -> Script:
    script = Script()
    script.talk()
    return script


@pytest.mark.parametrize("mode", Mode)
def test_joining_opens_the_path_of_the_mode(script: Script, mode: Mode) -> None:
    script.joins("fw1", mode)
    script.sees(
        "answer fw1 8 101 sendrecv",
        "connect fw1 PCMA sendrecv",
        PATHS[mode],
        "news supervisor.joined",
        "news call.changed",
    )
    assert script.call.snapshot()["supervisors"] == [
        {
            "leg": "fw1",
            "user": "fw1",
            "name": "Fw1",
            "mode": mode.value,
            "via": "feature-code",
            "since": "t1000",
        }
    ]


def test_the_calls_codec_is_preferred_else_the_phones_own_is_taken(script: Script) -> None:
    script.joins("fw1", Mode.LISTEN, phone_sdp("0 8 101"))
    assert parse(script.last(Answer).sdp).media[0].formats == ("8", "101")
    script.joins("fw2", Mode.LISTEN, phone_sdp("0 101"))
    assert parse(script.last(Answer).sdp).media[0].formats == ("0", "101")


@pytest.mark.parametrize(("text", "error"), [(phone_sdp("18"), NotAcceptable), ("nonsense", SdpError)])
def test_a_phone_of_no_use_changes_nothing(script: Script, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        script.joins("fw1", Mode.LISTEN, text)
    assert script.call.take_actions() == []
    assert script.call.snapshot()["supervisors"] == []


def test_joining_without_an_offer_is_mute_until_the_answer_came(script: Script) -> None:
    script.joins("fw1", Mode.BARGE, None)
    script.sees("answer fw1 8 0 101 sendrecv")
    script.event(LegConfirmed(FW1, phone_sdp()))
    script.sees("connect fw1 PCMA sendrecv", PATHS[Mode.BARGE])


def test_keys_change_the_mode_and_leave(script: Script) -> None:
    script.joins("fw1", Mode.LISTEN)
    script.clear()
    for key, mode in (("5", Mode.WHISPER), ("6", Mode.BARGE), ("4", Mode.LISTEN)):
        script.event(Digit(FW1, key, 100))
        script.sees(PATHS[mode], "news supervisor.mode", "news call.changed")
    script.event(LegInfoDigit(FW1, "5"))
    script.sees(PATHS[Mode.WHISPER])
    script.event(Digit(FW1, "7", 100))
    script.sees()
    script.event(Digit(FW1, "#", 100))
    script.sees(
        "path advisor>caller caller>advisor",
        "remove fw1",
        "news supervisor.left",
        "news call.changed",
        "hang up fw1",
    )


def test_the_way_to_the_caller_that_a_key_shut_is_opened_again_where_the_mode_stays(script: Script) -> None:
    """The media engine shuts it with the key's first packet, whatever the key; an INFO does not reach the engine."""
    script.joins("fw1", Mode.BARGE)
    script.clear()
    script.event(Digit(FW1, "7", 100))
    script.sees(PATHS[Mode.BARGE])
    script.event(Digit(FW1, "6", 100))
    script.sees(PATHS[Mode.BARGE])
    script.event(LegInfoDigit(FW1, "7"))
    script.sees()


def test_a_mode_not_permitted_is_refused_logged_and_changes_nothing(script: Script) -> None:
    auditor = floorwalker("fw1", roles=frozenset({"auditor"}))
    script.joins("fw1", Mode.LISTEN, user=auditor)
    script.clear()
    script.event(Digit(FW1, "6", 100))
    facts = script.facts("supervision.refused")
    assert (facts["user"], facts["mode"], facts["asked"], facts["via"]) == ("fw1", "listen", "barge", "keys")
    assert facts["source"] == "192.0.2.1:5060"
    script.sees("news supervision.refused")
    assert script.call.snapshot()["supervisors"][0]["mode"] == "listen"


def test_another_person_cannot_give_a_supervisor_what_they_may_not(script: Script) -> None:
    script.joins("fw1", Mode.LISTEN, user=floorwalker("fw1", roles=frozenset({"auditor"})))
    assert not script.sets("fw1", Mode.WHISPER, by=floorwalker("fw2"))
    assert script.sets("fw1", Mode.LISTEN, by=floorwalker("fw2"))


def test_another_team_may_not() -> None:
    script = Script()
    script.talk()
    assert not script.call.judge(floorwalker("fw1", team="south"), Mode.LISTEN).allowed
    assert not script.call.judge(None, Mode.LISTEN).allowed


def test_the_second_takeover_is_refused(script: Script) -> None:
    script.joins("fw1", Mode.TAKEOVER)
    decision = script.call.judge(floorwalker("fw2"), Mode.TAKEOVER)
    assert not decision.allowed
    assert "fw1" in decision.why
    script.joins("fw2", Mode.BARGE)
    assert not script.sets("fw2", Mode.TAKEOVER)
    assert script.sets("fw1", Mode.LISTEN)
    assert script.sets("fw2", Mode.TAKEOVER)


def test_several_in_different_modes(script: Script) -> None:
    script.joins("fw1", Mode.WHISPER)
    script.clear()
    script.joins("fw2", Mode.BARGE)
    gains = "advisor>caller advisor>fw1 advisor>fw2 caller>advisor caller>fw1 caller>fw2"
    extra = "fw1>advisor fw1>fw2 fw2>advisor fw2>caller fw2>fw1"
    assert f"path {gains} {extra}" in script.lines()


# ── takeover ──


def test_the_advisor_hangs_up_and_the_patient_stays(script: Script) -> None:
    script.joins("fw1", Mode.TAKEOVER)
    script.clear()
    script.ends("advisor")
    script.sees("path caller>fw1 fw1>caller", "remove advisor", "news call.changed")
    assert script.call.state is State.TAKEN
    script.event(Digit(FW1, "5", 100))
    script.sees("news supervision.refused", "path caller>fw1 fw1>caller")
    script.event(Digit(FW1, "6", 100))
    assert script.call.snapshot()["supervisors"][0]["mode"] == "barge"
    script.clear()
    script.ends("fw1")
    assert "hang up caller" in script.lines()


def test_the_advisor_is_released(script: Script) -> None:
    script.dismisses("advisor")
    script.sees()
    script.joins("fw1", Mode.TAKEOVER)
    script.clear()
    script.dismisses("advisor")
    script.sees("hang up advisor", "path caller>fw1 fw1>caller", "remove advisor")
    script.ends("advisor")
    script.sees()
    assert script.call.state is State.TAKEN


@pytest.mark.parametrize("mode", [Mode.LISTEN, Mode.WHISPER, Mode.BARGE])
def test_without_a_takeover_the_advisors_hang_up_ends_the_call(script: Script, mode: Mode) -> None:
    script.joins("fw1", mode)
    script.clear()
    script.ends("advisor")
    assert script.lines(news=False) == ["hang up caller 487", "hang up fw1", "RemoveMedia"]


def test_the_floorwalkers_bye_gives_the_patient_back(script: Script) -> None:
    script.joins("fw1", Mode.TAKEOVER)
    script.clear()
    script.ends("fw1")
    script.sees("path advisor>caller caller>advisor", "remove fw1")
    assert script.call.state is State.TALKING


def test_the_floorwalkers_silence_gives_the_patient_back_and_then_ends_their_leg(script: Script) -> None:
    script.joins("fw1", Mode.TAKEOVER)
    script.clear()
    script.event(StreamSilent(FW1, 5000))
    script.sees("news stream.silent", PATHS[Mode.LISTEN], "news supervisor.mode", "news call.changed")
    script.passes(4.9)
    script.sees()
    script.passes(0.2)
    script.sees("path advisor>caller caller>advisor", "remove fw1", "hang up fw1")
    assert script.call.state is State.TALKING


def test_a_floorwalker_heard_again_stays(script: Script) -> None:
    script.joins("fw1", Mode.LISTEN)
    script.event(StreamSilent(FW1, 5000))
    script.event(StreamResumed(FW1))
    script.clear()
    script.passes(60)
    script.sees()


def test_a_floorwalker_on_hold_is_not_hung_up_nor_their_music_heard(script: Script) -> None:
    script.joins("fw1", Mode.BARGE)
    script.clear()
    script.event(LegReoffered(FW1, phone_sdp(direction="sendonly")))
    script.sees("accept fw1 recvonly", "connect fw1 PCMA recvonly", PATHS[Mode.LISTEN])
    script.event(StreamSilent(FW1, 5000))
    script.passes(60)
    script.clear()
    script.event(LegReoffered(FW1, phone_sdp()))
    script.sees("accept fw1 sendrecv", "connect fw1 PCMA sendrecv", PATHS[Mode.BARGE])


def test_a_floorwalker_who_vanished_with_the_advisor_gone_leaves_nobody_to_hear(script: Script) -> None:
    script.joins("fw1", Mode.TAKEOVER)
    script.ends("advisor")
    script.clear()
    script.event(StreamSilent(FW1, 5000))
    script.passes(60)
    script.sees()  # perhaps only muted, and the patient has nobody else
    script.passes(300)
    assert script.lines(news=False) == [
        "path nobody",
        "remove fw1",
        "hang up fw1",
        "hang up caller",
        "RemoveMedia",
    ]


def test_the_patient_stays_with_another_who_speaks(script: Script) -> None:
    script.joins("fw1", Mode.TAKEOVER)
    script.joins("fw2", Mode.BARGE)
    script.ends("advisor")
    script.clear()
    script.ends("fw1")
    script.sees("path caller>fw2 fw2>caller", "remove fw1")
    assert script.call.live


def taken_over(script: Script, *others: tuple[str, Mode], roles: str = "floorwalker") -> None:
    """fw1 has the patient, the advisor has gone, others are there."""
    script.joins("fw1", Mode.TAKEOVER)
    for name, mode in others:
        script.joins(name, mode, user=floorwalker(name, roles=frozenset({roles})))
    script.ends("advisor")
    script.clear()


@pytest.mark.parametrize("mode", [Mode.LISTEN, Mode.WHISPER])
@pytest.mark.parametrize("how", ["by key", "by BYE", "dismissed"])
def test_the_patient_of_a_floorwalker_who_leaves_goes_to_another(
    script: Script, mode: Mode, how: str
) -> None:
    """With the advisor gone: nobody who could speak with the patient is left to listen to a call that ends."""
    taken_over(script, ("fw2", mode))
    if how == "by key":
        script.event(Digit(FW1, "#", 100))
    elif how == "by BYE":
        script.ends("fw1")
    else:
        script.dismisses("fw1")
    facts = script.facts("supervisor.mode")
    assert (facts["user"], facts["mode"], facts["previous"]) == ("fw2", "takeover", mode.value)
    assert (facts["by"], facts["via"]) == (None, "succession")
    hung_up = [] if how == "by BYE" else ["hang up fw1"]
    assert script.lines(news=False) == ["path caller>fw2 fw2>caller", "remove fw1", *hung_up]
    assert script.call.state is State.TAKEN


def test_who_whispered_has_the_patient_before_who_listened(script: Script) -> None:
    taken_over(script, ("fw2", Mode.LISTEN), ("fw3", Mode.WHISPER))
    script.ends("fw1")
    assert script.facts("supervisor.mode")["user"] == "fw3"
    script.clear()
    script.ends("fw3")
    assert script.facts("supervisor.mode")["user"] == "fw2"
    script.clear()
    script.ends("fw2")
    assert script.lines(news=False) == ["path nobody", "remove fw2", "hang up caller", "RemoveMedia"]


def test_who_is_heard_has_the_patient_before_who_is_silent_or_on_hold(script: Script) -> None:
    taken_over(script, ("fw2", Mode.WHISPER), ("fw3", Mode.LISTEN))
    script.event(StreamSilent(FW2, 5000))
    script.ends("fw1")
    assert script.facts("supervisor.mode")["user"] == "fw3"
    script.clear()
    script.ends("fw3")
    assert script.facts("supervisor.mode")["user"] == "fw2", "better than nobody"


def test_who_may_not_take_over_does_not_get_the_patient(script: Script) -> None:
    taken_over(script, ("fw2", Mode.LISTEN), roles="auditor")
    script.ends("fw1")
    assert "hang up caller" in script.lines()


def test_with_the_advisor_there_nobody_inherits(script: Script) -> None:
    script.joins("fw1", Mode.TAKEOVER)
    script.joins("fw2", Mode.WHISPER)
    script.ends("fw1")
    assert script.call.snapshot()["supervisors"][0]["mode"] == "whisper"


def test_the_patient_of_a_floorwalker_who_fell_silent_goes_to_one_who_is_heard(script: Script) -> None:
    taken_over(script, ("fw2", Mode.LISTEN))
    script.event(StreamSilent(FW1, 5000))
    modes = {one["user"]: one["mode"] for one in script.call.snapshot()["supervisors"]}
    assert modes == {"fw1": "listen", "fw2": "takeover"}
    script.clear()
    script.event(StreamSilent(FW2, 5000))
    script.passes(6)
    script.sees("path caller>fw2 fw2>caller", "remove fw1", "hang up fw1")
    assert script.call.state is State.TAKEN, "both silent: whoever has the patient stays for long"


# ── the panic code, and being rung about it ──


def test_the_advisors_panic_code(script: Script) -> None:
    for key in "*99":
        script.event(Digit(LegId("advisor"), key, 100))
    assert [type(action) for action in script.actions] == [Panic]


def test_the_panic_code_by_info_and_by_both_at_once(script: Script) -> None:
    for key in "*99":
        script.event(Digit(LegId("advisor"), key, 100))
        script.event(LegInfoDigit(LegId("advisor"), key))
    assert [type(action) for action in script.actions] == [Panic, Panic]  # one alert all the same


def test_the_callers_keys_raise_nothing(script: Script) -> None:
    for key in "*99":
        script.event(Digit(LegId("caller"), key, 100))
    script.sees()


def test_a_rung_floorwalker_is_whispering_on_answering(script: Script) -> None:
    script.summons("fw1")
    script.sees("invite fw1", "news supervisor.rung")
    assert script.call.snapshot()["supervisors"] == []
    script.event(LegAnswered(FW1, phone_sdp()))
    assert script.last(SummonsAnswered) == SummonsAnswered("a1", "fw1")
    assert script.lines(news=False) == ["connect fw1 PCMA sendrecv", PATHS[Mode.WHISPER], "SummonsAnswered"]


def test_a_rung_floorwalker_who_does_not_come(script: Script) -> None:
    script.summons("fw1")
    script.clear()
    script.ends("fw1", 486)
    assert script.last(SummonsFailed) == SummonsFailed("a1", "fw1", 486)
    script.summons("fw2")
    script.clear()
    script.passes(21)
    assert script.last(SummonsFailed) == SummonsFailed("a1", "fw2", 408)
    assert "hang up fw2" in script.lines()


def test_a_rung_floorwalker_whose_phone_is_of_no_use(script: Script) -> None:
    script.summons("fw1")
    script.clear()
    script.event(LegAnswered(FW1, phone_sdp("18")))
    assert script.lines(news=False) == ["hang up fw1", "remove fw1", "SummonsFailed"]


def test_the_call_ends_while_somebody_is_rung(script: Script) -> None:
    script.summons("fw1")
    script.clear()
    script.ends("caller")
    assert "hang up fw1" in script.lines()
    script.ends("advisor")
    script.ends("fw1", 487)
    script.sees("Gone")


# ── by a browser, and by one's own phone ──


def by_browser(script: Script, mode: Mode) -> None:
    script.call.join(
        offered(FW1, phone_sdp("8")), floorwalker("fw1"), mode, address(FW1), 9, script.now, "web"
    )
    script.actions += script.call.take_actions()


@pytest.mark.parametrize("mode", [Mode.LISTEN, Mode.WHISPER, Mode.BARGE])
def test_a_browser_may_be_silent_as_long_as_it_likes(script: Script, mode: Mode) -> None:
    by_browser(script, mode)
    script.event(StreamSilent(FW1, 1000))
    script.passes(600)
    (supervisor,) = script.call.snapshot()["supervisors"]
    assert (supervisor["mode"], supervisor["via"]) == (mode.value, "web")


def test_a_silent_browser_gives_the_patient_back(script: Script) -> None:
    by_browser(script, Mode.TAKEOVER)
    script.clear()
    script.event(StreamSilent(FW1, 0))
    script.sees(PATHS[Mode.LISTEN])


def test_a_silent_browser_that_is_all_the_patient_has_is_taken_off_in_the_end(script: Script) -> None:
    by_browser(script, Mode.TAKEOVER)
    script.ends("advisor")
    script.event(StreamSilent(FW1, 0))
    script.passes(299)
    assert script.call.state is State.TAKEN
    script.passes(2)
    assert script.call.over


@pytest.mark.parametrize("mode", Mode)
def test_a_phone_rung_at_their_own_wish_joins_in_that_mode(script: Script, mode: Mode) -> None:
    invite = Invite(FW1, "sip:fw1@192.0.2.9", "")
    script.call.summon(invite, floorwalker("fw1"), None, address(FW1), 9, 20.0, script.now, mode)
    script.actions += script.call.take_actions()
    assert script.facts("supervisor.rung")["via"] == "sip"
    script.clear()
    script.event(LegAnswered(FW1, phone_sdp()))
    script.sees("connect fw1 PCMA sendrecv", PATHS[mode])


def test_a_phone_rung_at_their_own_wish_that_does_not_answer_raises_nothing(script: Script) -> None:
    invite = Invite(FW1, "sip:fw1@192.0.2.9", "")
    script.call.summon(invite, floorwalker("fw1"), None, address(FW1), 9, 20.0, script.now, Mode.LISTEN)
    script.actions += script.call.take_actions()
    script.clear()
    script.passes(21)
    assert script.lines() == ["hang up fw1", "remove fw1", "news supervisor.missed"]
