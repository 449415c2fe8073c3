"""SRTP through one leg's offers and answers: keys agreed, kept, changed, and never lost on the way."""

from __future__ import annotations

import pytest

from gateway.core import sdp
from gateway.core.codecs import standard
from gateway.core.crypto import Crypto, Suite, parse
from gateway.core.errors import NotAcceptable, SdpError
from gateway.core.mediasecurity import PLAIN, SECURE, Security
from gateway.core.model import Direction, Encoding
from gateway.core.offeranswer import LegSession
from gateway.core.terms import Mux, Terms
from gateway.sip import sdptext

OWN = ("192.0.2.9", 20000)
CM, GCM = Suite.AES_CM_128_HMAC_SHA1_80, Suite.AEAD_AES_128_GCM


def key(suite: Suite, seed: int) -> bytes:
    return bytes([seed]) * suite.key_bytes


def peer(profile: str, *cryptos: Crypto, direction: str = "sendrecv") -> str:
    """What a phone says."""
    lines = "".join(f"a=crypto:{crypto.text()}\r\n" for crypto in cryptos)
    return (
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        f"m=audio 4000 {profile} 8\r\n{lines}a={direction}\r\n"
    )


def said(text: str) -> tuple[str, list[Crypto]]:
    """Profile and keys of our description."""
    media = sdp.parse(text).media[0]
    return media.protocol, [parse(line) for line in media.values("crypto")]


def session(security: Security) -> LegSession:
    return LegSession(OWN, 7, Terms(security))


def test_an_offered_key_is_answered_with_ours_under_its_tag() -> None:
    leg = session(Security.REQUIRED)
    leg.take_offer(peer(SECURE, Crypto(3, CM, key(CM, 1)), Crypto(4, GCM, key(GCM, 2))))
    profile, (ours,) = said(leg.answer(Encoding.PCMA))
    assert (profile, ours.tag, ours.suite) == (SECURE, 4, GCM)
    assert leg.media is not None and leg.media.keys is not None
    assert (leg.media.keys.local, leg.media.keys.remote) == (ours.key, key(GCM, 2))
    assert ours.key.hex() not in repr(leg.media)


def test_answering_again_says_the_same_key() -> None:
    """An early answer, then the final one."""
    leg = session(Security.OPTIONAL)
    leg.take_offer(peer(SECURE, Crypto(1, CM, key(CM, 1))))
    assert said(leg.answer(Encoding.PCMA)) == said(leg.answer(Encoding.PCMA))


@pytest.mark.parametrize(
    ("security", "profile", "cryptos"), [(Security.OPTIONAL, PLAIN, 6), (Security.REQUIRED, SECURE, 6)]
)
def test_our_offer_and_the_answer_to_it(security: Security, profile: str, cryptos: int) -> None:
    leg = session(security)
    offered = said(leg.offer(standard([Encoding.PCMA])))
    assert (offered[0], len(offered[1])) == (profile, cryptos)
    taken = offered[1][2]
    media = leg.take_answer(peer(profile, Crypto(taken.tag, taken.suite, key(taken.suite, 5))))
    assert media.keys is not None
    assert (media.keys.suite, media.keys.local, media.keys.remote) == (
        taken.suite,
        taken.key,
        key(taken.suite, 5),
    )


def test_optional_takes_a_plain_answer_and_stays_plain() -> None:
    leg = session(Security.OPTIONAL)
    leg.offer(standard([Encoding.PCMA]))
    assert leg.take_answer(peer(PLAIN)).keys is None
    assert said(leg.offer(standard([Encoding.PCMA]))) == (PLAIN, [])


def test_required_refuses_plain_both_ways() -> None:
    leg = session(Security.REQUIRED)
    with pytest.raises(NotAcceptable, match="required"):
        leg.take_offer(peer(PLAIN))
    leg.offer(standard([Encoding.PCMA]))
    with pytest.raises(NotAcceptable, match="required"):
        leg.take_answer(peer(PLAIN))
    assert leg.media is None


