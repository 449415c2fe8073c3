"""One leg's offers and answers."""

from __future__ import annotations

import pytest
from callscript import direction_of, formats_of, phone_sdp

from gateway.core.codecs import standard
from gateway.core.direction import meet, reverse
from gateway.core.errors import NotAcceptable, SdpError
from gateway.core.model import Direction, Encoding, LegMedia
from gateway.core.offeranswer import LegSession
from gateway.core.sdp import parse

OWN = ("192.0.2.8", 20000)


def session() -> LegSession:
    return LegSession(OWN, 7)


def test_an_offer_and_its_answer() -> None:
    leg = session()
    text = leg.offer(standard([Encoding.PCMU, Encoding.PCMA]), ptime_ms=30)
    assert formats_of(text) == "0 8 101"
    media = leg.take_answer(phone_sdp("8 101", more="a=ptime:40\r\n"))
    assert media == LegMedia(Encoding.PCMA, 8, 101, ("192.0.2.1", 4000), 40, Direction.SENDRECV)


@pytest.mark.parametrize("answer", [phone_sdp("0"), phone_sdp("18"), phone_sdp(port=0)])
def test_an_answer_with_nothing_that_was_offered(answer: str) -> None:
    leg = session()
    leg.offer(standard([Encoding.PCMA]))
    with pytest.raises(NotAcceptable):
        leg.take_answer(answer)
    assert leg.media is None


def test_a_dynamic_payload_type_of_a_law() -> None:
    leg = session()
    offer = leg.take_offer(phone_sdp("96 101", more="a=rtpmap:96 pcma/8000/1\r\n"))
    assert offer.codecs[0].encoding is Encoding.PCMA
    assert formats_of(leg.answer(Encoding.PCMA)) == "96 101"
    assert leg.media is not None
    assert leg.media.payload_type == 96


@pytest.mark.parametrize("rtpmap", ["8 G729/8000", "8 PCMA/16000", "8 PCMA/8000/2"])
def test_a_static_number_that_was_given_another_meaning(rtpmap: str) -> None:
    with pytest.raises(NotAcceptable):
        session().take_offer(phone_sdp("8", more=f"a=rtpmap:{rtpmap}\r\n"))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_the_direction_answered(theirs: str, ours: str) -> None:
    leg = session()
    leg.take_offer(phone_sdp(direction=theirs))
    assert direction_of(leg.answer(Encoding.PCMA)) == ours


def test_the_sessions_direction_holds_where_the_stream_has_none() -> None:
    leg = session()
    text = phone_sdp().replace("a=sendrecv\r\n", "").replace("t=0 0", "t=0 0\r\na=sendonly")
    assert leg.take_offer(text).direction is Direction.SENDONLY


def test_absurd_packet_times_are_not_believed() -> None:
    for ptime in ("0", "7", "999999", "x", "-20"):
        assert session().take_offer(phone_sdp(more=f"a=ptime:{ptime}\r\n")).ptime_ms == 20


def test_the_same_words_have_the_same_version() -> None:
    leg = session()
    leg.take_offer(phone_sdp())
    first, second = leg.answer(Encoding.PCMA), leg.answer(Encoding.PCMA)
    assert first == second
    third = parse(leg.answer(Encoding.PCMA, Direction.RECVONLY)).origin
    assert (third.id, third.version) == (7, parse(first).origin.version + 1)


def test_a_telephone_event_type_once_used_is_kept() -> None:
    leg = session()
    leg.take_offer(phone_sdp("8 96", more="a=rtpmap:96 telephone-event/8000\r\n"))
    leg.answer(Encoding.PCMA)
    assert formats_of(leg.offer(standard([Encoding.PCMA]), event_payload_type=101)) == "8 96"


@pytest.mark.parametrize("host", ["phone.example.org", "999.1.1.1", "1.2.3", "::1%eth0%"])
def test_a_media_address_that_is_none(host: str) -> None:
    with pytest.raises((SdpError, NotAcceptable)):
        session().take_offer(phone_sdp(host="192.0.2.1").replace("c=IN IP4 192.0.2.1", f"c=IN IP4 {host}"))


def test_no_media_address_at_all() -> None:
    with pytest.raises(SdpError):
        session().take_offer(phone_sdp().replace("c=IN IP4 192.0.2.1\r\n", ""))


def test_answering_before_any_offer() -> None:
    with pytest.raises(SdpError):
        session().answer(Encoding.PCMA)


def test_a_refused_offer_leaves_what_was_agreed() -> None:
    leg = session()
    leg.take_offer(phone_sdp())
    leg.answer(Encoding.PCMA)
    agreed = leg.media
    with pytest.raises(NotAcceptable):
        leg.take_offer(phone_sdp("18"))
    leg.offer(standard([Encoding.PCMU]), Direction.SENDONLY)
    leg.withdraw()
    assert (leg.media, leg.stated) == (agreed, Direction.SENDRECV)


def test_arithmetic_of_directions() -> None:
    for one in Direction:
        assert reverse(reverse(one)) is one
        assert meet(one, one) is one
        assert meet(one, Direction.INACTIVE) is Direction.INACTIVE
        assert meet(one, Direction.SENDRECV) is one
    assert meet(Direction.SENDONLY, Direction.RECVONLY) is Direction.INACTIVE
