"""A headset between engine and browser: what is carried each way, and what is not."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import numpy as np
import pytest
from feed_fakes import FakeSink
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import CallId, LegId, Mode
from gateway.feeds import rtp
from gateway.feeds.frames import HEADER_BYTES
from gateway.feeds.headset import BURST_FRAMES, Headset, Owner
from gateway.feeds.linesound import NARROW, WIDE, LineSound
from gateway.feeds.voice import Spoken, pack_spoken, parse_spoken

LOUD = np.full(160, 16_000, np.int16)
WIDE_LOUD = np.full(320, 16_000, np.int16)


class Desk:
    """A headset with what came out of it on both sides."""

    def __init__(self, mode: Mode = Mode.WHISPER, sound: LineSound = NARROW) -> None:
        self.sound = sound
        self.headset = Headset(Owner(LegId("l1"), CallId("c1"), "fiona"))
        self.sent: list[rtp.Packet] = []
        self.headset.connect(sound, lambda datagram: self.sent.append(rtp.parse(datagram)))
        self.headset.enter(mode)
        self.sink = FakeSink()
        self.headset.attach(self.sink, 10.0)

    def says(self, sequence: int, mode: Mode, now_s: float = 10.0, samples: Any = None) -> rtp.Packet:
        samples = self.loud if samples is None else samples
        self.headset.said(pack_spoken(Spoken(sequence, mode, samples)), now_s)
        return self.sent[-1]

    @property
    def loud(self) -> Any:
        return LOUD if self.sound is NARROW else WIDE_LOUD

    def hears(
        self, sequence: int, timestamp: int, samples: Any = LOUD, payload_type: int | None = None
    ) -> None:
        payload = self.sound.encode(samples)
        packet = rtp.Packet(
            self.sound.payload_type if payload_type is None else payload_type,
            False,
            sequence,
            timestamp,
            7,
            payload,
        )
        self.headset.heard(rtp.pack(packet), 10.0, 5_000_000)

    def texts(self) -> list[dict[str, Any]]:
        return [json.loads(message) for message in self.sink.taken if isinstance(message, str)]

    def frames(self) -> list[tuple[int, int, int]]:
        """(sequence, media time, samples) of each frame."""
        return [
            (int.from_bytes(m[:4], "big"), int.from_bytes(m[4:8], "big"), (len(m) - HEADER_BYTES) // 2)
            for m in self.sink.taken
            if isinstance(m, bytes)
        ]


# ── what is said ──


@pytest.mark.parametrize("sound", [NARROW, WIDE], ids=["narrow", "wide"])
@pytest.mark.parametrize("holds", Mode)
@pytest.mark.parametrize("spoken", Mode)
def test_only_what_was_spoken_in_the_mode_that_holds_is_carried(
    holds: Mode, spoken: Mode, sound: LineSound
) -> None:
    desk = Desk(holds, sound)
    packet = desk.says(1, spoken)
    carried = holds is spoken and holds is not Mode.LISTEN
    assert (packet.payload == sound.silence) is not carried
    heard = sound.decode(packet.payload)
    assert len(heard) == sound.rate_hz // 50
    assert np.allclose(heard, desk.loud if carried else 0, rtol=0.05, atol=8)


def test_packets_follow_one_another_and_gaps_of_the_browser_are_gaps_in_time() -> None:
    desk = Desk()
    first, second, third = (desk.says(number, Mode.WHISPER) for number in (1, 2, 5))
    assert (first.marker, second.marker) == (True, False)
    assert [(p.sequence - first.sequence) & 0xFFFF for p in (second, third)] == [1, 2]
    assert [(p.timestamp - first.timestamp) & 0xFFFFFFFF for p in (second, third)] == [160, 640]
    assert len({p.ssrc for p in desk.sent}) == 1


@pytest.mark.parametrize("sound", [NARROW, WIDE], ids=["narrow", "wide"])
def test_after_a_new_connection_time_has_gone_on(sound: LineSound) -> None:
    desk = Desk(sound=sound)
    first = desk.says(900, Mode.WHISPER, 10.0)
    desk.headset.detach(11.0)
    desk.headset.attach(FakeSink(), 12.0)
    again = desk.says(1, Mode.WHISPER, 12.0)
    passed = (again.timestamp - first.timestamp) & 0xFFFFFFFF
    assert again.marker and passed == 2 * sound.rate_hz + sound.rate_hz // 50


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (b"", "a frame has 328 bytes at 8000 Hz, this one 0"),
        (b"\0" * 327, "this one 327"),
        (b"\0" * 8 + b"\0" * 640, "this one 648"),
        (b"\0\0\0\1\0\0\0\4" + b"\0" * 320, "mode 4 in a frame; allowed: 0 (listen), 1 (whisper)"),
    ],
)
def test_what_is_no_frame_is_refused_in_words(message: bytes, words: str) -> None:
    desk = Desk()
    with pytest.raises(ValueError, match=re.escape(words)):
        desk.headset.said(message, 10.0)
    assert desk.sent == []


def test_a_frame_of_another_rate_than_the_header_tells_is_refused() -> None:
    desk = Desk(sound=WIDE)
    with pytest.raises(ValueError, match="a frame has 648 bytes at 16000 Hz, this one 328"):
        desk.says(1, Mode.WHISPER, samples=LOUD)
    assert desk.sent == []


def test_a_sequence_that_does_not_grow_is_refused() -> None:
    desk = Desk()
    desk.says(7, Mode.WHISPER)
    with pytest.raises(ValueError, match="frame 7 after 7"):
        desk.says(7, Mode.WHISPER)


def test_a_flood_is_refused_and_a_backlog_is_not() -> None:
    desk = Desk()
    for number in range(250):  # five seconds that waited somewhere
        desk.says(number, Mode.WHISPER)
    with pytest.raises(ValueError, match="more audio than time"):
        for number in range(250, 252 + int(BURST_FRAMES)):
            desk.says(number, Mode.WHISPER)


@given(st.binary(max_size=700))
def test_no_message_does_more_than_be_refused(message: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert len(parse_spoken(message, 8000).samples) == 160


# ── what is heard ──


def test_packets_of_any_length_leave_in_frames_of_20_ms() -> None:
    desk = Desk()
    for number in range(4):
        desk.hears(number, 240 * number, np.full(240, 1_000, np.int16))
    assert desk.frames() == [(number, 20 * number - 20, 160) for number in range(1, 7)]


def test_wideband_frames_are_as_long_and_hold_what_was_heard() -> None:
    desk = Desk(sound=WIDE)
    for number in range(3):
        desk.hears(number, 480 * number, np.full(480, 1_000, np.int16))
    desk.hears(5, 480 * 5, WIDE_LOUD)
    assert desk.frames() == [(1, 0, 320), (2, 20, 320), (3, 40, 320), (4, 60, 320), (8, 150, 320)]
    (header, missed) = desk.texts()
    assert (header["rate"], header["up"]["rate"], header["up"]["frame_bytes"]) == (16_000, 16_000, 648)
    assert missed["ms"] == 60
    assert desk.sink.taken[-1][HEADER_BYTES:] == WIDE_LOUD.astype(">i2").tobytes()


def test_the_header_is_first_and_tells_both_directions() -> None:
    desk = Desk()
    (header,) = desk.texts()
    assert (header["type"], header["leg"], header["mode"], header["rate"]) == ("start", "l1", "whisper", 8000)
    assert header["up"]["frame_bytes"] == 328
    assert header["up"]["modes"] == {"listen": 0, "whisper": 1, "barge": 2, "takeover": 3}


def test_lost_packets_are_told_and_pauses_are_not() -> None:
    desk = Desk()
    desk.hears(10, 0)
    desk.hears(11, 160 + 800)  # nobody sent anything for 100 ms
    assert [text["type"] for text in desk.texts()] == ["start"]
    desk.hears(14, 160 + 800 + 3 * 160)  # two packets are missing
    assert desk.texts()[-1] == {"type": "missed", "ms": 40, "text": "0.0 s missing here"}
    assert [frame[:2] for frame in desk.frames()] == [(1, 0), (2, 120), (5, 180)]


def test_late_foreign_and_empty_packets_change_nothing() -> None:
    desk = Desk()
    desk.hears(10, 1600)
    desk.hears(9, 1440)
    desk.hears(10, 1600)
    desk.hears(11, 1760, payload_type=13)
    desk.headset.heard(b"no packet", 10.0, 0)
    assert len(desk.frames()) == 1
    desk.hears(12, 1920)
    assert len(desk.frames()) == 2


def test_the_browser_is_told_which_mode_holds_even_if_it_was_full() -> None:
    desk = Desk()
    desk.sink.room = 0
    desk.hears(1, 0)
    desk.headset.enter(Mode.BARGE)
    desk.headset.enter(Mode.LISTEN)
    assert [text["type"] for text in desk.texts()] == ["start"]
    desk.sink.room = 99
    desk.headset.resume(11.0)
    assert desk.texts()[-1] == {"type": "mode", "mode": "listen"}


def test_a_second_connection_ends_the_first() -> None:
    desk = Desk()
    second = FakeSink()
    desk.headset.attach(second, 11.0)
    assert desk.sink.closed == (4409, "opened elsewhere")
    desk.hears(1, 0)
    assert len(desk.frames()) == 0 and len(second.taken) == 2
