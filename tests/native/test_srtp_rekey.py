"""Going over to other keys in the middle of a call, and what is left in memory afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from native.srtp import Session
from native.srtpcontext import live_contexts
from srtpreference import SUITES, Reference, key, rtcp, rtp

CM, GCM = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"
each_suite = pytest.mark.parametrize("suite", SUITES)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = live_contexts()
    yield
    assert live_contexts() == before


@pytest.mark.parametrize("by_library", [False, True], ids=["ours", "libsrtp2"])
@pytest.mark.parametrize("after", [CM, GCM])
@pytest.mark.parametrize("before", [CM, GCM])
def test_the_old_keys_are_heard_until_the_first_packet_under_the_new_ones(
    before: str, after: str, by_library: bool
) -> None:
    leg = Session(before, key(before, 1), key(before, 2), b"", by_library)
    old, new = Reference(before, key(before, 2)), Reference(after, key(after, 4))
    assert leg.unprotect(old.seal(rtp(10))) == rtp(10)
    leg.rekey(after, key(after, 3), key(after, 4))
    assert leg.protect(rtp(11)) == Reference(after, key(after, 3)).seal(rtp(11))
    assert leg.unprotect(old.seal(rtp(11))) == rtp(11)
    assert leg.unprotect_rtcp(old.seal_rtcp(rtcp(), 3)) == rtcp()
    assert leg.unprotect(old.seal(rtp(11))) in ("srtp_auth", "srtp_replay")
    assert leg.reap() == 1  # the old inbound context is still in use
    assert leg.unprotect(new.seal(rtp(12))) == rtp(12)
    assert leg.reap() == 0
    assert leg.unprotect(old.seal(rtp(13))) == "srtp_auth"
    assert leg.unprotect(new.seal(rtp(13))) == rtp(13)
    leg.close()


@each_suite
def test_a_key_that_stays_goes_on_counting(suite: str) -> None:
    leg = Session(suite, key(suite, 1), key(suite, 2))
    far = Reference(suite, key(suite, 2))
    for number in (10, 30_000, 60_000, 70_000):
        leg.protect(rtp(number))
        leg.unprotect(far.seal(rtp(number), number >> 16))
    assert not leg.rekey(suite, key(suite, 1), key(suite, 2))
    assert leg.protect(rtp(70_000, b"other")) == "srtp_replay"
    assert leg.protect(rtp(70_001)) == Reference(suite, key(suite, 1)).seal(rtp(70_001), 1)
    assert leg.unprotect(far.seal(rtp(70_000), 1)) == "srtp_replay"
    assert leg.unprotect(far.seal(rtp(70_001), 1)) == rtp(70_001)
    assert leg.reap() == 0
    leg.close()


@each_suite
def test_only_the_far_sides_key_changes(suite: str) -> None:
    leg = Session(suite, key(suite, 1), key(suite, 2))
    leg.protect(rtp(10))
    assert not leg.rekey(suite, key(suite, 1), key(suite, 4))
    assert leg.protect(rtp(10, b"other")) == "srtp_replay"
    assert leg.unprotect(Reference(suite, key(suite, 4)).seal(rtp(10))) == rtp(10)
    leg.close()


@pytest.mark.parametrize("rollovers", [0, 2], ids=["begins anew", "goes on"])
@each_suite
def test_a_far_side_may_begin_its_rollover_counter_anew_or_go_on(suite: str, rollovers: int) -> None:
    leg = Session(suite, key(suite, 1), key(suite, 2))
    for number in range(1, 140_000, 30_000):
        leg.unprotect(Reference(suite, key(suite, 2)).seal(rtp(number), number >> 16))
    leg.rekey(suite, key(suite, 1), key(suite, 4))
    number = 131_072 + 10_000
    new = Reference(suite, key(suite, 4))
    assert leg.unprotect(new.seal(rtp(number), rollovers)) == rtp(number)
    assert leg.unprotect(new.seal(rtp(number + 1), rollovers)) == rtp(number + 1)
    leg.close()


def test_after_a_wrap_a_new_key_of_ours_asks_for_a_new_ssrc() -> None:
    leg = Session(CM, key(CM, 1), key(CM, 2))
    leg.protect(rtp(65_530))
    assert not leg.rekey(CM, key(CM, 3), key(CM, 2))
    for number in (65_530, 65_540):
        leg.protect(rtp(number))
    assert leg.rekey(CM, key(CM, 5), key(CM, 2))
    leg.close()


def test_two_changes_before_a_packet_comes() -> None:
    leg = Session(CM, key(CM, 1), key(CM, 2))
    leg.rekey(CM, key(CM, 1), key(CM, 4))
    leg.rekey(CM, key(CM, 1), key(CM, 6))
    assert leg.reap() == 1  # of the two before, the newer one is still heard
    assert leg.unprotect(Reference(CM, key(CM, 2)).seal(rtp(1))) == "srtp_auth"
    assert leg.unprotect(Reference(CM, key(CM, 4)).seal(rtp(1))) == rtp(1)
    assert leg.unprotect(Reference(CM, key(CM, 6)).seal(rtp(2))) == rtp(2)
    assert leg.reap() == 0
    leg.close()


def test_a_refused_change_keeps_the_old_keys() -> None:
    leg = Session(CM, key(CM, 1), key(CM, 2))
    with pytest.raises(ValueError, match="does not fit"):
        leg.rekey(CM, key(CM, 3)[1:], key(CM, 4))
    assert leg.protect(rtp(1)) == Reference(CM, key(CM, 1)).seal(rtp(1))
    assert leg.unprotect(Reference(CM, key(CM, 2)).seal(rtp(1))) == rtp(1)
    leg.close()


def test_secure_to_plain_and_back() -> None:
    leg = Session(CM, key(CM, 1), key(CM, 2))
    old = Reference(CM, key(CM, 2))
    leg.unprotect(old.seal(rtp(1)))
    leg.go_plain()
    assert leg.protect(rtp(2)) == rtp(2)
    assert leg.unprotect(old.seal(rtp(2))) == rtp(2)  # was on its way
    assert leg.unprotect(rtp(3)) == rtp(3)
    assert leg.protect_rtcp(rtcp()) == leg.unprotect_rtcp(rtcp()) == rtcp()
    assert leg.reap() == 0
    leg.rekey(CM, key(CM, 3), key(CM, 4))
    assert leg.unprotect(rtp(4)) == "srtp_auth"
    assert leg.unprotect(Reference(CM, key(CM, 4)).seal(rtp(4))) == rtp(4)
    leg.close()


def test_closing_twice_and_losing_without_closing() -> None:
    before = live_contexts()
    leg = Session(CM, key(CM, 1), key(CM, 2))
    leg.rekey(CM, key(CM, 3), key(CM, 4))
    assert leg.reap() == 1
    assert live_contexts() == before + 3  # our old one is gone, the far side's is still heard
    leg.close()
    leg.close()
    assert live_contexts() == before
    Session(GCM, key(GCM, 1), key(GCM, 2))
    assert live_contexts() == before
