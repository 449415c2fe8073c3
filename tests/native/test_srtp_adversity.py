"""What networks and strangers do to secured packets: repeated, late, cut, changed, under another key."""

from __future__ import annotations

import random

import pytest
from native.srtp import Session
from srtpreference import SUITES, Reference, key, rtcp, rtp

each_suite = pytest.mark.parametrize("suite", SUITES)
CM = "AES_CM_128_HMAC_SHA1_80"


def pair(suite: str = CM) -> tuple[Session, Reference]:
    """A leg, and its far side as a computation of the test's own."""
    return Session(suite, key(suite, 1), key(suite, 2)), Reference(suite, key(suite, 2))


@each_suite
def test_a_packet_is_accepted_once(suite: str) -> None:
    leg, far = pair(suite)
    sealed, report = far.seal(rtp(5)), far.seal_rtcp(rtcp(), 5)
    assert leg.unprotect(sealed) == rtp(5)
    assert leg.unprotect_rtcp(report) == rtcp()
    assert leg.unprotect(sealed) == "srtp_replay"
    assert leg.unprotect_rtcp(report) == "srtp_replay"


@each_suite
def test_a_change_of_any_byte_is_noticed(suite: str) -> None:
    leg, far = pair(suite)
    packet, report = rtp(5, b"speech!!"), rtcp(reports=0)
    sealed, sealed_report = far.seal(packet), far.seal_rtcp(report, 5)
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 0x20
        assert leg.unprotect(bytes(changed)) in ("srtp_auth", "srtp_other"), at
    for at in range(len(sealed_report)):
        changed = bytearray(sealed_report)
        changed[at] ^= 0x20
        assert leg.unprotect_rtcp(bytes(changed)) in ("srtp_auth", "srtp_other"), at
    assert leg.unprotect(sealed) == packet
    assert leg.unprotect_rtcp(sealed_report) == report


@each_suite
def test_a_packet_cut_anywhere_is_refused(suite: str) -> None:
    leg, far = pair(suite)
    for length in range(len(far.seal(rtp(5)))):
        assert leg.unprotect(far.seal(rtp(5))[:length]) in ("srtp_auth", "srtp_other"), length
    for length in range(len(far.seal_rtcp(rtcp(), 5))):
        assert leg.unprotect_rtcp(far.seal_rtcp(rtcp(), 5)[:length]) in ("srtp_auth", "srtp_other"), length


@each_suite
def test_another_key_or_none_is_refused(suite: str) -> None:
    leg, _ = pair(suite)
    stranger = Reference(suite, key(suite, 9))
    assert leg.unprotect(stranger.seal(rtp(5))) == "srtp_auth"
    assert leg.unprotect(rtp(5)) == "srtp_auth"
    assert leg.unprotect_rtcp(stranger.seal_rtcp(rtcp(), 5)) == "srtp_auth"
    assert leg.unprotect_rtcp(rtcp()) == "srtp_auth"


@each_suite
def test_noise_is_refused(suite: str) -> None:
    leg, _ = pair(suite)
    noise = random.Random(4)
    for _ in range(2000):
        datagram = noise.randbytes(noise.randrange(120))
        for first in (datagram[:1], b"\x80", b"\x9f", b"\xb0"):
            assert leg.unprotect(first + datagram[1:]) in ("srtp_auth", "srtp_other")
            assert leg.unprotect_rtcp(first + datagram[1:]) in ("srtp_auth", "srtp_other")


def test_a_header_that_says_more_than_there_is() -> None:
    leg, _ = pair()
    for packet in (
        rtp(1, b"", first=0x8F),
        rtp(1, b"", first=0x90),
        rtp(1, b"", first=0x90, more=b"\xbe\xde\xff\xff"),
        b"\x80" * 11,
        b"",
    ):
        assert leg.protect(packet) == "srtp_other"
        assert leg.unprotect(packet) in ("srtp_other", "srtp_auth")
    assert leg.protect_rtcp(b"\x80\xc8\x00\x00\x00\x00\x00") == "srtp_other"


@each_suite
def test_sequence_numbers_wrap_many_times(suite: str) -> None:
    leg, far = pair(suite)
    for number in range(65_000, 65_536 * 6, 25_013):
        assert leg.unprotect(far.seal(rtp(number), number >> 16)) == rtp(number), number
        assert leg.protect(rtp(number)) == Reference(suite, key(suite, 1)).seal(rtp(number), number >> 16), (
            number
        )


