"""From INVITE to conversation, as transcripts."""

from __future__ import annotations

import pytest
from callscript import Script, phone_sdp

from gateway.core.actions import Answer, ConnectLeg, Invite, Progress
from gateway.core.callstate import State
from gateway.core.errors import NotAcceptable, SdpError
from gateway.core.events import LegConfirmed, LegReanswered, LegReofferRefused
from gateway.core.model import Encoding, LegId, Role
from gateway.core.sdp import parse
from gateway.core.setup import Policy


def test_rings_and_is_answered() -> None:
    script = Script()
    script.start()
    script.sees("invite advisor", "news call.ringing")
    script.rings()
    script.sees("progress caller 180")
    script.picks_up()
    script.sees(
        "connect caller PCMA sendrecv",
        "connect advisor PCMA sendrecv",
        "path advisor>caller caller>advisor",
        "answer caller 8 101 sendrecv",
        "news call.answered",
    )
    script.event(LegConfirmed(LegId("caller"), None))
    script.sees()
    assert script.call.state is State.TALKING


def test_the_advisor_is_offered_the_callers_codecs_in_the_callers_order() -> None:
    script = Script(offer=phone_sdp("9 0 8 101", more="a=ptime:30\r\na=maxptime:60\r\n"))
    script.start()
    offer = parse(script.last(Invite).sdp)
    assert offer.media[0].formats == ("0", "8", "101")
    assert offer.media[0].values("ptime") == ["30"]
    assert offer.media[0].values("maxptime") == ["60"]
    assert offer.media[0].port == 20002


def test_the_caller_is_answered_with_what_the_advisor_chose() -> None:
    script = Script(offer=phone_sdp("0 8 101"))
    script.start()
    script.picks_up(phone_sdp("8 101"))
    assert parse(script.last(Answer).sdp).media[0].formats == ("8", "101")


def test_payload_types_of_telephone_event_may_differ_by_leg() -> None:
    script = Script(offer=phone_sdp("8 96", more="a=rtpmap:96 telephone-event/8000\r\n"))
    script.start()
    assert parse(script.last(Invite).sdp).media[0].formats == ("8", "96")
    script.picks_up(phone_sdp("8 100", more="a=rtpmap:100 telephone-event/8000\r\n"))
    media = {a.leg: a.media.event_payload_type for a in script.actions if isinstance(a, ConnectLeg)}
    assert media == {"caller": 96, "advisor": 100}


def test_keys_are_not_agreed_with_a_caller_whose_advisor_takes_none() -> None:
    script = Script()
    script.start()
    script.picks_up(phone_sdp("8"))
    assert parse(script.last(Answer).sdp).media[0].formats == ("8",)


def test_an_advisor_who_dials_out_can_always_key() -> None:
    script = Script(calling=Role.ADVISOR)
    script.start()
    script.sees("invite caller", "news call.ringing")
    script.picks_up(phone_sdp("8"))
    assert parse(script.last(Answer).sdp).media[0].formats == ("8", "101")
    assert script.last(Answer).leg == "advisor"


def test_early_media_flows_both_ways_and_the_answer_stays_the_same() -> None:
    script = Script()
    script.start()
    script.clear()
    script.rings(183, phone_sdp("8 101"))
    early = script.last(Progress).sdp
    script.sees(
        "connect caller PCMA sendrecv",
        "connect advisor PCMA sendrecv",
        "path advisor>caller caller>advisor",
        "progress caller 183 with answer",
    )
    assert script.call.state is State.EARLY
    script.picks_up(phone_sdp("8 101"))
    assert script.last(Answer).sdp == early
    script.sees("answer caller 8 101 sendrecv", "news call.answered")


def test_early_media_that_cannot_be_used_only_rings() -> None:
    script = Script()
    script.start()
    script.clear()
    script.rings(183, "v=0\r\nnonsense")
    script.sees("progress caller 183")
    assert script.call.state is State.RINGING


def test_another_branch_with_another_codec_is_brought_round_by_a_reinvite() -> None:
    script = Script()
    script.start()
    script.rings(183, phone_sdp("8 101"))
    script.clear()
    script.picks_up(phone_sdp("0 101", host="192.0.2.3"))
    script.sees("answer caller 8 101 sendrecv", "reoffer advisor 8 101 sendrecv")
    script.event(LegReanswered(LegId("advisor"), phone_sdp("8 101", host="192.0.2.3")))
    script.sees("connect advisor PCMA sendrecv")


def test_a_branch_that_refuses_the_callers_codec_ends_the_call() -> None:
    script = Script()
    script.start()
    script.rings(183, phone_sdp("8 101"))
    script.picks_up(phone_sdp("0 101"))
    script.clear()
    script.event(LegReofferRefused(LegId("advisor"), 488))
    script.sees("hang up caller 488", "hang up advisor 488", "RemoveMedia")


def test_late_offer() -> None:
    script = Script(offer=None)
    script.start()
    assert parse(script.last(Invite).sdp).media[0].formats == ("8", "0", "101")
    script.picks_up(phone_sdp("0 101"))
    script.sees("invite advisor", "connect advisor PCMU sendrecv", "answer caller 0 101 sendrecv")
    script.event(LegConfirmed(LegId("caller"), phone_sdp("0 101")))
    script.sees("connect caller PCMU sendrecv", "path advisor>caller caller>advisor")


def test_late_offer_never_answered_ends_the_call() -> None:
    script = Script(offer=None)
    script.start()
    script.picks_up()
    script.clear()
    script.event(LegConfirmed(LegId("caller"), None))
    script.sees("hang up caller 488", "hang up advisor 488", "RemoveMedia")


@pytest.mark.parametrize(
    ("offer", "error"),
    [
        ("", SdpError),
        ("v=0\r\nm=audio", SdpError),
        (phone_sdp("18 101"), NotAcceptable),
        (phone_sdp().replace("RTP/AVP", "RTP/SAVP"), NotAcceptable),
        (phone_sdp().replace("audio", "video"), NotAcceptable),
        (phone_sdp(host="224.1.1.1"), NotAcceptable),
        (phone_sdp(host="::1").replace("IP4", "IP6"), NotAcceptable),
    ],
)
def test_an_offer_of_no_use_begins_nothing(offer: str, error: type[Exception]) -> None:
    script = Script(offer=offer)
    with pytest.raises(error):
        script.call.start(script.now)
    assert script.call.take_actions() == []


def test_a_law_that_is_not_configured_is_not_accepted() -> None:
    script = Script(offer=phone_sdp("0 101"), policy=Policy(encodings=(Encoding.PCMA,)))
    with pytest.raises(NotAcceptable, match="PCMA"):
        script.call.start(script.now)


@pytest.mark.parametrize("answer", ["v=0\r\nx", phone_sdp("18"), phone_sdp(port=0)])
def test_an_answer_of_no_use_ends_the_call_with_488(answer: str) -> None:
    script = Script()
    script.start()
    script.clear()
    script.picks_up(answer)
    script.sees("hang up caller 488", "hang up advisor 488", "RemoveMedia")


def test_video_is_refused_in_its_place() -> None:
    video = "m=video 5000 RTP/AVP 31\r\n"
    offer = phone_sdp().replace("m=audio", f"{video}m=audio")
    script = Script(offer=offer)
    script.start()
    assert [media.kind for media in parse(script.last(Invite).sdp).media] == ["audio"]
    script.picks_up()
    answer = parse(script.last(Answer).sdp)
    assert [(media.kind, media.port) for media in answer.media] == [("video", 0), ("audio", 20000)]