def test_off_refuses_savp_and_ignores_keys() -> None:
    leg = session(Security.OFF)
    with pytest.raises(NotAcceptable, match="switched off"):
        leg.take_offer(peer(SECURE, Crypto(1, CM, key(CM, 1))))
    leg.take_offer(peer(PLAIN, Crypto(1, CM, key(CM, 1))))
    assert said(leg.answer(Encoding.PCMA)) == (PLAIN, [])
    assert leg.media is not None and leg.media.keys is None


def agreed(security: Security = Security.OPTIONAL) -> LegSession:
    """A leg whose peer offered RTP/SAVP."""
    leg = session(security)
    leg.take_offer(peer(SECURE, Crypto(1, CM, key(CM, 1))))
    leg.answer(Encoding.PCMA)
    return leg


def test_a_hold_under_the_same_key_changes_no_key() -> None:
    leg = agreed()
    before = leg.media and leg.media.keys
    leg.take_offer(peer(SECURE, Crypto(5, GCM, key(GCM, 9)), Crypto(6, CM, key(CM, 1)), direction="sendonly"))
    assert said(leg.answer(Encoding.PCMA))[1][0].tag == 6
    assert leg.media is not None and leg.media.keys == before
    assert leg.media.direction is Direction.RECVONLY


def test_another_key_of_theirs_is_met_with_another_of_ours() -> None:
    leg = agreed()
    before = leg.media and leg.media.keys
    assert before is not None
    leg.take_offer(peer(SECURE, Crypto(1, CM, key(CM, 2))))
    leg.answer(Encoding.PCMA)
    assert leg.media is not None and leg.media.keys is not None
    assert leg.media.keys.remote == key(CM, 2)
    assert leg.media.keys.local != before.local


def test_our_own_reoffer_repeats_what_is_in_force() -> None:
    leg = agreed()
    assert leg.media is not None and leg.media.keys is not None
    profile, (ours,) = said(leg.offer(standard([Encoding.PCMA]), Direction.SENDONLY))
    assert (profile, ours.suite, ours.key) == (SECURE, CM, leg.media.keys.local)
    again = leg.take_answer(peer(SECURE, Crypto(ours.tag, CM, key(CM, 1)), direction="recvonly"))
    assert again.keys == leg.media.keys


def test_a_refused_reoffer_leaves_the_keys() -> None:
    leg = agreed()
    before = leg.media
    leg.offer(standard([Encoding.PCMA]), Direction.SENDONLY)
    leg.withdraw()
    assert leg.media is before


def test_an_answer_in_an_ack_may_bring_another_key() -> None:
    """To our session as it stands, which the peer had asked for in a re-INVITE."""
    leg = agreed()
    before = leg.media and leg.media.keys
    assert before is not None
    leg.assume_offer()
    assert leg.take_answer(peer(SECURE, Crypto(1, CM, key(CM, 1)))).keys == before
    leg.assume_offer()
    keys = leg.take_answer(peer(SECURE, Crypto(1, CM, key(CM, 2)))).keys
    assert keys is not None
    assert (keys.local, keys.remote) == (before.local, key(CM, 2))
    leg.assume_offer()
    with pytest.raises(NotAcceptable):
        leg.take_answer(peer(SECURE))


def test_an_update_that_was_answered_already_goes_by_that_answer() -> None:
    leg = agreed()
    before = leg.media
    assert before is not None
    leg.take_offer(peer(SECURE, Crypto(9, CM, key(CM, 2)), direction="sendonly"))
    keys = leg.answered(peer(SECURE, Crypto(9, CM, key(CM, 7)))).keys
    assert keys is not None
    assert (keys.local, keys.remote) == (key(CM, 7), key(CM, 2))
    assert leg.media is not None
    assert leg.media.direction is leg.stated is Direction.RECVONLY
    profile, (ours,) = said(leg.offer(standard([Encoding.PCMA])))
    assert (profile, ours.key) == (SECURE, key(CM, 7)), "what we say next goes on from there"


@pytest.mark.parametrize(
    "answer",
    [peer(SECURE, Crypto(8, CM, key(CM, 7))), peer(SECURE, Crypto(9, GCM, key(GCM, 7))), "nonsense"],
    ids=["another tag", "another suite", "no SDP"],
)
def test_an_answer_that_was_none_to_the_update_changes_nothing(answer: str) -> None:
    leg = agreed()
    before = leg.media
    leg.take_offer(peer(SECURE, Crypto(9, CM, key(CM, 2))))
    with pytest.raises((NotAcceptable, SdpError)):
        leg.answered(answer)
    assert leg.media is before


