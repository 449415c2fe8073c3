"""Twilio's Media Streams as a dialect of a feed: connected, start, media, stop; base64 mu-law at 8 kHz.

A sink in front of the real one: the feed writes its own messages, the peer gets Twilio's. `inbound` is what
the caller says, `outbound` what the advisor says. What a slow peer missed shows as a jump of `timestamp`, for
the dialect has no word for it. Source: Twilio's documentation of Media Streams' WebSocket messages.
"""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from gateway.feeds.frames import HEADER_BYTES
from gateway.feeds.listener import Sink

TRACKS = {
    "both_tracks": ("inbound", "outbound"),
    "inbound_track": ("inbound",),
    "outbound_track": ("outbound",),
}
_CHANNELS = {
    ("inbound", "outbound"): "caller,advisor",
    ("inbound",): "caller",
    ("outbound",): "advisor",
}
PROTOCOL = "twilio"


def take_protocol(sink: Sink, query: Mapping[str, str], call: str) -> tuple[Sink, dict[str, str]]:
    """The sink and query for what `protocol` asks for; both as they are where it asks for nothing.

    Raises ValueError, whose text names the parameter, what came and what is allowed.
    """
    rest = dict(query)
    protocol = rest.pop("protocol", None)
    if protocol is None:
        return sink, rest
    if protocol != PROTOCOL:
        raise ValueError(f"protocol={protocol}: allowed: {PROTOCOL}")
    track = rest.pop("track", "both_tracks")
    if track not in TRACKS:
        raise ValueError(f"track={track}: allowed: {' | '.join(TRACKS)}")
    if fixed := rest.keys() & {"channels", "encoding", "rate"}:
        raise ValueError(f"{', '.join(sorted(fixed))}: fixed by protocol={PROTOCOL}")
    tracks = TRACKS[track]
    return TwilioSink(sink, tracks, call), {**rest, "channels": _CHANNELS[tracks], "encoding": "pcmu"}


class TwilioSink:
    """Translates for one peer. Sequence numbers are its own: they begin with 1 and have no gaps."""

    def __init__(self, sink: Sink, tracks: tuple[str, ...], call: str) -> None:
        self._sink = sink
        self._tracks = tracks
        self._call = call
        self._stream = f"MZ{secrets.token_hex(16)}"
        self._sequence = 0
        self._chunks = 0
        self._began_ms: int | None = None
        self._pending: list[str] = []
        """Rest of a message that was taken: written before anything else."""

    def try_write(self, message: str | bytes) -> bool:
        if not self._flush():
            return False
        made = self._media(message) if isinstance(message, bytes) else self._text(json.loads(message))
        if not made:
            return True
        # The first decides: numbers are used up only by what is written.
        if not self._sink.try_write(made[0](self._sequence + 1)):
            return False
        self._pending = []
        for number, make in enumerate(made[1:], self._sequence + 2):
            self._pending.append(make(number))
        self._sequence += len(made)
        self._chunks += isinstance(message, bytes)
        self._flush()
        return True

    def close(self, code: int, reason: str) -> None:
        self._sink.close(code, reason)

    def _flush(self) -> bool:
        while self._pending:
            if not self._sink.try_write(self._pending[0]):
                return False
            del self._pending[0]
        return True

    def _media(self, frame: bytes) -> list[Callable[[int], str]]:
        media_ms = int.from_bytes(frame[4:8], "big")
        if self._began_ms is None:
            self._began_ms = media_ms
        stride, timestamp, chunk = len(self._tracks), media_ms - self._began_ms, self._chunks + 1
        return [
            self._maker(
                "media",
                media={
                    "track": track,
                    "chunk": str(chunk),
                    "timestamp": str(timestamp),
                    "payload": b64encode(frame[HEADER_BYTES + place :: stride]).decode(),
                },
            )
            for place, track in enumerate(self._tracks)
        ]

    def _text(self, told: dict[str, Any]) -> list[Callable[[int], str]]:
        about = {"accountSid": "", "callSid": self._call}
        if told["type"] == "start":
            # `connected` has no number; the stream's begin with `start`.
            connected = json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"})
            start = {
                **about,
                "streamSid": self._stream,
                "tracks": list(self._tracks),
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {},
            }
            self._sequence = -1
            return [lambda _: connected, self._maker("start", start=start)]
        if told["type"] == "end":
            return [self._maker("stop", stop=about)]
        return []

    def _maker(self, event: str, **facts: Any) -> Callable[[int], str]:
        def make(number: int) -> str:
            return json.dumps(
                {"event": event, "sequenceNumber": str(number), **facts, "streamSid": self._stream}
            )

        return make
