"""One supervisor's browser as a leg's far end: RTP to and from the media engine, frames to and from the
browser. No I/O; clocks are given in.

What is heard comes as RTP packets of whatever length and leaves in frames of 20 ms. What is said is carried
only in the mode in which it was spoken (`voice`); otherwise, and while listening, the engine is sent silence:
a listener's voice never leaves this file.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.core.model import CallId, LegId, Mode
from gateway.feeds import rtp
from gateway.feeds.frames import FRAME_MS, pack_frame
from gateway.feeds.linesound import NARROW, LineSound
from gateway.feeds.listener import Listener, Sink, State
from gateway.feeds.voice import mode_message, parse_spoken, start_message

OPENED_ELSEWHERE = 4409
LATE = 0x8000
"""A sequence number so far ahead is one from the past (RFC 3550 §A.1)."""
MOST_GAP_S = 3600
FRAMES_A_SECOND = 60.0
"""Real time is 50; a browser's clock may run fast and a network may bunch."""
BURST_FRAMES = 600.0
"""12 s of audio at once: what may have waited while the loop or the network stood still."""


@dataclass(frozen=True, slots=True)
class Owner:
    leg: LegId
    call: CallId
    user: str


class Headset:
    """Loop's thread only. Connect it when the leg is answered; attach a browser; give it packets by `heard`
    and messages by `said`.
    """

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.mode = Mode.LISTEN
        self.listener: Listener | None = None
        """The browser that is connected; None: none is."""
        self.spoken_frames = 0
        self.unsaid_frames = 0
        """Spoken in another mode than the one that held, so not carried."""
        self._send: Callable[[bytes], object] = lambda datagram: None
        self._sound: LineSound = NARROW
        self._sink: Sink | None = None
        self._untold: str | None = None
        """The notice of a change of mode that the connection has not taken yet."""
        # what is heard
        self._in_sequence: int | None = None
        self._in_timestamp = 0
        self._media_samples = 0
        self._rest: NDArray[np.int16] = np.empty(0, np.int16)
        self._frame_number = 0
        self._missed_ms = 0
        # what is said
        self._ssrc = secrets.randbits(32)
        self._out_sequence = secrets.randbits(16)
        self._out_timestamp = secrets.randbits(32)
        self._said_at_s: float | None = None
        self._said: int | None = None
        """Sequence of the browser's last frame on this connection."""
        self._allowance = BURST_FRAMES
        self._allowed_at_s = 0.0

    def connect(self, sound: LineSound, send: Callable[[bytes], object]) -> None:
        """The leg is answered; `send` takes a datagram for the engine."""
        self._sound = sound
        self._send = send

    # ── the browser's connection ──

    def attach(self, sink: Sink, now_s: float) -> None:
        """A browser has connected; one that was there before is sent away."""
        self.end("opened elsewhere", OPENED_ELSEWHERE, now_s)
        self._sink, self.listener = sink, Listener(sink)
        self._untold, self._said, self._missed_ms = None, None, 0
        owner = self.owner
        facts = {"leg": owner.leg, "call": owner.call, "user": owner.user, "mode": self.mode.value}
        self.listener.start(start_message(facts, self._sound.rate_hz, self._media_ms), now_s)

    @property
    def _media_ms(self) -> int:
        """Of the next frame."""
        return self._media_samples * 1000 // self._sound.rate_hz

    def detach(self, now_s: float) -> None:
        """The connection is lost."""
        if self.listener is not None:
            self.listener.gone(now_s)
            self.listener = None

    def end(self, reason: str, code: int, now_s: float) -> None:
        """Tell the browser why, and close. Safe twice."""
        if self.listener is not None:
            self.listener.end(reason, code, now_s)
            self.listener = None

    def resume(self, now_s: float) -> None:
        """The connection has room again."""
        if self.listener is not None:
            self.listener.resume(now_s)
            self._tell()

    def enter(self, mode: Mode) -> None:
        """This mode holds from now on: the talk path has just been set."""
        if mode is not self.mode:
            self.mode = mode
            self._untold = mode_message(mode)
            self._tell()

    def _tell(self) -> None:
        listener = self.listener
        if self._untold is None or self._sink is None or listener is None or listener.state is not State.LIVE:
            return
        if self._sink.try_write(self._untold):
            self._untold = None

    # ── what is said ──

    def said(self, message: bytes, now_s: float) -> None:
        """A frame from the browser. Raises ValueError for one that is none, or comes too fast."""
        sound = self._sound
        spoken = parse_spoken(message, sound.rate_hz)
        self._allow(now_s)
        if self._said is not None and spoken.sequence <= self._said:
            raise ValueError(f"frame {spoken.sequence} after {self._said}: the sequence must grow")
        step = 1 if self._said is None else spoken.sequence - self._said
        pause_s = 0.0 if self._said is not None or self._said_at_s is None else now_s - self._said_at_s
        begins = self._said is None
        self._said, self._said_at_s = spoken.sequence, now_s
        self._out_timestamp += step * sound.frame_samples + int(pause_s * sound.rate_hz)
        self._out_sequence += 1
        self.spoken_frames += 1
        payload = sound.silence
        if spoken.mode is self.mode and self.mode is not Mode.LISTEN:
            payload = sound.encode(spoken.samples)
        elif spoken.mode is not Mode.LISTEN:
            self.unsaid_frames += 1
        packet = rtp.Packet(
            sound.payload_type, begins, self._out_sequence, self._out_timestamp, self._ssrc, payload
        )
        self._send(rtp.pack(packet))

    def _allow(self, now_s: float) -> None:
        """Not much more audio than time passes."""
        earned = (now_s - self._allowed_at_s) * FRAMES_A_SECOND
        self._allowance = min(BURST_FRAMES, self._allowance + earned) - 1
        self._allowed_at_s = now_s
        if self._allowance < 0:
            raise ValueError("more audio than time has passed: a frame is due every 20 ms")

    # ── what is heard ──

    def heard(self, datagram: bytes, now_s: float, wall_us: int) -> None:
        """A packet from the engine; what is not audio (comfort noise) is time that passes in silence."""
        sound = self._sound
        packet = rtp.parse(datagram)
        if packet is None or packet.payload_type != sound.payload_type or not packet.payload:
            return
        step = 1 if self._in_sequence is None else (packet.sequence - self._in_sequence) & 0xFFFF
        if step == 0 or step >= LATE:
            return
        gap = 0 if self._in_sequence is None else (packet.timestamp - self._in_timestamp) & 0xFFFFFFFF
        samples = sound.decode(packet.payload)
        self._in_sequence = packet.sequence
        self._in_timestamp = (packet.timestamp + len(samples)) & 0xFFFFFFFF
        if 0 < gap < MOST_GAP_S * sound.rate_hz:
            self._media_samples += len(self._rest) + gap
            self._rest = self._rest[:0]
            if step > 1:
                self._missed_ms += gap * 1000 // sound.rate_hz
        self._rest = np.concatenate((self._rest, samples)) if len(self._rest) else samples
        size = sound.frame_samples
        while len(self._rest) >= size:
            frame, self._rest = self._rest[:size], self._rest[size:]
            self._give(frame, now_s, wall_us)
        self._tell()

    def _give(self, samples: NDArray[np.int16], now_s: float, wall_us: int) -> None:
        missed_ms, self._missed_ms = self._missed_ms, 0
        self._frame_number += 1 + missed_ms // FRAME_MS
        media_ms = self._media_ms
        self._media_samples += len(samples)
        if self.listener is not None:
            frame = pack_frame(self._frame_number, media_ms, wall_us, samples.astype(">i2").tobytes())
            self.listener.offer(frame, missed_ms, now_s)