def test_what_was_offered_is_said_again_with_the_agreed_key_alone() -> None:
    leg = session(Security.OPTIONAL)
    offer = leg.offer(standard([Encoding.PCMA]))
    taken = said(offer)[1][3]
    answer = peer(PLAIN, Crypto(taken.tag, taken.suite, key(taken.suite, 5)))
    ours = sdptext.agreed_keys(offer, answer)
    assert said(ours)[1] == [taken]
    assert said(sdptext.agreed_keys(offer, peer(PLAIN)))[1] == []


# ── RTCP ──


def with_rtcp(*lines: str) -> str:
    return peer(PLAIN) + "".join(f"a={line}\r\n" for line in lines)


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("rtcp:4321", ("192.0.2.1", 4321)),
        ("rtcp:4321 IN IP4 192.0.2.7", ("192.0.2.7", 4321)),
        ("rtcp:4321 IN IP4 host.example", None),
        ("rtcp:70000", None),
        ("ptime:20", None),
    ],
)
def test_where_reports_go(line: str, where: tuple[str, int] | None) -> None:
    leg = session(Security.OFF)
    leg.take_offer(with_rtcp(line))
    leg.answer(Encoding.PCMA)
    assert leg.media is not None
    assert (leg.media.rtcp, leg.media.rtcp_mux) == (where, False)


def test_one_port_for_both_where_the_peer_offers_it_and_ever_after() -> None:
    leg = session(Security.OFF)
    leg.take_offer(with_rtcp("rtcp-mux", "rtcp:4321"))
    assert "a=rtcp-mux\r\n" in leg.answer(Encoding.PCMA)
    assert leg.media is not None
    assert (leg.media.rtcp, leg.media.rtcp_mux) == (None, True)
    assert "a=rtcp-mux\r\n" in leg.offer(standard([Encoding.PCMA]))
    assert leg.take_answer(with_rtcp("rtcp-mux")).rtcp_mux
    assert not leg.take_answer(with_rtcp()).rtcp_mux


@pytest.mark.parametrize(
    ("mux", "asked", "offered"),
    [
        (Mux.OFF, True, False),
        (Mux.FOLLOW, False, False),
        (Mux.FOLLOW, True, True),
        (Mux.OFFER, False, True),
    ],
)
def test_one_port_is_offered_as_the_trunk_says(mux: Mux, asked: bool, offered: bool) -> None:
    leg = LegSession(OWN, 7, Terms(mux=mux))
    assert ("a=rtcp-mux\r\n" in leg.offer(standard([Encoding.PCMA]), mux=asked)) == offered
    assert leg.take_answer(with_rtcp("rtcp-mux")).rtcp_mux == offered


def test_without_it_in_the_answer_there_are_two_ports_and_it_is_not_asked_for_again() -> None:
    leg = LegSession(OWN, 7, Terms(mux=Mux.OFFER))
    leg.offer(standard([Encoding.PCMA]))
    media = leg.take_answer(with_rtcp("rtcp:4321"))
    assert (media.rtcp, media.rtcp_mux) == (("192.0.2.1", 4321), False)
    assert "rtcp-mux" not in leg.offer(standard([Encoding.PCMA]))


def test_one_fork_takes_one_port_and_another_two() -> None:
    leg = LegSession(OWN, 7, Terms(mux=Mux.OFFER))
    leg.offer(standard([Encoding.PCMA]))
    assert not leg.take_answer(with_rtcp()).rtcp_mux
    assert leg.take_answer(with_rtcp("rtcp-mux")).rtcp_mux


def test_where_it_is_switched_off_it_is_not_taken_either() -> None:
    leg = LegSession(OWN, 7, Terms(mux=Mux.OFF))
    leg.take_offer(with_rtcp("rtcp-mux"))
    assert "rtcp-mux" not in leg.answer(Encoding.PCMA)
    assert leg.media is not None
    assert not leg.media.rtcp_mux
