"""The frames of live audio and of a browser's headset, broken in every way: refused with ValueError, or what was read is in them."""

from __future__ import annotations

import contextlib
import math

import numpy as np
from fuzzing import broken, fuzz
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import CallId, LegId, Mode
from gateway.feeds import rtp
from gateway.feeds.frames import Channels, Encoding, Format, pack_frame, parse_frame
from gateway.feeds.headset import Headset, Owner
from gateway.feeds.linesound import NARROW, WIDE, LineSound
from gateway.feeds.voice import Spoken, pack_spoken, parse_spoken

RAMP = np.arange(160, dtype=np.int16) * 200 - 16_000
FORMATS = [Format(channels, encoding) for channels in Channels for encoding in (Encoding.L16, Encoding.PCMU)]
FRAMES = [
    pack_frame(number, 20 * number, 1_700_000_000_000_000, wanted.encode(np.array([RAMP, -RAMP])))
    for number, wanted in enumerate([*FORMATS, *FORMATS])
]
SPOKEN = {
    sound: [
        pack_spoken(Spoken(number, mode, np.resize(RAMP, sound.frame_samples)))
        for number, mode in enumerate([*Mode, *Mode])
    ]
    for sound in (NARROW, WIDE)
}
HEARD = {
    sound: [
        rtp.pack(rtp.Packet(kind, False, 65_534 + number, sound.frame_samples * number, 7, b"\x2a" * length))
        for number, (kind, length) in enumerate(
            [(own, size), (own, 3 * size // 2), (own, size // 2), (13, 1), (own, size)]
        )
    ]
    for sound, own, size in ((NARROW, 8, 160), (WIDE, 112, 640))
}
ANYTHING = st.binary(max_size=400)


def of_a_sound(
    messages: dict[LineSound, list[bytes]], least: int = 0
) -> st.SearchStrategy[tuple[LineSound, list[bytes]]]:
    """Of a narrowband or wideband headset: up to 12 messages, or as many as `least`."""
    return st.sampled_from(list(messages)).flatmap(
        lambda sound: st.tuples(
            st.just(sound), st.lists(broken(messages[sound]) | ANYTHING, min_size=least, max_size=least or 12)
        )
    )


@fuzz
@given(st.sampled_from(FORMATS), broken(FRAMES) | ANYTHING)
def test_live_audio_frame(wanted: Format, message: bytes) -> None:
    try:
        frame = parse_frame(message, wanted)
    except ValueError:
        return
    assert frame.samples.shape[0] == len(wanted.channels.names)
    again = frame.samples.T
    if wanted.encoding is Encoding.L16:
        packed = pack_frame(
            frame.sequence, frame.media_time_ms, frame.wall_time_us, again.astype(">i2").tobytes()
        )
        assert packed == message
    else:
        assert again.size == len(message) - 16


@fuzz
@given(of_a_sound(SPOKEN, 1))
def test_spoken_frame(came: tuple[LineSound, list[bytes]]) -> None:
    sound, (message,) = came
    try:
        spoken = parse_spoken(message, sound.rate_hz)
    except ValueError:
        return
    assert pack_spoken(spoken) == message


@fuzz
@given(st.sampled_from(Mode), of_a_sound(SPOKEN))
def test_whatever_a_browser_sends_only_words_of_the_mode_that_holds_are_carried(
    holds: Mode, came: tuple[LineSound, list[bytes]]
) -> None:
    sound, messages = came
    sent: list[rtp.Packet | None] = []
    headset = Headset(Owner(LegId("l1"), CallId("c1"), "fiona"))
    headset.connect(sound, lambda datagram: sent.append(rtp.parse(datagram)))
    headset.enter(holds)
    spoken: list[Spoken] = []
    for at, message in enumerate(messages):
        with contextlib.suppress(ValueError):
            headset.said(message, 10.0 + at / 50)
            spoken.append(parse_spoken(message, sound.rate_hz))
    assert len(sent) == len(spoken)
    for packet, said in zip(sent, spoken, strict=True):
        assert packet is not None and len(packet.payload) == len(sound.silence)
        if said.mode is not holds or holds is Mode.LISTEN:
            assert packet.payload == sound.silence


@fuzz
@given(broken(HEARD[NARROW]) | ANYTHING)
def test_rtp_of_the_web_plane(datagram: bytes) -> None:
    packet = rtp.parse(datagram)
    if packet is not None:
        assert 0 <= packet.payload_type <= 127 and len(packet.payload) <= len(datagram) - rtp.HEADER_BYTES
        assert datagram[rtp.HEADER_BYTES :].find(packet.payload) >= 0


@fuzz
@given(of_a_sound(HEARD))
def test_whatever_the_engine_sends_a_headset_lives(came: tuple[LineSound, list[bytes]]) -> None:
    """Frames are whole, their time goes forward, and what comes afterwards is heard."""
    sound, datagrams = came
    taken: list[str | bytes] = []

    class Sink:
        def try_write(self, message: str | bytes) -> bool:
            taken.append(message)
            return True

        def close(self, code: int, reason: str) -> None: ...

    headset = Headset(Owner(LegId("l1"), CallId("c1"), "fiona"))
    headset.connect(sound, lambda datagram: None)
    headset.attach(Sink(), 10.0)
    for at, datagram in enumerate(datagrams):
        headset.heard(datagram, 10.0 + at / 50, 5_000_000)
    frames = [parse_frame(message, Format(Channels.MIX)) for message in taken if isinstance(message, bytes)]
    assert all(frame.samples.shape == (1, sound.frame_samples) for frame in frames)
    assert [frame.media_time_ms for frame in frames] == sorted({frame.media_time_ms for frame in frames})
    assert math.isfinite(headset.spoken_frames)
