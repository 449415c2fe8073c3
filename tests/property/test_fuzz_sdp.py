"""What is read out of a peer's SDP, over descriptions of real peers that are then broken line by line.

Refused with `SdpError` or `NotAcceptable`, leaving what was agreed as it was; or facts that the media engine can work with, under the
policy of the trunk.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

import pytest
from fuzzing import fuzz, texts
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import codecs, sdp
from gateway.core.errors import NotAcceptable, SdpError
from gateway.core.mediasecurity import Security
from gateway.core.model import Encoding, LegMedia
from gateway.core.offeranswer import LegSession
from gateway.core.standing import answer_update
from gateway.core.terms import Terms

SEEDS = texts("sdp")
LINES = sorted({line for text in SEEDS for line in text})
WORDS = [
    "",
    "0",
    "-1",
    "00",
    "255",
    "65535",
    "65536",
    "9" * 25,
    "٣",
    "0.0.0.0",
    "224.0.0.1",
    "::",
    "IP6",
    "RTP/SAVP",
    "inline:",
    "\0",
    "\r",
]
HOSTS = ["0.0.0.0", "224.0.0.1", "239.1.2.3/127", "255.255.255.255", "::1", "192.0.2.256", "localhost", "1"]
ALLOWED = (Encoding.PCMA, Encoding.PCMU, Encoding.G722, Encoding.OPUS)


@st.composite
def broken_text(draw: Callable) -> str:
    """A seed with lines left out, repeated, moved or taken from another, and words put in place of others."""
    lines = list(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, max(0, len(lines) - 1)))
        match draw(st.sampled_from(["word", "word", "host", "omit", "repeat", "move", "foreign", "cut"])):
            case "word" if lines:
                head, mark, rest = lines[at].partition("=")
                words = rest.split(" ")
                words[draw(st.integers(0, len(words) - 1))] = draw(
                    st.sampled_from(WORDS) | st.text(max_size=6)
                )
                lines[at] = head + mark + " ".join(words)
            case "host":
                host = draw(st.sampled_from(HOSTS))
                lines = [
                    re.sub(r"IP4 \S+", f"IP4 {host}", line) if line[:1] == "c" else line for line in lines
                ]
            case "omit" if lines:
                del lines[at]
            case "repeat":
                lines[at:at] = lines[at : at + 1] * draw(st.sampled_from([1, 2, 600]))
            case "move" if lines:
                lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(at))
            case "foreign":
                lines.insert(at, draw(st.sampled_from(LINES)))
            case "cut" if lines:
                lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
    return draw(st.sampled_from(["\r\n", "\n"])).join(lines)


def check(media: LegMedia, policy: Security) -> None:
    """What the engine needs of a leg."""
    for place in (media.remote, media.rtcp):
        if place is not None:
            address = ipaddress.IPv4Address(place[0])
            assert 0 < place[1] <= 65535 and not address.is_multicast and str(address) != "255.255.255.255"
    assert media.encoding in ALLOWED
    assert 0 <= media.payload_type <= 127 and media.event_payload_type != media.payload_type
    assert media.ptime_ms in range(10, 61, 10)
    assert media.rtcp is None or not media.rtcp_mux
    assert media.keys is None if policy is Security.OFF else media.keys or policy is Security.OPTIONAL


@pytest.mark.parametrize("text", ["\r\n".join(seed) + "\r\n" for seed in SEEDS])
def test_each_seed_is_understood(text: str) -> None:
    """So that what is broken was whole."""
    leg = LegSession(("192.0.2.9", 20000), 7, Terms(Security.OPTIONAL), ALLOWED)
    leg.answer(leg.take_offer(text).codecs[0].encoding)
    check(leg.media, Security.OPTIONAL)
    assert (leg.media.keys is None) is ("a=crypto" not in text)


@pytest.mark.parametrize("policy", Security)
@fuzz
@given(first=st.none() | st.sampled_from(SEEDS), text=broken_text())
def test_offer(policy: Security, first: list[str] | None, text: str) -> None:
    leg = LegSession(("192.0.2.9", 20000), 7, Terms(policy), ALLOWED)
    if first:
        try:
            leg.answer(leg.take_offer("\r\n".join(first)).codecs[0].encoding)
        except NotAcceptable:
            assert policy is not Security.OPTIONAL
    before = leg.media
    try:
        offer = leg.take_offer(text)
    except (SdpError, NotAcceptable):
        assert leg.media is before
        return
    for codec in offer.codecs:
        said = sdp.parse(leg.answer(codec.encoding))
        check(leg.media, policy)
        ours = [(at, media) for at, media in enumerate(said.media) if media.port]
        assert len(said.media) == len(sdp.parse(text).media)
        assert [(at, media.port) for at, media in ours] == [(offer.index, 20000)]
        assert said.address == "192.0.2.9"
        assert len(ours[0][1].values("crypto")) == (leg.media.keys is not None)


@pytest.mark.parametrize("policy", Security)
@fuzz
@given(text=broken_text())
def test_answer(policy: Security, text: str) -> None:
    leg = LegSession(("192.0.2.9", 20000), 7, Terms(policy), ALLOWED)
    leg.offer(codecs.standard(ALLOWED))
    try:
        media = leg.take_answer(text)
    except (SdpError, NotAcceptable):
        assert leg.media is None
        return
    check(media, policy)
    assert leg.media is media


@fuzz
@given(st.sampled_from(SEEDS), st.none() | broken_text(), broken_text())
def test_update(seed: list[str], theirs: str | None, text: str) -> None:
    """The signalling thread answers it at once, in the streams of the session and with its codec, or refuses it."""
    leg = LegSession(("192.0.2.9", 20000), 7, Terms(Security.OPTIONAL), ALLOWED)
    ours = leg.answer(leg.take_offer("\r\n".join(seed)).codecs[0].encoding)
    try:
        answer = sdp.parse(answer_update(ours, theirs, text))
    except (SdpError, NotAcceptable):
        return
    before = sdp.parse(ours)
    assert [media.port for media in answer.media] == [media.port for media in before.media]
    for said, stood in zip(answer.media, before.media, strict=True):
        assert set(said.formats) <= set(stood.formats)
        assert bool(said.values("crypto")) == bool(stood.values("crypto"))
