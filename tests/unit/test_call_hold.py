"""Hold, resume and glare, as transcripts."""

from __future__ import annotations

import pytest
from callscript import Script, phone_sdp

from gateway.core.actions import AnswerReoffer, Reoffer
from gateway.core.events import LegConfirmed, LegReanswered, LegReoffered, LegReofferRefused
from gateway.core.model import LegId, Mode
from gateway.core.sdp import parse

CALLER, ADVISOR = LegId("caller"), LegId("advisor")


@pytest.fixture
def script() -> Script:
    script = Script()
    script.talk()
    script.event(LegConfirmed(CALLER, None))
    return script


def hold(script: Script, by: LegId = ADVISOR) -> None:
    other = CALLER if by == ADVISOR else ADVISOR
    script.event(LegReoffered(by, phone_sdp("8 101", "sendonly")))
    script.event(LegReanswered(other, phone_sdp("8 101", "recvonly")))


def test_the_advisor_holds_and_resumes(script: Script) -> None:
    script.event(LegReoffered(ADVISOR, phone_sdp("8 101", "sendonly")))
    script.sees("reoffer caller 8 101 sendonly")
    script.event(LegReanswered(CALLER, phone_sdp("8 101", "recvonly")))
    script.sees(
        "connect caller PCMA sendonly",
        "accept advisor recvonly",
        "connect advisor PCMA recvonly",
        "news call.held",
    )
    assert script.call.snapshot()["on_hold"] is True
    script.event(LegReoffered(ADVISOR, phone_sdp("8 101")))
    script.sees("reoffer caller 8 101 sendrecv")
    script.event(LegReanswered(CALLER, phone_sdp("8 101")))
    script.sees(
        "connect caller PCMA sendrecv",
        "accept advisor sendrecv",
        "connect advisor PCMA sendrecv",
        "news call.resumed",
    )
    assert script.call.snapshot()["on_hold"] is False


def test_the_caller_holds(script: Script) -> None:
    hold(script, by=CALLER)
    assert script.call.snapshot()["on_hold"] is True


def test_the_old_hold_by_address_zero(script: Script) -> None:
    script.event(LegReoffered(ADVISOR, phone_sdp("8 101", host="0.0.0.0")))
    script.sees("reoffer caller 8 101 sendonly")
    script.event(LegReanswered(CALLER, phone_sdp("8 101", "recvonly")))
    connected = {a.leg: a.media for a in script.actions if hasattr(a, "media")}
    assert connected[ADVISOR].remote == (
        "192.0.2.2",
        4000,
    )  # where they were: nothing is ever sent to 0.0.0.0


def test_the_codec_stays_on_hold(script: Script) -> None:
    script.event(LegReoffered(ADVISOR, phone_sdp("0 8 101", "sendonly")))
    script.sees("reoffer caller 8 101 sendonly")
    script.event(LegReanswered(CALLER, phone_sdp("8 101", "recvonly")))
    assert parse(script.last(AnswerReoffer).sdp).media[0].formats == ("8", "101")


def test_a_codec_is_changed_on_both_legs(script: Script) -> None:
    script.event(LegReoffered(ADVISOR, phone_sdp("0 101")))
    script.sees("reoffer caller 0 101 sendrecv")
    script.event(LegReanswered(CALLER, phone_sdp("0 101")))
    script.sees("connect caller PCMU sendrecv", "accept advisor sendrecv", "connect advisor PCMU sendrecv")


@pytest.mark.parametrize(("code", "told"), [(488, 488), (491, 491), (408, 408), (200, 488)])
def test_refused_there_is_refused_here_and_the_old_media_stays(script: Script, code: int, told: int) -> None:
    script.event(LegReoffered(ADVISOR, phone_sdp("8 101", "sendonly")))
    script.clear()
    script.event(LegReofferRefused(CALLER, code))
    script.sees(f"refuse advisor {told}")
    assert script.call.snapshot()["on_hold"] is False
    hold(script)
    assert script.call.snapshot()["on_hold"] is True


@pytest.mark.parametrize("text", ["nonsense", phone_sdp("18"), phone_sdp(port=0)])
def test_an_offer_of_no_use_is_refused_with_488(script: Script, text: str) -> None:
    script.event(LegReoffered(ADVISOR, text))
    script.sees("refuse advisor 488")


def test_an_answer_of_no_use_refuses_the_offer(script: Script) -> None:
    script.event(LegReoffered(ADVISOR, phone_sdp("8 101", "sendonly")))
    script.clear()
    script.event(LegReanswered(CALLER, "nonsense"))
    script.sees("refuse advisor 488")


def test_glare(script: Script) -> None:
    script.event(LegReoffered(ADVISOR, phone_sdp("8 101", "sendonly")))
    script.event(LegReoffered(CALLER, phone_sdp("8 101", "sendonly")))
    script.sees("reoffer caller 8 101 sendonly", "refuse caller 491")
    script.event(LegReofferRefused(CALLER, 491))
    script.sees("refuse advisor 491")
    hold(script)


