"""Offers and answers (RFC 3264): whole description in, whole answer compared."""

import pytest

from simulators.errors import IllegalMove, MalformedSdp
from simulators.sdp import Direction, agree, answer, own_offer, parse
from simulators.session import Session

OFFER = """v=0
o=gateway 7 3 IN IP4 127.0.0.9
s=-
c=IN IP4 127.0.0.9
t=0 0
m=audio 20000 RTP/AVP 0 8 96
a=rtpmap:96 telephone-event/8000
a=fmtp:96 0-16
a=ptime:30
a=sendonly
m=video 20002 RTP/AVP 99
a=rtpmap:99 H264/90000
"""


def test_an_answer_keeps_the_offers_types_mirrors_its_direction_and_refuses_other_media():
    own = own_offer("127.0.0.1", 30_000, ("PCMA", "PCMU"), 20, session_id=5)
    text = str(answer(parse(OFFER), own)).replace("\r\n", "\n")
    assert text == (
        "v=0\no=- 5 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=audio 30000 RTP/AVP 0 96\na=rtpmap:0 PCMU/8000\na=rtpmap:96 telephone-event/8000\na=fmtp:96 0-16\n"
        "a=ptime:20\na=recvonly\nm=video 0 RTP/AVP 99\n"
    )


def test_a_description_survives_print_and_parse():
    own = own_offer("127.0.0.1", 30_000, ("PCMU",), 40, session_id=5)
    assert parse(str(own)) == own


def test_what_is_agreed_is_sent_with_the_types_of_the_other_side():
    own = own_offer("127.0.0.1", 30_000, ("PCMA", "PCMU"), 20, session_id=5)
    agreed = agree(own, parse(OFFER))
    assert agreed.remote == ("127.0.0.9", 20_000)
    assert (agreed.codec, agreed.send_type, agreed.event_type) == ("PCMU", 0, 96)
    assert agreed.direction is Direction.RECVONLY


def test_the_hold_of_rfc_2543_is_a_hold():
    held = OFFER.replace("c=IN IP4 127.0.0.9", "c=IN IP4 0.0.0.0").replace("a=sendonly", "a=sendrecv")
    assert parse(held).direction is Direction.SENDONLY


@pytest.mark.parametrize(
    ("offered", "wanted", "agreed"),
    [
        ("sendrecv", Direction.SENDRECV, "sendrecv"),
        ("sendonly", Direction.SENDRECV, "recvonly"),
        ("recvonly", Direction.SENDRECV, "sendonly"),
        ("inactive", Direction.SENDRECV, "inactive"),
        ("sendonly", Direction.SENDONLY, "inactive"),
        ("sendrecv", Direction.SENDONLY, "sendonly"),
    ],
)
def test_directions(offered, wanted, agreed):
    session = Session("127.0.0.1", 30_000, ("PCMA",), 20)
    session.wanted = wanted
    text, _ = session.answer(OFFER.replace("sendonly", offered).replace("AVP 0 8", "AVP 8 0"))
    assert f"a={agreed}" in text.split("\r\n")


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("", "no audio line"),
        ("v=0\nm=audio x RTP/AVP 0\n", "unreadable"),
        (OFFER.replace("0 8 96", "18 9"), "no codec in common"),
        (OFFER.replace("RTP/AVP 0", "RTP/SAVP 0"), "profile"),
        ("absurd", "unreadable"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(broken, words):
    with pytest.raises(MalformedSdp, match=words):
        Session("127.0.0.1", 30_000, ("PCMA", "PCMU"), 20).answer(broken)


def test_the_version_rises_only_when_something_changed():
    session = Session("127.0.0.1", 30_000, ("PCMA",), 20)
    peer = Session("127.0.0.1", 30_002, ("PCMA",), 20)

    def offered_version() -> int:
        text, _ = peer.answer(session.offer())
        session.take_answer(text)
        return session.local.version

    assert [offered_version(), offered_version()] == [1, 1]
    session.wanted = Direction.SENDONLY
    assert offered_version() == 2


def test_a_withdrawn_offer_leaves_what_was_agreed():
    session, peer = Session("127.0.0.1", 30_000, ("PCMA",), 20), Session("127.0.0.1", 30_002, ("PCMA",), 20)
    session.take_answer(peer.answer(session.offer())[0])
    before = session.agreed
    session.wanted = Direction.INACTIVE
    session.offer()
    session.withdraw()
    assert session.agreed is before
    with pytest.raises(IllegalMove):
        session.take_answer(OFFER)


def test_a_custom_description_is_sent_as_it_is():
    session = Session("127.0.0.1", 30_000, ("PCMA",), 20)
    assert session.offer("complete nonsense") == "complete nonsense"
    made = session.offer(lambda host, port: f"m=audio {port} RTP/AVP 8 at {host}")
    assert made == "m=audio 30000 RTP/AVP 8 at 127.0.0.1"
