"""Whatever bytes come from the network: an answer or a refusal, never a crash, never beyond the buffer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native.comfort import make_noise
from native.transcoder import KINDS_BY_NAME, Transcoder
from voices import PATIENT, frames, speech

NAMES = list(KINDS_BY_NAME)
payloads = st.binary(max_size=2048)


def check(codec: Transcoder, payload: bytes) -> None:
    told = codec.samples(payload)
    audio = codec.decode(payload)
    if audio is not None:
        assert told == len(audio)
        assert len(audio) <= 1920
    if told is None:
        assert audio is None


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=400, deadline=None)
@given(received=st.lists(payloads, max_size=12))
def test_any_bytes(name: str, received: list[bytes]) -> None:
    codec = Transcoder(name)
    for payload in received:
        check(codec, payload)
        codec.relayed(payload)
        assert len(codec.recover(payload, 320)) == 320
    codec.catch_up()


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=300)), max_size=12))
def test_any_opus_frames(received: list[tuple[int, bytes]]) -> None:
    """Each configuration of RFC 6716 §3.1, with anything in it."""
    codec = Transcoder("opus")
    for toc, rest in received:
        check(codec, bytes([toc]) + rest)


@pytest.mark.parametrize("name", NAMES)
def test_thousands_of_broken_packets(name: str) -> None:
    """Real ones with bits turned over, cut off, doubled; the codec works on afterwards."""
    rng = np.random.default_rng(5)
    sender, codec, listener = Transcoder(name), Transcoder(name), Transcoder(name)
    voice = frames(speech(PATIENT, codec.rate_hz), codec.rate_hz)
    real = [sender.encode(frame) for frame in voice]
    for at in range(4000):
        payload = bytearray(real[at % len(real)])
        for _ in range(rng.integers(0, 6)):
            payload[rng.integers(len(payload))] ^= 1 << rng.integers(8)
        payload = payload[: rng.integers(1, len(payload) + 1)] * int(rng.integers(1, 3))
        check(codec, bytes(payload))
        if at % 5 == 0:
            codec.recover(bytes(payload), int(rng.integers(1, 1921)))
        listener.overlay(codec, voice[at % len(voice)])
    fresh = Transcoder(name)
    for payload in real[:400]:
        assert len(codec.decode(payload)) == len(fresh.decode(payload))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8))
def test_any_description_of_noise(descriptions: list[bytes]) -> None:
    noise = make_noise(descriptions, 400)
    assert len(noise) == 400 * len(descriptions)
