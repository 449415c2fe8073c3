"""SIP and SDP as text: `gateway.sip.messages`, `gateway.sip.sdptext`. No sockets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sip_peer import ANSWER, OFFER

from gateway.core.errors import SdpError
from gateway.sip.errors import sip_status
from gateway.sip.messages import (
    full_name,
    header_parameter,
    info_digit,
    name_addr,
    parse_address,
    parse_message,
    parse_name_addr,
    user_of,
    wire_text,
)
from gateway.sip.sdptext import require_session, sdp_of, without_direction

INVITE = (
    "INVITE sip:2001@gateway SIP/2.0\r\n"
    "v: SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK1\r\nv: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2\r\n"
    'f: "Dr \\"Who\\"" <sip:who@tardis>;tag=a\r\nt: <sip:2001@gateway>\r\ni: x@y\r\nCSEQ: 1 INVITE\r\n'
    "p-asserted-identity: <sip:a@b>,\r\n <tel:+44>\r\nX-Odd:\r\nl: 3\r\nc: text/plain\r\n\r\nabcdef"
)


def test_a_request() -> None:
    message = parse_message(INVITE)
    assert message.uri == "sip:2001@gateway"
    assert message.transport == "tcp"
    assert message.body == "abc"
    assert message.reason == ""
    assert message.headers["From"] == '"Dr \\"Who\\"" <sip:who@tardis>;tag=a'
    assert message.headers["P-Asserted-Identity"] == "<sip:a@b>, <tel:+44>"
    assert message.headers["CSeq"] == "1 INVITE"
    assert message.headers["X-Odd"] == ""
    assert message.headers["Via"].startswith("SIP/2.0/TCP")


def test_a_response() -> None:
    message = parse_message(
        "SIP/2.0 503 Service Unavailable\r\nTo: <sip:a@b;tag=no>;tag=yes\r\nRetry-After: 120 (moon)\r\n\r\n"
    )
    assert message.reason == "Service Unavailable"
    assert message.uri == ""
    assert message.to_tag == "yes"
    assert message.retry_after_s == 120


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    message = parse_message(text)
    assert sdp_of(message) is None or message.headers
    assert message.retry_after_s is None or message.retry_after_s >= 0
    parse_name_addr(text)
    user_of(text)
    parse_address(text)
    info_digit(message)
    wire_text(text).encode()


@given(st.binary())
def test_bytes_that_are_no_utf8_become_sendable(data: bytes) -> None:
    text = data.decode(errors="surrogateescape")
    wire_text(parse_message("OPTIONS x SIP/2.0\r\nX: " + text).start).encode()
    for value in parse_message("OPTIONS x SIP/2.0\r\nX: " + text + "\r\n\r\n" + text).headers.values():
        value.encode()


@pytest.mark.parametrize(
    ("value", "name", "uri"),
    [
        ('"Anna B" <sip:a@b>;tag=1', "Anna B", "sip:a@b"),
        ("Anna B <sip:a@b;x=y>;tag=1", "Anna B", "sip:a@b;x=y"),
        ("<sip:a@b>", "", "sip:a@b"),
        ("sip:a@b;tag=1", "", "sip:a@b"),
        ('"a \\\\ \\"b\\" <c>" <sip:a@b>', 'a \\ "b" <c>', "sip:a@b"),
        ("", "", ""),
    ],
)
def test_name_and_address(value: str, name: str, uri: str) -> None:
    assert parse_name_addr(value) == (name, uri)


@given(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20))
def test_name_survives_the_way_there_and_back(name: str) -> None:
    assert parse_name_addr(name_addr("sip:a@b", name)) == (name, "sip:a@b")


def test_name_cannot_break_out_of_its_header() -> None:
    assert name_addr("sip:a@b", 'x"\r\nEvil: 1') == '"x\\"Evil: 1" <sip:a@b>'


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("sip:*722001@gateway", "*722001"),
        ("sip:%2A722001@gateway;user=phone", "*722001"),
        ("SIPS:a%20b:secret@h", "a b"),
        ("sip:+44;phone-context=x@h", "+44"),
        ("tel:+44-1;isub=2", "+44-1"),
        ("sip:gateway", ""),
        ("nonsense", ""),
    ],
)
def test_user_of_a_uri(uri: str, user: str) -> None:
    assert user_of(uri) == user


def test_small_readers() -> None:
    assert parse_address("192.0.2.1:5060") == ("192.0.2.1", 5060)
    assert parse_address("[2001:db8::1]:5062") == ("2001:db8::1", 5062)
    assert parse_address("192.0.2.1") == ("192.0.2.1", 0)
    assert full_name("K") == "Supported"
    assert full_name("x-my-OWN") == "X-My-Own"
    assert header_parameter("<sip:a;tag=no@b>;x=1;TAG=yes", "tag") == "yes"
    assert header_parameter("<sip:a@b>", "tag") == ""


@pytest.mark.parametrize(
    ("kind", "body", "digit"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5"),
        ("application/dtmf-relay", "Signal= #\r\n", "#"),
        ("Application/DTMF-Relay;x=y", "Duration=1\r\nsignal=a", "A"),
        ("application/dtmf-relay", "Signal=10\r\n", "*"),
        ("application/dtmf-relay", "Signal=11", "#"),
        ("application/dtmf-relay", "Signal=77", None),
        ("application/dtmf-relay", "Signal=", None),
        ("application/dtmf", "9\r\n", "9"),
        ("application/dtmf", "xx", None),
        ("text/plain", "Signal=5", None),
    ],
)
def test_key_in_info(kind: str, body: str, digit: str | None) -> None:
    assert info_digit(parse_message(f"INFO x SIP/2.0\r\nContent-Type: {kind}\r\n\r\n{body}")) == digit


def test_sdp_in_a_multipart_body() -> None:
    body = (
        "--sep\r\nContent-Type: application/isup\r\n\r\n\1\2\r\n"
        "--sep\r\nContent-Type: application/sdp\r\nContent-Disposition: session\r\n\r\n"
        f"{OFFER}\r\n--sep--\r\n"
    )
    head = 'INVITE x SIP/2.0\r\nContent-Type: multipart/mixed; boundary="sep"\r\n\r\n'
    assert sdp_of(parse_message(head + body)) == OFFER
    assert sdp_of(parse_message(head.replace("; boundary", "; x") + body)) is None


def test_sdp_only_where_the_type_says_so() -> None:
    assert sdp_of(parse_message(f"INVITE x SIP/2.0\r\nContent-Type: text/plain\r\n\r\n{OFFER}")) is None
    assert sdp_of(parse_message(f"INVITE x SIP/2.0\r\nc: Application/SDP ;a=b\r\n\r\n{OFFER}")) == OFFER
    assert sdp_of(parse_message("INVITE x SIP/2.0\r\nContent-Type: application/sdp\r\n\r\n")) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "v=0\r\n",
        OFFER.split("m=")[0],
        OFFER.replace("c=IN IP4 127.0.0.1\r\n", ""),
        OFFER + "\r\nx\r\n",
    ],
)
def test_what_is_no_session_is_refused(text: str) -> None:
    with pytest.raises(SdpError):
        require_session(text)


def test_sessions_pass() -> None:
    for text in (OFFER, ANSWER, OFFER.replace("\r\n", "\n")):
        require_session(text)


def test_direction_is_taken_out() -> None:
    assert "a=sendrecv" not in without_direction(OFFER)
    assert without_direction(OFFER).count("\r\n") == OFFER.count("\r\n") - 1


def test_pjsip_errors_in_sip_words() -> None:
    assert sip_status(170_486) == 486
    assert sip_status(171_039) == 400
    assert sip_status(70_010) == 503
    assert sip_status(1) == 500
