"""Formats that remember: 16 kHz and Opus, decoded again by the audio core."""

from __future__ import annotations

import numpy as np
import pytest
from feed_fakes import pair_at
from native.transcoder import Transcoder

from gateway.feeds.encoders import Encoder, split_opus
from gateway.feeds.frames import Channels, Encoding, Format
from gateway.feeds.g711 import decode_ulaw
from gateway.media.tools import CodecTools

TOOLS = CodecTools()


def notes(frames: int) -> list[np.ndarray]:
    """A note of 400 Hz for the caller, one of 700 Hz for the advisor, in frames of 20 ms."""
    time = np.arange(160 * frames) / 8000
    both = [8_000 * np.sin(2 * np.pi * hz * time) for hz in (400, 700)]
    return list(np.array(both, dtype=np.int16).reshape(2, frames, 160).transpose(1, 0, 2))


def strength(samples: np.ndarray, hz: float, rate: int) -> float:
    time = np.arange(len(samples)) / rate
    return 2 * abs(np.mean(samples * np.exp(-2j * np.pi * hz * time)))


def narrow() -> list[None]:
    """Nobody is heard at 16 kHz."""
    return [None, None]


def test_what_needs_no_memory_is_what_the_format_makes() -> None:
    for channels in Channels:
        for encoding in (Encoding.L16, Encoding.PCMU):
            wanted = Format(channels, encoding)
            assert Encoder(wanted, None).encode(pair_at(40), narrow) == wanted.encode(pair_at(40))


def test_without_tools_the_rest_is_refused_in_words() -> None:
    for wanted in (Format(encoding=Encoding.OPUS), Format(rate_hz=16_000)):
        with pytest.raises(ValueError, match="not available here"):
            Encoder(wanted, None)


@pytest.mark.parametrize("encoding", [Encoding.L16, Encoding.PCMU])
def test_at_16_khz_both_channels_are_the_same_notes(encoding: Encoding) -> None:
    encoder = Encoder(Format(Channels.BOTH, encoding, 16_000), TOOLS)
    data = b"".join(encoder.encode(pair, narrow) for pair in notes(50))
    samples = (
        np.frombuffer(data, ">i2") if encoding is Encoding.L16 else decode_ulaw(np.frombuffer(data, "u1"))
    )
    caller, advisor = samples.reshape(-1, 2)[3_200:].T
    assert len(caller) == 50 * 320 - 3_200
    assert strength(caller, 400, 16_000) == pytest.approx(8_000, rel=0.05)
    assert strength(advisor, 700, 16_000) == pytest.approx(8_000, rel=0.05)
    assert strength(caller, 700, 16_000) < 100 and strength(advisor, 400, 16_000) < 100


@pytest.mark.parametrize("channels", Channels)
def test_who_is_heard_at_16_khz_is_given_so_and_the_other_brought_to_it(channels: Channels) -> None:
    """The caller's codec is wideband: 400 Hz at 8 kHz, and 6 kHz besides at 16."""
    encoder = Encoder(Format(channels, Encoding.L16, 16_000), TOOLS)
    time = np.arange(320 * 50) / 16_000
    both = sum(8_000 * np.sin(2 * np.pi * hz * time) for hz in (400, 6_000)).astype(np.int16)
    wide = both.reshape(50, 320)
    data = b"".join(encoder.encode(pair, lambda at=at: [wide[at], None]) for at, pair in enumerate(notes(50)))
    heard = np.frombuffer(data, ">i2").reshape(-1, len(channels.names))
    wanted = {"caller": (400, 6_000), "advisor": (700,), "mix": (400, 700, 6_000)}
    for name, samples in zip(channels.names, heard[3_200:].T, strict=True):
        for hz in (400, 700, 6_000):
            level = strength(samples, hz, 16_000)
            assert level > 7_000 if hz in wanted[name] else level < 100, (name, hz, level)
    if 0 in channels.parties and channels is not Channels.MIX:
        assert np.array_equal(heard[:, 0], both)


@pytest.mark.parametrize("channels", Channels)
def test_opus_packets_are_what_was_said(channels: Channels) -> None:
    count = len(channels.names)
    encoder = Encoder(Format(channels, Encoding.OPUS), TOOLS)
    decoders = [Transcoder("opus") for _ in range(count)]
    heard: list[list[np.ndarray]] = [[] for _ in range(count)]
    for pair in notes(50):
        for decoder, into, packet in zip(
            decoders, heard, split_opus(encoder.encode(pair, narrow), count), strict=True
        ):
            into.append(decoder.decode(np.frombuffer(packet, np.uint8)))
    wanted = {"caller": (400,), "advisor": (700,), "mix": (400, 700)}
    for name, frames in zip(channels.names, heard, strict=True):
        samples = np.concatenate(frames)[3_200:]
        for hz in (400, 700):
            level = strength(samples, hz, 16_000)
            assert level > 5_000 if hz in wanted[name] else level < 800


def test_what_is_no_opus_frame_is_refused() -> None:
    for payload in (b"", b"\0", b"\0\5abc", b"\0\1a\0\1b!"):
        with pytest.raises(ValueError, match="are not 2 Opus packets"):
            split_opus(payload, 2)
