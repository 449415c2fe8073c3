"""Secure or plain: the whole table of policies, offers and answers, and what a re-INVITE keeps."""

from __future__ import annotations

import pytest

from gateway.core.crypto import Suite, make, parse
from gateway.core.errors import NotAcceptable
from gateway.core.mediasecurity import PLAIN, SECURE, Answer, Keys, Security, answer, offer, read_answer

CM, CM_32, GCM = Suite.AES_CM_128_HMAC_SHA1_80, Suite.AES_CM_128_HMAC_SHA1_32, Suite.AEAD_AES_256_GCM
OURS = (GCM, CM)
OFF, OPTIONAL, REQUIRED = Security.OFF, Security.OPTIONAL, Security.REQUIRED
GOOD, OTHER, BROKEN = make(4, CM), make(5, CM_32), "6 AES_CM_128_HMAC_SHA1_80 inline:short"
NONE: list[str] = []


@pytest.mark.parametrize(
    ("profile", "lines", "off", "optional", "required"),
    [
        (PLAIN, NONE, "plain", "plain", "refused"),
        (PLAIN, [GOOD.text()], "plain", "secure", "secure"),
        (PLAIN, [OTHER.text(), BROKEN], "plain", "plain", "refused"),
        (SECURE, [GOOD.text()], "refused", "secure", "secure"),
        (SECURE, [BROKEN, OTHER.text(), GOOD.text()], "refused", "secure", "secure"),
        (SECURE, [OTHER.text()], "refused", "refused", "refused"),
        (SECURE, NONE, "refused", "refused", "refused"),
        ("RTP/SAVPF", [GOOD.text()], "refused", "refused", "refused"),
        ("RTP/AVPF", NONE, "refused", "refused", "refused"),
        ("UDP/TLS/RTP/SAVP", NONE, "refused", "refused", "refused"),
    ],
)
def test_offers_that_come(profile: str, lines: list[str], off: str, optional: str, required: str) -> None:
    for policy, outcome in ((OFF, off), (OPTIONAL, optional), (REQUIRED, required)):
        if outcome == "refused":
            with pytest.raises(NotAcceptable):
                answer(profile, lines, policy, OURS)
            continue
        ours = answer(profile, lines, policy, OURS)
        assert ours.profile == profile
        if outcome == "plain":
            assert ours == Answer(profile, None, None)
            assert ours.lines == []
        else:
            line = parse(ours.lines[0])
            assert (line.tag, line.suite) == (4, CM)
            assert ours.keys == Keys(CM, line.key, GOOD.key)


def test_what_we_offer() -> None:
    assert (offer(OFF, OURS).profile, offer(OFF, OURS).lines) == (PLAIN, [])
    for policy, profile in ((OPTIONAL, PLAIN), (REQUIRED, SECURE)):
        made = offer(policy, OURS)
        assert made.profile == profile
        lines = [parse(line) for line in made.lines]
        assert [(line.tag, line.suite) for line in lines] == [(1, GCM), (2, CM)]
        assert lines[0].key != lines[1].key[: len(lines[0].key)]


@pytest.mark.parametrize("policy", [OPTIONAL, REQUIRED])
def test_an_answer_names_one_of_our_lines(policy: Security) -> None:
    made = offer(policy, OURS)
    theirs = make(2, CM)
    for profile in (PLAIN, SECURE):
        assert read_answer(made, profile, [theirs.text()], policy) == Keys(
            CM, made.cryptos[1].key, theirs.key
        )
    identified = read_answer(made, made.profile, [theirs.text() + "|2^31|1:1"], policy)
    assert identified == Keys(CM, made.cryptos[1].key, theirs.key, b"\x01")


@pytest.mark.parametrize("policy", [OPTIONAL, REQUIRED])
@pytest.mark.parametrize("line", [make(1, CM), make(2, GCM), make(3, CM)], ids=["tag", "suite", "neither"])
def test_an_answer_with_another_line_is_refused(policy: Security, line: object) -> None:
    made = offer(policy, OURS)
    with pytest.raises(NotAcceptable):
        read_answer(made, made.profile, [line.text()], policy)  # type: ignore[attr-defined]


def test_answers_without_keys() -> None:
    assert read_answer(offer(OFF, OURS), PLAIN, NONE, OFF) is None
    assert read_answer(offer(OFF, OURS), PLAIN, [GOOD.text()], OFF) is None
    assert read_answer(offer(OPTIONAL, OURS), PLAIN, NONE, OPTIONAL) is None
    for policy, profile in ((OPTIONAL, SECURE), (REQUIRED, SECURE), (REQUIRED, PLAIN), (OFF, SECURE)):
        with pytest.raises(NotAcceptable):
            read_answer(offer(policy, OURS), profile, NONE, policy)


def test_why_an_offer_is_refused_is_said() -> None:
    with pytest.raises(NotAcceptable, match="AES_CM_128_HMAC_SHA1_32"):
        answer(SECURE, [OTHER.text()], REQUIRED, OURS)
    with pytest.raises(NotAcceptable, match="base64"):
        answer(SECURE, [BROKEN], REQUIRED, OURS)
    with pytest.raises(NotAcceptable, match="no a=crypto"):
        answer(PLAIN, NONE, REQUIRED, OURS)
    with pytest.raises(NotAcceptable, match="switched off"):
        answer(SECURE, [GOOD.text()], OFF, OURS)
    with pytest.raises(NotAcceptable, match="RTP/SAVPF"):
        answer("RTP/SAVPF", [GOOD.text()], REQUIRED, OURS)


def test_a_re_offer_with_the_same_key_keeps_both_keys() -> None:
    first = answer(SECURE, [GOOD.text()], REQUIRED, OURS)
    moved = parse("9" + GOOD.text()[1:])
    better = make(1, GCM)
    again = answer(SECURE, [better.text(), moved.text()], REQUIRED, OURS, before=first.keys)
    assert again.keys == first.keys
    assert again.crypto is not None
    assert again.crypto.tag == 9


def test_a_re_offer_with_another_key_changes_both() -> None:
    first = answer(SECURE, [GOOD.text()], REQUIRED, OURS)
    again = answer(SECURE, [make(4, CM).text()], REQUIRED, OURS, before=first.keys)
    assert first.keys is not None
    assert again.keys is not None
    assert again.keys.remote != first.keys.remote
    assert again.keys.local != first.keys.local


def test_our_re_offer_says_the_key_in_force_first() -> None:
    before = Keys(CM, b"l" * 30, b"r" * 30)
    made = offer(REQUIRED, OURS, before=before)
    assert [(line.tag, line.suite) for line in made.cryptos] == [(1, CM), (2, GCM)]
    assert made.cryptos[0].key == before.local
    kept = read_answer(made, SECURE, [f"1 {CM} inline:{'cnJy' * 10}"], REQUIRED)
    assert kept == before


def test_no_repr_shows_a_key() -> None:
    keys = Keys(CM, b"secret" * 5, b"secret" * 5, b"secret")
    made = offer(REQUIRED, OURS, before=keys)
    ours = answer(SECURE, [f"1 {CM} inline:{'c2Vj' * 10}"], REQUIRED, OURS, random=lambda size: b"s" * size)
    for shown in (repr(keys), repr(made), repr(ours), str(ours)):
        assert "secret" not in shown
        assert "sss" not in shown
        assert "c2Vj" not in shown
