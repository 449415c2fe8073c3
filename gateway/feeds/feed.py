"""One tapped call: read once, encoded once per format, given to every listener. No I/O of its own; clocks are
given in.

All listeners of a call are served from the tap of the one that came first. The other taps are cursors that
cost nothing until their turn comes; then they skip what was already read. Who begins in the past is served
from their own tap until they have caught up; then they are a listener like the others, under their own count
of frames.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.core.model import CallId
from gateway.core.permissions import User
from gateway.core.ports import Tap
from gateway.feeds.analysis import OnSpeech
from gateway.feeds.encoders import AudioTools, Encoder
from gateway.feeds.frames import FRAME_MS, Format, live_message, pack_frame, start_message
from gateway.feeds.listener import Listener, Sink, State
from gateway.feeds.past import Past
from gateway.feeds.speech import Detector

FRAMES_A_TURN = 25
"""Read at most so many before other work on the loop has its turn: after a hiccup the sockets drain between
two turns.
"""
LINGER_S = 0.1
"""After the call has ended its last frames may still become due."""
TAP_DELAY_MS = 60
"""A tap gives a frame out so long after its end, so that late packets are in their place."""
DRIFT_US = 4
"""How much later a frame the media clock may be found to run, against the machine's: 200 ppm."""


@dataclass(eq=False, slots=True)
class Seat:
    """A listener with what it came with."""

    user: User
    tap: Tap
    wanted: Format
    listener: Listener
    encoder: Encoder
    """Its own while in the past; then the feed's."""
    past: bool = False
    """Has not caught up with the others yet."""
    media_ms: int = -1
    """Of the last frame while in the past."""
    sequence: int = 0
    """While in the past; later, how far ahead of the feed's own count."""


