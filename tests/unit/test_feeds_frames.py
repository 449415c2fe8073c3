"""Frames as bytes, headers and notices as text, queries as people type them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from feed_fakes import pair_at

from gateway.feeds.frames import (
    HEADER_BYTES,
    Channels,
    Encoding,
    Format,
    end_message,
    missed_message,
    pack_frame,
    parse_frame,
    start_message,
)

PAIR = np.array([[1, 2, -3], [256, -2, 32767]], dtype=np.int16)


def test_bytes_of_a_frame() -> None:
    frame = pack_frame(7, 140, 0x0102030405060708, Format().encode(PAIR))
    assert frame.hex(" ") == (
        "00 00 00 07 00 00 00 8c 01 02 03 04 05 06 07 08 00 01 01 00 00 02 ff fe ff fd 7f ff"
    )


@pytest.mark.parametrize("channels", Channels)
@pytest.mark.parametrize("encoding", [Encoding.L16, Encoding.PCMU])
def test_parse_is_the_inverse_of_pack(channels: Channels, encoding: Encoding) -> None:
    wanted = Format(channels, encoding)
    pair = pair_at(400) * 100
    frame = parse_frame(pack_frame(2**32 + 5, 400, 1_700_000_000_000_000, wanted.encode(pair)), wanted)
    assert (frame.sequence, frame.media_time_ms, frame.wall_time_us) == (5, 400, 1_700_000_000_000_000)
    assert frame.samples.shape == (len(channels.names), 160)
    expected = {
        Channels.BOTH: pair,
        Channels.CALLER: pair[:1],
        Channels.ADVISOR: pair[1:],
        Channels.MIX: pair.sum(axis=0, keepdims=True),
    }[channels]
    tolerance = 0 if encoding is Encoding.L16 else np.abs(expected.astype(int)) / 30 + 4
    assert np.all(np.abs(frame.samples.astype(int) - expected) <= tolerance)


def test_mix_saturates() -> None:
    loud = np.array([[32767, -32768], [32767, -32768]], dtype=np.int16)
    assert Format(Channels.MIX).encode(loud).hex() == "7fff8000"


@pytest.mark.parametrize("message", [b"", b"x" * (HEADER_BYTES - 1), b"x" * (HEADER_BYTES + 3)])
def test_broken_frame(message: bytes) -> None:
    with pytest.raises(ValueError, match="bytes are not a frame"):
        parse_frame(message, Format())


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, Format(Channels.BOTH, Encoding.L16)),
        ({"channels": "mix", "encoding": "pcmu", "rate": "8000"}, Format(Channels.MIX, Encoding.PCMU)),
        ({"channels": "advisor"}, Format(Channels.ADVISOR, Encoding.L16)),
    ],
)
def test_query(query: dict[str, str], wanted: Format) -> None:
    assert Format.parse(query) == wanted


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"channels": "both"}, "channels=both: allowed: caller,advisor | caller | advisor | mix"),
        ({"encoding": "mp3"}, "encoding=mp3: allowed: l16 | pcmu | opus"),
        ({"rate": "44100"}, "rate=44100: allowed: 8000 | 16000"),
        ({"codec": "l16"}, "codec: unknown parameter"),
    ],
)
def test_query_that_cannot_be_served(query: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 (the text is what is tested)
        Format.parse(query)
    assert told in str(refused.value)


def test_texts() -> None:
    start = json.loads(start_message("c-1", Format(Channels.MIX), 40))
    assert start == {
        "type": "start",
        "schema": 1,
        "call": "c-1",
        "encoding": "l16",
        "byte_order": "big",
        "rate": 8000,
        "channels": ["mix"],
        "frame_ms": 20,
        "frame_header": ["sequence:uint32", "media_time_ms:uint32", "wall_time_us:uint64"],
        "frame_header_bytes": HEADER_BYTES,
        "media_time_ms": 40,
    }
    assert json.loads(missed_message(1200)) == {"type": "missed", "ms": 1200, "text": "1.2 s missing here"}
    assert json.loads(end_message("call ended")) == {"type": "end", "reason": "call ended"}
