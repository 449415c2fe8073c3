"""Packets in and out against the RFCs' vectors, a computation of the test's own, and libsrtp2."""

from __future__ import annotations

import json
from pathlib import Path

import pylibsrtp
import pytest
from native.srtp import SUITES_SUPPORTED, Session, supported
from native.srtpkeys import MASTER_BYTES, derived
from srtpreference import SUITES, Reference, key, rtcp, rtp

VECTORS = json.loads(
    (Path(__file__).parent.parent / "data" / "srtp_vectors.json").read_text(encoding="utf-8")
)
PYLIBSRTP = {
    "AES_CM_128_HMAC_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
each_suite = pytest.mark.parametrize("suite", SUITES)
PACKETS = {
    "speech": rtp(7),
    "one byte": rtp(7, b"x"),
    "nothing": rtp(7, b""),
    "as long as can be": rtp(7, b"z" * (2048 - 12)),
    "csrcs": rtp(7, first=0x83, more=b"contributors"),
    "extension": rtp(7, first=0x90, more=b"\xbe\xde\x00\x02extended"),
    "empty extension": rtp(7, first=0x90, more=b"\xbe\xde\x00\x00"),
    "padding": rtp(7, b"\x55" * 160 + b"\x00\x00\x00\x04", first=0xA0),
}


def vectors(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", VECTORS[kind], ids=lambda vector: vector["source"])


@vectors("key_derivation")
def test_published_key_derivation(vector: dict) -> None:
    for label, value in vector["labels"].items():
        expected = bytes.fromhex(value)
        assert (
            derived(vector["suite"], bytes.fromhex(vector["master"]), int(label), len(expected)) == expected
        )


@vectors("keystream")
def test_published_keystream(vector: dict) -> None:
    session = Session.of_session_keys(
        vector["suite"], bytes.fromhex(vector["key"]), bytes.fromhex(vector["salt"])
    )
    stream = bytes.fromhex(vector["stream"])
    sealed = session.protect(rtp(0, bytes(len(stream)), ssrc=0))
    assert sealed[12:-10] == stream


@vectors("galois_rtp")
def test_published_galois_packets(vector: dict) -> None:
    session = Session.of_session_keys(
        vector["suite"], bytes.fromhex(vector["key"]), bytes.fromhex(vector["salt"])
    )
    plain, sealed = bytes.fromhex(vector["plain"]), bytes.fromhex(vector["sealed"])
    assert session.protect(plain) == sealed
    assert session.unprotect(sealed) == plain


@vectors("galois_rtcp")
def test_published_galois_rtcp(vector: dict) -> None:
    session = Session.of_session_keys(
        vector["suite"], bytes.fromhex(vector["key"]), bytes.fromhex(vector["salt"])
    )
    plain, sealed = bytes.fromhex(vector["plain"]), bytes.fromhex(vector["sealed"])
    assert session.unprotect_rtcp(sealed) == plain
    for _ in range(vector["index"]):
        session.protect_rtcp(plain)
    assert session.protect_rtcp(plain) == sealed


def test_every_suite_is_supported_by_both_libraries() -> None:
    assert set(SUITES_SUPPORTED) == set(SUITES) == set(MASTER_BYTES)
    assert set(supported(by_library=True)) == set(SUITES)


@each_suite
@pytest.mark.parametrize("packet", PACKETS.values(), ids=PACKETS.keys())
def test_packets_are_what_the_rfc_says(suite: str, packet: bytes) -> None:
    ours, theirs = key(suite, 1), key(suite, 2)
    session = Session(suite, ours, theirs)
    assert session.protect(packet) == Reference(suite, ours).seal(packet)
    sealed = Reference(suite, theirs).seal(packet)
    if len(sealed) <= 2048:
        assert session.unprotect(sealed) == packet


@each_suite
@pytest.mark.parametrize("reports", [0, 1, 31])
def test_rtcp_is_what_the_rfc_says(suite: str, reports: int) -> None:
    ours, theirs = key(suite, 1), key(suite, 2)
    session = Session(suite, ours, theirs)
    packet = rtcp(reports=reports)
    for index in range(3):
        assert session.protect_rtcp(packet) == Reference(suite, ours).seal_rtcp(packet, index)
        assert (
            session.unprotect_rtcp(Reference(suite, theirs).seal_rtcp(packet, 0x7FFFFFF0 + index)) == packet
        )


@each_suite
def test_rtcp_that_is_authenticated_only_is_taken(suite: str) -> None:
    session = Session(suite, key(suite, 1), key(suite, 2))
    sealed = Reference(suite, key(suite, 2)).seal_rtcp(rtcp(), 5, encrypted=False)
    assert session.unprotect_rtcp(sealed) == rtcp()
    assert session.unprotect_rtcp(sealed) == "srtp_replay"


@each_suite
def test_key_identifiers_on_what_comes(suite: str) -> None:
    """RFC 3711 §3.1: the MKI stands before the tag; with GCM behind it (RFC 7714 §8.2, §9.2)."""
    session = Session(suite, key(suite, 1), key(suite, 2), b"\x00\x00\x01")
    sender = Reference(suite, key(suite, 2), mki=b"\x00\x00\x01")
    other = Reference(suite, key(suite, 2), mki=b"\x00\x00\x02")
    assert session.unprotect(sender.seal(rtp(1))) == rtp(1)
    assert session.unprotect_rtcp(sender.seal_rtcp(rtcp(), 1)) == rtcp()
    assert session.unprotect(other.seal(rtp(2))) == "srtp_auth"
    assert session.unprotect_rtcp(other.seal_rtcp(rtcp(), 2)) == "srtp_auth"
    assert session.unprotect(Reference(suite, key(suite, 2)).seal(rtp(3))) == "srtp_auth"


@each_suite
def test_libsrtp2_of_this_system_understands_us_and_we_it(suite: str) -> None:
    ours, theirs = key(suite, 1), key(suite, 2)
    here, there = Session(suite, ours, theirs), Session(suite, theirs, ours, by_library=True)
    for number in [1, 2, 3, 5, 4, 30_000, 60_000, 65_535, 65_536, 65_540, 65_534, 90_000, 120_000, 131_080]:
        packet = rtp(number)
        assert there.unprotect(here.protect(packet)) == packet
        assert here.unprotect(there.protect(packet)) == packet
    for _ in range(3):
        assert there.unprotect_rtcp(here.protect_rtcp(rtcp())) == rtcp()
        assert here.unprotect_rtcp(there.protect_rtcp(rtcp())) == rtcp()


@pytest.mark.parametrize("suite", PYLIBSRTP)
def test_pylibsrtp_understands_us_and_we_it(suite: str) -> None:
    ours, theirs = key(suite, 1), key(suite, 2)
    here = Session(suite, ours, theirs)
    into = pylibsrtp.Session(
        pylibsrtp.Policy(ours, pylibsrtp.Policy.SSRC_ANY_INBOUND, srtp_profile=PYLIBSRTP[suite])
    )
    out = pylibsrtp.Session(
        pylibsrtp.Policy(theirs, pylibsrtp.Policy.SSRC_ANY_OUTBOUND, srtp_profile=PYLIBSRTP[suite])
    )
    for number in range(1, 200_000, 9_999):
        packet = rtp(number)
        assert into.unprotect(here.protect(packet)) == packet
        assert here.unprotect(out.protect(packet)) == packet
        assert into.unprotect_rtcp(here.protect_rtcp(rtcp())) == rtcp()
        assert here.unprotect_rtcp(out.protect_rtcp(rtcp())) == rtcp()


def test_keys_that_cannot_be() -> None:
    suite = "AES_CM_128_HMAC_SHA1_80"
    with pytest.raises(ValueError, match="29 bytes"):
        Session(suite, key(suite)[:-1], key(suite))
    with pytest.raises(ValueError, match="31 bytes"):
        Session(suite, key(suite), key(suite) + b"x")
    with pytest.raises(ValueError, match="MKI"):
        Session(suite, key(suite), key(suite), bytes(17))
    with pytest.raises(KeyError):
        Session("F8_128_HMAC_SHA1_80", key(suite), key(suite))