class Feed:
    """Give it `turn` every 20 ms while it has seats."""

    def __init__(
        self, call: CallId, on_speech: OnSpeech | None = None, tools: AudioTools | None = None
    ) -> None:
        """on_speech: told of each frame whether it is speech; see `speech`. tools: see `encoders`."""
        self.call = call
        self._tools = tools
        self._encoders: dict[Format, Encoder] = {}
        """Of the formats that somebody listens in."""
        self._on_speech = on_speech
        self._detector = Detector() if on_speech else None
        self.seats: list[Seat] = []
        self._sequence = 0
        self._last_media_ms: int | None = None
        self._started_us: int | None = None
        """Monotonic time at which the call's media time was 0, as the least delayed frame so far showed it.
        """
        self._ending: tuple[float, str] | None = None
        """When the call ended, and why."""

    def seat(
        self,
        user: User,
        tap: Tap,
        wanted: Format,
        sink: Sink,
        now_s: float,
        past: Past = Past(),  # noqa: B008 (frozen)
    ) -> Seat:
        """Take in a listener; its header is sent at once, and frames from the next one on, or from where
        its tap begins.
        """
        past_one = not tap.live
        encoder = Encoder(wanted, self._tools) if past_one else self._encoder(wanted)
        seat = Seat(user, tap, wanted, Listener(sink), encoder, past=past_one)
        self.seats.append(seat)
        if seat.past:
            header = start_message(self.call, wanted, tap.media_time_ms, catchup=past.speed)
        else:
            standing_ms = None if self._last_media_ms is None else self._last_media_ms + FRAME_MS
            header = start_message(self.call, wanted, standing_ms)
        seat.listener.start(header, now_s)
        return seat

    def leave(self, seat: Seat) -> None:
        self.seats.remove(seat)
        if all(other.wanted != seat.wanted for other in self.seats):
            self._encoders.pop(seat.wanted, None)

    def _encoder(self, wanted: Format) -> Encoder:
        if wanted not in self._encoders:
            self._encoders[wanted] = Encoder(wanted, self._tools)
        return self._encoders[wanted]

    def call_ended(self, reason: str, now_s: float) -> None:
        """Read on to the tap's end for a moment, then end every listener with `reason`."""
        if self._ending is None:
            self._ending = (now_s, reason)

    def over(self, now_s: float) -> str | None:
        """The reason, once every last frame is out; None while the feed goes on."""
        if self._ending is None or now_s < self._ending[0] + LINGER_S:
            return None
        return self._ending[1]

    def finished(self) -> list[Seat]:
        """When it is over: who has heard the call to its end. Who began in the past hears on to there."""
        ended_us = self._ending[0] * 1e6 if self._ending else 0.0
        return [
            seat
            for seat in self.seats
            if not seat.past or seat.tap.began_us + seat.media_ms * 1000 >= ended_us
        ]

    def turn(self, now_s: float, wall_offset_us: int) -> bool:
        """Read what is due and give it out. Returns True when more is due already.

        wall_offset_us: what to add to the monotonic clock (`now_s`) for the wall clock.
        """
        more = self._turn_live(now_s, wall_offset_us)
        for seat in tuple(self.seats):
            if seat.past:
                more |= self._turn_past(seat, now_s, wall_offset_us)
        return more

    def _turn_live(self, now_s: float, wall_offset_us: int) -> bool:
        for _ in range(FRAMES_A_TURN):
            tap = next((seat.tap for seat in self.seats if not seat.past), None)
            if tap is None or (due := tap.read()) is None:
                return False
            media_ms, pair, missed_ms = due
            if self._last_media_ms is not None:
                if media_ms <= self._last_media_ms:
                    continue
                missed_ms = max(0, media_ms - self._last_media_ms - FRAME_MS)
            self._last_media_ms = media_ms
            if self._detector is not None and self._on_speech is not None:
                self._on_speech(self.call, (FRAME_MS + missed_ms) / 1000, *self._detector.judge(pair))
            self._sequence += 1 + missed_ms // FRAME_MS
            frames: dict[tuple[Format, int], bytes] = {}
            made: dict[Format, bytes] = {}
            wall_us = self._captured_us(media_ms, now_s) + wall_offset_us
            for seat in tuple(self.seats):
                if seat.past:
                    continue
                frame = frames.get((seat.wanted, seat.sequence))
                if frame is None:
                    if seat.wanted not in made:
                        made[seat.wanted] = seat.encoder.encode(pair, tap.wide)
                    sequence = self._sequence + seat.sequence
                    frame = pack_frame(sequence, media_ms, wall_us, made[seat.wanted])
                    frames[seat.wanted, seat.sequence] = frame
                seat.listener.offer(frame, missed_ms, now_s)
        return True

    def _turn_past(self, seat: Seat, now_s: float, wall_offset_us: int) -> bool:
        """What is due of the past, for one listener; while their connection is full it waits."""
        for _ in range(FRAMES_A_TURN):
            if seat.listener.state is not State.LIVE:
                return False
            due = seat.tap.read()
            if due is None:
                self._join(seat, now_s)
                return False
            media_ms, pair, missed_ms = due
            seat.media_ms = media_ms
            seat.sequence += 1 + missed_ms // FRAME_MS
            wall_us = seat.tap.began_us + media_ms * 1000 + wall_offset_us
            frame = pack_frame(seat.sequence, media_ms, wall_us, seat.encoder.encode(pair, seat.tap.wide))
            seat.listener.offer(frame, missed_ms, now_s)
        return True

    def _join(self, seat: Seat, now_s: float) -> None:
        """One who has caught up goes on with the others, when they stand at the same frame."""
        if not seat.tap.live:
            return
        if all(other.past for other in self.seats):
            self._last_media_ms = seat.media_ms
        elif seat.media_ms != self._last_media_ms:
            return
        seat.past = False
        seat.encoder = self._encoder(seat.wanted)
        seat.sequence -= self._sequence
        seat.listener.say(live_message(seat.media_ms + FRAME_MS), now_s)

    def _captured_us(self, media_ms: int, now_s: float) -> int:
        """Monotonic time of the frame's first sample: its end was at the latest now, and the least delayed
        frame sets the scale.
        """
        seen_us = int(now_s * 1e6) - (media_ms + FRAME_MS + TAP_DELAY_MS) * 1000
        self._started_us = seen_us if self._started_us is None else min(self._started_us + DRIFT_US, seen_us)
        return self._started_us + media_ms * 1000

    def stalled(self, now_s: float, limit_s: float) -> Iterable[Seat]:
        """Seats whose sink has taken nothing for `limit_s`."""
        return [seat for seat in self.seats if seat.listener.behind_for_s(now_s) >= limit_s]
