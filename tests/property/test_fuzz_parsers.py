"""Every parser of bytes that a network brings, over packets that were seen or made once and are then broken in every way.

The corpora are in tests/data/fuzz, a file a parser; what is found to matter is added there. The same cases each time; `FUZZ=100000` looks
at so many new ones. Under AddressSanitizer a byte read beyond a packet's end is an error by itself.
"""

from __future__ import annotations

import pytest
from fuzzing import broken, corpus, fuzz
from hypothesis import given
from hypothesis import strategies as st
from native.rtcp import parse_compound
from native.rtp import parse_packet
from native.srtp import Session

SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM")
KEY_BYTES = {"AEAD_AES_128_GCM": 28}
RTP, RTCP = corpus("rtp"), corpus("rtcp")
ANYTHING = st.binary(max_size=300)


@fuzz
@given(broken(RTP) | ANYTHING)
def test_rtp(packet: bytes) -> None:
    found = parse_packet(packet)
    if isinstance(found, str):
        assert found in ("malformed", "rtcp")
        return
    assert packet[0] >> 6 == 2
    assert found["payload"] in packet[12:] or found["payload"] == b""
    assert len(found["payload"]) <= len(packet) - 12


@fuzz
@given(broken(RTCP) | ANYTHING)
def test_rtcp(packet: bytes) -> None:
    """Whatever is read out of it was in it: no more reports than bytes for them, and the same when it is read again."""
    found = parse_compound(packet)
    assert repr(parse_compound(bytes(packet))) == repr(found)
    if isinstance(found, dict):
        assert len(packet) >= 8


@pytest.mark.parametrize("suite", SUITES)
@fuzz
@given(data=st.data())
def test_srtp(suite: str, data: st.DataObject) -> None:
    """What was not sealed under the key is refused, and what comes next is still opened."""
    key = bytes(range(KEY_BYTES.get(suite, 30)))
    sender, receiver = Session(suite, key, key[::-1]), Session(suite, key[::-1], key)
    good = bytes.fromhex("80080001000000a000000001") + bytes(20)
    sealed = sender.protect(good)
    assert isinstance(sealed, bytes)
    packet = data.draw(broken([sealed, *RTP]) | ANYTHING)
    opened = receiver.unprotect(packet)
    assert isinstance(opened, str) or packet == sealed
    report = receiver.unprotect_rtcp(data.draw(broken([*RTCP]) | ANYTHING))
    assert isinstance(report, str)
    if packet != sealed:
        assert receiver.unprotect(sealed) == good
    sender.close()
    receiver.close()
