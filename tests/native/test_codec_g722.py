"""G.722 to the bit, and voices laid over it without decoding.

The vectors are FFmpeg's, whose G.722 is written from the Recommendation by other people: tests/data/make_codec_vectors.py. spandsp's is
another, which differs only where samples beyond 16 bits wrap round instead of being limited.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from pathlib import Path

import numpy as np
import pytest
from native.transcoder import Transcoder
from voices import ADVISOR, FLOORWALKER, PATIENT, frames, level_db, snr_db, speech

VECTORS = np.load(Path(__file__).parent.parent / "data" / "codec_vectors.npz")
SILENCE = np.zeros(320, np.int16)


def decoded(payload: bytes, octets: int = 160) -> np.ndarray:
    codec = Transcoder("G722")
    return np.concatenate([codec.decode(payload[at : at + octets]) for at in range(0, len(payload), octets)])


def encoded(audio: np.ndarray, codec: Transcoder | None = None) -> list[bytes]:
    codec = codec or Transcoder("G722")
    return [codec.encode(frame) for frame in frames(audio, 16000)]


@pytest.mark.parametrize("ptime_ms", [10, 20, 60])
def test_encoding_is_exact(ptime_ms: int) -> None:
    """Speech, silence, a sweep, noise and a square wave at full scale."""
    audio, codec = VECTORS["g722_audio"], Transcoder("G722")
    ours = b"".join(codec.encode(frame) for frame in frames(audio, 16000, ptime_ms))
    assert ours == VECTORS["g722_code"].tobytes()[: len(ours)]
    assert len(audio) // 2 - len(ours) < ptime_ms * 8


def test_decoding_is_exact() -> None:
    assert np.array_equal(decoded(VECTORS["g722_code"].tobytes()), VECTORS["g722_decoded"])


def test_decoding_is_exact_for_what_no_encoder_sends() -> None:
    assert np.array_equal(decoded(VECTORS["g722_noise"].tobytes(), 80), VECTORS["g722_noise_decoded"])


def test_spandsp_agrees() -> None:
    name = ctypes.util.find_library("spandsp")
    if name is None:
        pytest.skip("libspandsp is not installed")
    spandsp = ctypes.CDLL(name)
    for make in (spandsp.g722_encode_init, spandsp.g722_decode_init):
        make.restype = ctypes.c_void_p
    encoder = ctypes.c_void_p(spandsp.g722_encode_init(None, 64000, 0))
    decoder = ctypes.c_void_p(spandsp.g722_decode_init(None, 64000, 0))
    audio = np.ascontiguousarray(speech(PATIENT, 16000))
    payload, heard = np.zeros(len(audio) // 2, np.uint8), np.zeros(len(audio), np.int16)
    spandsp.g722_encode(
        encoder, payload.ctypes.data_as(ctypes.c_void_p), audio.ctypes.data_as(ctypes.c_void_p), len(audio)
    )
    spandsp.g722_decode(
        decoder, heard.ctypes.data_as(ctypes.c_void_p), payload.ctypes.data_as(ctypes.c_void_p), len(payload)
    )
    spandsp.g722_encode_free(encoder)
    spandsp.g722_decode_free(decoder)
    assert b"".join(encoded(audio)) == payload.tobytes()
    assert np.array_equal(decoded(payload.tobytes()), heard)


# ── overlay ──


@pytest.mark.parametrize("begin", [1, 40, 140])
def test_an_overlay_of_silence_is_the_stream_itself(begin: int) -> None:
    payloads = encoded(speech(PATIENT, 16000))
    source, listener = Transcoder("G722"), Transcoder("G722")
    for payload in payloads[:begin]:
        source.decode(payload)
    listener.follow(source)
    for payload in payloads[begin:]:
        source.decode(payload)
        assert listener.overlay(source, SILENCE) == payload
        assert listener.agrees(source)


def test_an_overlay_of_silence_is_exact_for_any_bytes() -> None:
    rng = np.random.default_rng(1)
    source, listener = Transcoder("G722"), Transcoder("G722")
    source.decode(rng.bytes(160))
    listener.follow(source)
    for _ in range(200):
        source.decode(payload := rng.bytes(160))
        assert listener.overlay(source, SILENCE) == payload


def whispered(
    begin: int, length: int, after: int
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray], int]:
    """A far decoder that is relayed to, then overlaid, then overlaid with silence until it may be relayed to, then relayed to.

    Returns what it heard of it all, what it would have heard without, and the whisper, packet by packet; and when relaying began again.
    """
    payloads = encoded(speech(PATIENT, 16000))
    whisper = frames(speech(FLOORWALKER, 16000), 16000)
    source, listener, far = Transcoder("G722"), Transcoder("G722"), Transcoder("G722")
    heard, plain, said, back = [], [], [], 0
    for at, payload in enumerate(payloads[: begin + length + after]):
        plain.append(source.decode(payload))
        voice = whisper[at] if begin <= at < begin + length else SILENCE
        if at == begin:
            before = Transcoder("G722")
            for earlier in payloads[:at]:
                before.decode(earlier)
            listener.follow(before)
        if at < begin or back:
            heard.append(far.decode(payload))
        else:
            heard.append(far.decode(listener.overlay(source, voice)))
            if at >= begin + length and listener.agrees(source):
                back = at + 1
        said.append(voice)
    return heard, plain, said, back


def test_an_overlaid_voice_is_heard() -> None:
    heard, plain, said, _ = whispered(60, 100, 0)
    both = np.concatenate(heard[60:160]).astype(int)
    voice = both - np.concatenate(plain[60:160])
    wanted = np.concatenate(said[60:160])
    delay = 22
    assert np.corrcoef(voice[delay:], wanted[:-delay])[0, 1] > 0.95
    assert abs(level_db(voice) - level_db(wanted)) < 1


@pytest.mark.parametrize(("begin", "length"), [(20, 10), (60, 40), (100, 3), (130, 100)])
def test_after_a_voice_the_stream_is_relayed_again_without_a_trace(begin: int, length: int) -> None:
    heard, plain, _, back = whispered(begin, length, 150)
    assert back, "never agreed"
    assert back - (begin + length) <= 125  # 2.5 s
    for ours, theirs in zip(heard[back:], plain[back:], strict=True):
        assert np.array_equal(ours, theirs)
    led_back = snr_db(
        np.concatenate(plain[begin + length + 1 : back + 1]),
        np.concatenate(heard[begin + length + 1 : back + 1]),
    )
    assert led_back > 18  # the codec's own is 15 to 20 dB on this voice


def test_the_overlaid_stream_is_as_loud_as_can_be_and_no_louder() -> None:
    """Two voices at full scale: saturated, not wrapped round."""
    ramp = np.arange(16000) / 16000
    loud = np.round(32000 * np.sin(2 * np.pi * 300 * ramp)).astype(np.int16)
    source, listener, far = Transcoder("G722"), Transcoder("G722"), Transcoder("G722")
    heard = []
    for payload, voice in zip(encoded(loud), frames(np.roll(loud, 22), 16000), strict=True):
        source.decode(payload)
        heard.append(far.decode(listener.overlay(source, voice)))
    audio = np.concatenate(heard[5:]).astype(int)
    assert np.abs(np.diff(audio)).max() < 32000  # wrapped round it would be 60,000


def test_what_cannot_be_overlaid_natively_is_said() -> None:
    listener = Transcoder("G722")
    assert listener.overlay(Transcoder("G722"), SILENCE) is None  # has decoded nothing
    source = Transcoder("G722")
    source.decode(b"\x55" * 160)
    assert listener.overlay(source, np.zeros(160, np.int16)) is None  # not as long as the packet
    assert Transcoder("PCMA").overlay(source, SILENCE) is None
    assert listener.overlay(Transcoder("PCMA"), SILENCE) is None
    source.conceal(320)
    assert listener.overlay(source, SILENCE) is None  # made up: no bits to lay it over


def test_the_advisors_words_are_not_in_the_patients_stream() -> None:
    """An overlay towards one listener leaves the source as it was for the others."""
    payloads = encoded(speech(ADVISOR, 16000))
    whisper = frames(speech(FLOORWALKER, 16000), 16000)
    used, untouched, listener = Transcoder("G722"), Transcoder("G722"), Transcoder("G722")
    for at, payload in enumerate(payloads[:200]):
        assert np.array_equal(used.decode(payload), untouched.decode(payload))
        listener.overlay(used, whisper[at])
