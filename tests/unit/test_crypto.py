"""`a=crypto` lines: what phones really send, and what nobody should."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import crypto
from gateway.core.crypto import Crypto, Suite, Unusable, choose, make, parse, usable
from gateway.core.errors import SdpError

KEY = bytes(range(30))
INLINE = base64.b64encode(KEY).decode()
LINE = f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}"
LONG = base64.b64encode(bytes(46)).decode()


def test_the_example_of_the_rfc() -> None:
    """RFC 4568 §9.1's line: with a lifetime and an MKI."""
    line = parse("1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4")
    assert (line.tag, line.suite) == (1, Suite.AES_CM_128_HMAC_SHA1_80)
    assert line.key == b"YS___semctl () {\t220;}\n}\nunles"
    assert line.mki == b"\0\0\0\1"


@pytest.mark.parametrize("suite", Suite)
def test_every_suite_is_printed_and_read_again(suite: Suite) -> None:
    made = make(3, suite)
    assert len(made.key) == suite.key_bytes
    read = parse(made.text())
    assert (read.tag, read.suite, read.key, read.mki) == (3, suite, made.key, b"")


def test_the_engine_knows_the_same_suites() -> None:
    from native.srtpkeys import MASTER_BYTES

    assert {suite.value: suite.key_bytes for suite in Suite} == MASTER_BYTES


def test_what_phones_write_otherwise() -> None:
    assert parse(LINE + "|2^31").key == KEY
    assert parse(LINE + "|1099511627776").key == KEY
    assert parse(LINE + "|1:1").mki == b"\x01"
    assert parse(LINE + "|2^48|258:2").mki == b"\x01\x02"
    assert parse(LINE + " WSH=128 -x=y  ").key == KEY
    assert parse(LINE.replace(" ", "  ").lower().replace(INLINE.lower(), INLINE)).key == KEY
    assert parse(f"1 AES_256_CM_HMAC_SHA1_80 inline:{LONG.rstrip('=')}").key == bytes(46)


def test_the_old_name_of_a_suite_is_said_back_as_it_was_said() -> None:
    line = parse(f"2 AES_CM_256_HMAC_SHA1_80 inline:{LONG}")
    assert line.suite is Suite.AES_256_CM_HMAC_SHA1_80
    assert make(line.tag, line.suite, name=line.name).text().startswith("2 AES_CM_256_HMAC_SHA1_80 inline:")


@pytest.mark.parametrize(
    "value",
    [
        f"1 F8_128_HMAC_SHA1_80 inline:{INLINE}",
        f"1 AES_192_CM_HMAC_SHA1_80 inline:{INLINE}",
        f"1 NULL_HMAC_SHA1_80 inline:{INLINE}",
        f"{LINE};inline:{INLINE}|2^20|2:4",
        LINE + " UNENCRYPTED_SRTP",
        LINE + " UNENCRYPTED_SRTCP",
        LINE + " UNAUTHENTICATED_SRTP",
        LINE + " KDR=1",
        LINE + " FEC_ORDER=FEC_SRTP",
        LINE + " something",
        LINE + "|1:100",
    ],
)
def test_lines_that_are_not_for_us(value: str) -> None:
    with pytest.raises(Unusable):
        parse(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        "1 AES_CM_128_HMAC_SHA1_80",
        f"x AES_CM_128_HMAC_SHA1_80 inline:{INLINE}",
        f"-1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}",
        f"9999999999 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}",
        f"1 AES_CM_128_HMAC_SHA1_80 uri:{INLINE}",
        "1 AES_CM_128_HMAC_SHA1_80 inline:",
        "1 AES_CM_128_HMAC_SHA1_80 inline:a",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE[:-4]}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}AAAA",
        f"1 AEAD_AES_128_GCM inline:{INLINE}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE[:10]}!{INLINE[11:]}",
        LINE + "|",
        LINE + "|0",
        LINE + "|2^49",
        LINE + "|forever",
        LINE + "|2^20|1",
        LINE + "|1:1|2^20",
        LINE + "|256:1",
        LINE + "|1:0",
        LINE + "|1:129",
        LINE + "\t",
    ],
)
def test_absurd_lines(value: str) -> None:
    with pytest.raises(SdpError) as refusal:
        parse(value)
    assert not isinstance(refusal.value, Unusable)


@given(st.text(max_size=200))
def test_any_text_is_a_line_or_an_sdp_error(text: str) -> None:
    for value in (text, LINE + text, f"1 AES_CM_128_HMAC_SHA1_80 inline:{text}"):
        with suppress(SdpError):
            parse(value)


def test_no_error_and_no_repr_shows_a_key() -> None:
    line = Crypto(1, Suite.AES_CM_128_HMAC_SHA1_80, b"secret" * 5, b"secret")
    for shown in (repr(line), str(line), f"{line}", repr((line,))):
        assert "secret" not in shown
    for value in (LINE[:-4], LINE + "|x", LINE + " UNENCRYPTED_SRTP", f"1 X inline:{INLINE}", LINE + "\t"):
        with pytest.raises(SdpError) as refusal:
            parse(value)
        assert INLINE[:6] not in str(refusal.value)


def test_a_broken_line_does_not_spoil_the_others() -> None:
    short = f"2 AES_CM_128_HMAC_SHA1_32 inline:{INLINE}"
    lines, reasons = usable(["nonsense", LINE, LINE, f"3 F8 inline:{INLINE}", short])
    assert [line.tag for line in lines] == [1, 2]
    assert len(reasons) == 3
    assert "twice" in reasons[1]


def test_our_order_decides() -> None:
    offered = [make(1, Suite.AES_CM_128_HMAC_SHA1_32), make(2, Suite.AES_CM_128_HMAC_SHA1_80)]
    assert choose(offered, list(Suite)) is offered[1]
    assert choose(offered, [Suite.AES_CM_128_HMAC_SHA1_32]) is offered[0]
    assert choose(offered, [Suite.AEAD_AES_256_GCM]) is None
    assert choose([], list(Suite)) is None


def test_randomness_can_be_given_and_is_the_systems_otherwise() -> None:
    assert make(1, Suite.AEAD_AES_128_GCM, random=lambda size: b"r" * size).key == b"r" * 28
    assert make(1, Suite.AEAD_AES_128_GCM).key != make(1, Suite.AEAD_AES_128_GCM).key
    assert crypto.MOST_MKI_BYTES == 16