def test_a_second_offer_before_the_first_is_answered(script: Script) -> None:
    script.event(LegReoffered(ADVISOR, phone_sdp("8 101", "sendonly")))
    script.clear()
    script.event(LegReoffered(ADVISOR, phone_sdp("8 101")))
    script.sees("refuse advisor 491")


def test_an_offer_is_asked_for(script: Script) -> None:
    script.event(LegReoffered(ADVISOR, None))
    script.sees("accept advisor sendrecv")
    script.event(LegConfirmed(ADVISOR, phone_sdp("8 101", host="192.0.2.77")))
    script.sees("connect advisor PCMA sendrecv")


def test_a_late_offer_that_holds_is_carried_on(script: Script) -> None:
    script.event(LegReoffered(ADVISOR, None))
    script.clear()
    script.event(LegConfirmed(ADVISOR, phone_sdp("8 101", "sendonly")))
    script.sees("connect advisor PCMA recvonly", "reoffer caller 8 101 sendonly")


def test_an_answer_to_an_offer_that_the_adapter_made_by_itself(script: Script) -> None:
    script.event(LegReanswered(ADVISOR, phone_sdp("8 101", host="192.0.2.78")))
    script.sees("connect advisor PCMA sendrecv")


def test_an_update_that_changes_nothing_for_the_other_party_is_this_legs_affair(script: Script) -> None:
    """Another address, such as after a change of network."""
    moved = phone_sdp("8 101", host="192.0.2.79")
    script.event(LegReoffered(ADVISOR, moved, phone_sdp("8 101", host="192.0.2.8")))
    script.sees("connect advisor PCMA sendrecv")


def test_an_update_that_holds_is_carried_on(script: Script) -> None:
    answered = phone_sdp("8 101", "recvonly", host="192.0.2.8")
    script.event(LegReoffered(ADVISOR, phone_sdp("8 101", "sendonly"), answered))
    script.sees("connect advisor PCMA recvonly", "reoffer caller 8 101 sendonly")
    script.event(LegReanswered(CALLER, phone_sdp("8 101", "recvonly")))
    script.sees("connect caller PCMA sendonly")
    assert script.call.snapshot()["on_hold"] is True


@pytest.mark.parametrize("offer", ["nonsense", phone_sdp("0 101"), phone_sdp(port=0)])
def test_an_update_that_comes_to_nothing_leaves_the_media_as_it_was(script: Script, offer: str) -> None:
    script.event(LegReoffered(ADVISOR, offer, phone_sdp("8 101", host="192.0.2.8")))
    script.sees()


def test_the_origin_version_goes_up_only_when_something_changes(script: Script) -> None:
    script.event(LegReoffered(ADVISOR, phone_sdp("8 101", "sendonly")))
    first = parse(script.last(Reoffer).sdp).origin
    script.event(LegReanswered(CALLER, phone_sdp("8 101", "recvonly")))
    script.event(LegReoffered(ADVISOR, phone_sdp("8 101", "sendonly")))
    again = parse(script.last(Reoffer).sdp).origin
    script.event(LegReanswered(CALLER, phone_sdp("8 101", "recvonly")))
    script.event(LegReoffered(ADVISOR, phone_sdp("8 101")))
    resumed = parse(script.last(Reoffer).sdp).origin
    assert again.version == first.version
    assert (resumed.id, resumed.version) == (first.id, first.version + 1)


def test_a_session_refresh_does_not_open_latching_again(script: Script) -> None:
    script.event(LegReoffered(ADVISOR, phone_sdp("8 101", host="192.0.2.2")))
    script.event(LegReanswered(CALLER, phone_sdp("8 101")))
    script.sees("reoffer caller 8 101 sendrecv", "accept advisor sendrecv")


def test_a_takeover_takes_the_patient_off_hold_and_the_hold_comes_back(script: Script) -> None:
    hold(script)
    script.clear()
    script.joins("fw1", Mode.TAKEOVER)
    assert "reoffer caller 8 101 sendrecv" in script.lines()
    script.event(LegReanswered(CALLER, phone_sdp("8 101")))
    script.clear()
    script.ends("fw1")
    assert "reoffer caller 8 101 sendonly" in script.lines()


def test_in_a_takeover_a_partys_offer_is_answered_by_the_gateway(script: Script) -> None:
    script.joins("fw1", Mode.TAKEOVER)
    script.clear()
    script.event(LegReoffered(ADVISOR, phone_sdp("8 101", "sendonly")))
    script.sees("accept advisor recvonly", "connect advisor PCMA recvonly")


def test_the_advisor_leaves_while_the_caller_waits_for_their_answer(script: Script) -> None:
    script.event(LegReoffered(CALLER, phone_sdp("8 101", "sendonly")))
    script.joins("fw1", Mode.TAKEOVER)
    script.clear()
    script.ends("advisor")
    assert "accept caller recvonly" in script.lines()
