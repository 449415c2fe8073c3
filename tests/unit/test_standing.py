"""The session as it stands as the answer to an UPDATE: what is said again, and when under another key."""

from __future__ import annotations

import pytest

from gateway.core import sdp
from gateway.core.crypto import Crypto, Suite, parse
from gateway.core.errors import NotAcceptable, SdpError
from gateway.core.mediasecurity import PLAIN, SECURE
from gateway.core.standing import answer_update

CM, GCM = Suite.AES_CM_128_HMAC_SHA1_80, Suite.AEAD_AES_128_GCM
OURS, THEIRS, OTHER = (bytes([seed]) * CM.key_bytes for seed in (1, 2, 3))
FRESH = b"n"


def described(profile: str, *cryptos: Crypto, before: str = "", more: str = "") -> str:
    lines = "".join(f"a=crypto:{crypto.text()}\r\n" for crypto in cryptos)
    return (
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        f"{before}m=audio 4000 {profile} 8 13 101\r\na=rtpmap:101 telephone-event/8000\r\n{lines}{more}"
    )


def answered(ours: str, theirs: str | None, offer: str) -> tuple[str, list[Crypto]]:
    text = answer_update(ours, theirs, offer, random=lambda size: FRESH * size)
    media = next(media for media in sdp.parse(text).media if media.port)
    return media.protocol, [parse(line) for line in media.values("crypto")]


SECURED, HEARD = described(SECURE, Crypto(2, CM, OURS)), described(SECURE, Crypto(2, CM, THEIRS))


def test_the_same_key_is_answered_with_the_same_under_the_tag_of_the_offer() -> None:
    offer = described(PLAIN, Crypto(8, GCM, bytes(GCM.key_bytes)), Crypto(9, CM, THEIRS))
    assert answered(SECURED, HEARD, offer) == (PLAIN, [Crypto(9, CM, OURS, name=CM)])


@pytest.mark.parametrize("before", [HEARD, None], ids=["another key", "nobody knows whether it is another"])
def test_another_key_is_met_with_another_of_ours(before: str | None) -> None:
    offer = described(SECURE, Crypto(2, CM, OTHER))
    assert answered(SECURED, before, offer) == (SECURE, [Crypto(2, CM, FRESH * CM.key_bytes, name=CM)])


def test_another_suite_is_taken() -> None:
    offer = described(SECURE, Crypto(1, GCM, bytes(GCM.key_bytes)))
    assert answered(SECURED, HEARD, offer) == (SECURE, [Crypto(1, GCM, FRESH * GCM.key_bytes, name=GCM)])


def test_the_rest_is_said_as_it_was() -> None:
    ours = described(SECURE, Crypto(2, CM, OURS), before="m=video 0 RTP/AVP 96\r\n", more="a=sendonly\r\n")
    offer = described(SECURE, Crypto(2, CM, OTHER), before="m=video 6000 RTP/AVP 96\r\n")
    before, after = sdp.parse(ours), sdp.parse(answer_update(ours, offer, offer))
    assert after.media[0] == before.media[0]
    assert after.media[1].formats == before.media[1].formats
    assert [name for name, _ in after.media[1].attributes] == ["rtpmap", "sendonly", "crypto"]


@pytest.mark.parametrize(
    ("ours", "offer"),
    [
        (SECURED, described(PLAIN)),
        (SECURED, described(SECURE)),
        (described(PLAIN), HEARD),
        (described(PLAIN), described("RTP/AVPF")),
        (described(PLAIN, before="m=video 0 RTP/AVP 96\r\n"), described(PLAIN)),
        ("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nm=audio 0 RTP/AVP 8\r\n", described(PLAIN)),
    ],
    ids=[
        "no key any more",
        "no key at all",
        "a key for plain media",
        "feedback",
        "fewer streams",
        "no stream",
    ],
)
def test_whether_it_is_secured_is_not_changed_so(ours: str, offer: str) -> None:
    with pytest.raises(NotAcceptable):
        answer_update(ours, HEARD, offer)


def test_of_our_offer_the_codec_stays_that_they_have_chosen() -> None:
    ours = (
        described(PLAIN).replace("AVP 8 13", "AVP 8 0 111 13")
        + "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 x\r\n"
    )
    theirs = described(PLAIN).replace("AVP 8 13", "AVP 0 8 13")
    media = sdp.parse(answer_update(ours, theirs, described(PLAIN))).media[0]
    assert media.formats == ("0", "13", "101")
    assert media.attributes == (("rtpmap", "101 telephone-event/8000"),)


def test_plain_media_stays_plain_where_keys_are_only_offered() -> None:
    ours = described(PLAIN)
    assert answer_update(ours, ours, described(PLAIN, Crypto(1, CM, THEIRS))) == ours


def test_nonsense() -> None:
    with pytest.raises(SdpError):
        answer_update(SECURED, HEARD, "nonsense")