@each_suite
def test_disorder_across_the_wrap(suite: str) -> None:
    leg, far = pair(suite)
    for number in [65_530, 65_535, 65_538, 65_533, 65_536, 65_534, 65_537, 65_900, 65_531]:
        assert leg.unprotect(far.seal(rtp(number), number >> 16)) == rtp(number), number
    assert leg.unprotect(far.seal(rtp(65_534), 0)) == "srtp_replay"


@each_suite
def test_the_first_packet_heard_may_stand_behind_the_wrap(suite: str) -> None:
    """The stream began at 65,533; what came before the far side's keys were known is gone."""
    leg, far = pair(suite)
    assert leg.unprotect(far.seal(rtp(65_538), 1)) == rtp(65_538)
    assert leg.unprotect(far.seal(rtp(65_535), 0)) == rtp(65_535)
    assert leg.unprotect(far.seal(rtp(65_539), 1)) == rtp(65_539)


def test_late_packets_are_taken_while_they_are_in_the_window() -> None:
    leg, far = pair()
    assert leg.unprotect(far.seal(rtp(5000))) == rtp(5000)
    assert leg.unprotect(far.seal(rtp(5000 - 1023))) == rtp(5000 - 1023)
    assert leg.unprotect(far.seal(rtp(5000 - 1023))) == "srtp_replay"
    assert leg.unprotect(far.seal(rtp(5000 - 1024))) == "srtp_replay"
    assert leg.unprotect(far.seal(rtp(4999))) == rtp(4999)


def test_a_refused_packet_leaves_no_trace() -> None:
    """Else a stranger's packet, far ahead, would put the far side's own ones out of the window."""
    leg, far = pair()
    stranger = Reference(CM, key(CM, 9))
    assert leg.unprotect(far.seal(rtp(100))) == rtp(100)
    for number in range(101, 60_000, 1000):
        assert leg.unprotect(stranger.seal(rtp(number))) == "srtp_auth"
    assert leg.unprotect(far.seal(rtp(101))) == rtp(101)


def test_each_source_of_numbers_has_its_own_and_the_ninth_takes_the_oldest_place() -> None:
    leg, far = pair()
    for ssrc in range(1, 9):
        assert leg.unprotect(far.seal(rtp(7, ssrc=ssrc))) == rtp(7, ssrc=ssrc)
    assert leg.unprotect(far.seal(rtp(8, ssrc=1))) == rtp(8, ssrc=1)
    assert leg.unprotect(far.seal(rtp(7, ssrc=9))) == rtp(7, ssrc=9)
    for ssrc in (1, 3, 8, 9):
        assert leg.unprotect(far.seal(rtp(7, ssrc=ssrc))) == "srtp_replay", ssrc
    assert leg.unprotect(far.seal(rtp(7, ssrc=2))) == rtp(7, ssrc=2)


def test_we_send_under_at_most_eight_sources_of_numbers() -> None:
    leg, _ = pair()
    for ssrc in range(1, 9):
        assert len(leg.protect(rtp(7, ssrc=ssrc))) == 182
    assert leg.protect(rtp(7, ssrc=9)) == "srtp_other"
    assert leg.protect_rtcp(rtcp(ssrc=9)) == "srtp_other"


@each_suite
def test_no_number_is_used_twice_by_us(suite: str) -> None:
    """Two payloads under one keystream give each other away, and GCM its key for tags."""
    leg, _ = pair(suite)
    for number in (65_534, 65_536, 65_535, 66_800):
        assert isinstance(leg.protect(rtp(number)), bytes)
    for number in (65_534, 65_535, 65_536, 66_800, 65_700):
        assert leg.protect(rtp(number, b"other")) == "srtp_replay" or number == 65_700, number


@each_suite
def test_disorder_and_loss_as_libsrtp2_takes_them(suite: str) -> None:
    ours, theirs = key(suite, 1), key(suite, 2)
    here, there = Session(suite, ours, theirs), Session(suite, ours, theirs, by_library=True)
    far = Reference(suite, theirs)
    network = random.Random(7)
    sent = [number for number in range(65_000, 67_000) if network.random() > 0.3]
    arriving = sorted(sent + sent[::3], key=lambda number: number + network.expovariate(0.2))
    for number in arriving:
        sealed = far.seal(rtp(number, b"x"), number >> 16)
        assert here.unprotect(sealed) == there.unprotect(sealed), number


def test_a_packet_from_before_our_first_is_not_taken_for_one_far_ahead() -> None:
    """Else our rollover counter would step, and the far side's not."""
    leg, _ = pair()
    ours = Reference(CM, key(CM, 1))
    assert leg.protect(rtp(1)) == ours.seal(rtp(1))
    assert leg.protect(rtp(65_535)) == "srtp_replay"
    assert leg.protect(rtp(2)) == ours.seal(rtp(2))
