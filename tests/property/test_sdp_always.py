"""SDP: what is printed is read back the same, and no text whatever brings anything but `SdpError` or
`NotAcceptable`.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.core import sdp
from gateway.core.errors import NotAcceptable, SdpError
from gateway.core.offeranswer import LegSession

TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-+.", min_size=1, max_size=12)
HOST = st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str))
VALUE = st.text(st.characters(exclude_characters="\r\n\0"), max_size=30)
ATTRIBUTES = st.lists(st.tuples(TOKEN, st.none() | VALUE), max_size=6).map(tuple)
MEDIA = st.builds(
    sdp.Media,
    kind=st.sampled_from(["audio", "video", "text", "application"]),
    port=st.integers(0, 65535),
    protocol=st.sampled_from(["RTP/AVP", "RTP/SAVP", "udptl", "UDP/TLS/RTP/SAVPF"]),
    formats=st.lists(TOKEN, min_size=1, max_size=6).map(tuple),
    address=st.none() | HOST,
    attributes=ATTRIBUTES,
    ports=st.integers(1, 99),
)
SESSION = st.builds(
    sdp.Session,
    origin=st.builds(
        sdp.Origin, user=TOKEN, id=st.integers(0, 2**64 - 1), version=st.integers(0, 2**64 - 1), address=HOST
    ),
    media=st.lists(MEDIA, min_size=1, max_size=5).map(tuple),
    address=st.none() | HOST,
    attributes=ATTRIBUTES,
    name=VALUE.filter(bool),
)
LINE = st.one_of(
    VALUE,
    st.builds("{}={}".format, st.sampled_from("vosiuepcbtrzkam"), VALUE),
    st.sampled_from(
        [
            "v=0",
            "o=- 1 1 IN IP4 192.0.2.1",
            "c=IN IP4 0.0.0.0",
            "c=IN IP4 224.2.1.1/127/3",
            "m=audio 4000 RTP/AVP 0 8 101",
            "m=audio 99999 RTP/AVP 0",
            "m=video 1 RTP/AVP 31",
            "a=rtpmap:101 telephone-event/8000",
            "a=rtpmap:0 x/" + "9" * 5000,
            "a=ptime:" + "9" * 5000,
            "a=sendonly",
        ]
    ),
)
PREFIX = st.sampled_from(
    [
        "",
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n",
        "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nm=audio 4000 RTP/AVP 0\n",
    ]
)
TEXT = st.builds(
    lambda prefix, lines, end: prefix + end.join(lines),
    PREFIX,
    st.lists(LINE, max_size=12),
    st.sampled_from(["\r\n", "\n"]),
)


@given(SESSION)
def test_printed_then_parsed_is_the_same(session: sdp.Session) -> None:
    assert sdp.parse(str(session)) == session


@given(st.text() | TEXT)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        session = sdp.parse(text)
    except SdpError:
        return
    assert sdp.parse(str(session)) == session


@given(st.text() | TEXT)
def test_any_offer_is_answered_or_refused(text: str) -> None:
    leg = LegSession(("192.0.2.9", 20000), session_id=7)
    try:
        offer = leg.take_offer(text)
    except (SdpError, NotAcceptable):
        return
    answer = sdp.parse(leg.answer(offer.codecs[0].encoding))
    assert len(answer.media) == len(sdp.parse(text).media)
    assert [media.port != 0 for media in answer.media].count(True) == 1
