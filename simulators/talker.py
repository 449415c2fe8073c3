"""What a phone sends next: speech, exact payloads, keys, or silence, one packet a ptime. No I/O, no clock.

The media thread asks for `next_packet` at each tick; the call's thread changes what is being said. Keys go
first, and what is being said waits for them. One lock guards the queues, held for microseconds.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import g711
from .rtp import pack_event

RATE_HZ = 8_000
NOISE_LEVEL = 60
"[-dBov] of the silence that is described."
END_PACKETS = 3
"How often the last packet of an event is sent (RFC 4733 §2.5.1.4)."


class Outgoing(NamedTuple):
    """One packet to send, before its header is packed."""

    payload_type: int
    marker: bool
    seq: int
    rtp_ts: int
    payload: bytes


class Talker:
    """The sending side of one RTP stream: payloads in order, sequence numbers and timestamps without gaps."""

    def __init__(self, codec: str, payload_type: int, ptime_ms: int, event_type: int | None = None) -> None:
        self.ssrc = random.getrandbits(32)
        self.ptime_ms = ptime_ms
        self.on_hold = False
        "While set, silence is sent and what is being said waits."
        self.codec = codec
        self.payload_type = payload_type
        self.event_type = event_type
        self.noise_type: int | None = None
        self._lock = threading.Lock()
        self._audio_said: g711.Audio | None = None
        self._seq = random.getrandbits(15)
        self._rtp_ts = random.getrandbits(31)
        self._marker = True
        self._front: deque[Key | Tone | Pause] = deque()
        self._said: list[bytes] = []
        self._position = 0
        self._loop = False
        self._on_said: Callable[[], None] | None = None
        self._over = False

    def agree(
        self, codec: str, payload_type: int, event_type: int | None, noise_type: int | None = None
    ) -> None:
        """Use what an offer and answer came to; audio given to `say` is encoded again for another codec."""
        with self._lock:
            if codec != self.codec and self._audio_said is not None:
                self._said = self._encoded(self._audio_said, codec)
            self.codec = codec
            self.payload_type = payload_type
            self.event_type = event_type
            self.noise_type = noise_type

    def describe_silence(self, on_done: Callable[[], None]) -> None:
        """The next packet says how silent it is here (RFC 3389), by an empty one where that was not agreed.
        `on_done` runs on the media thread, before it is out.
        """
        with self._lock:
            self._front.append(Noise(1, on_done))

    @property
    def samples(self) -> int:
        """A packet's length in samples, and so in bytes of G.711."""
        return RATE_HZ * self.ptime_ms // 1_000

    def say(self, audio: g711.Audio, *, loop: bool, on_said: Callable[[], None] | None) -> None:
        """Replace what is being said by int16 mono audio at 8,000 Hz; the last packet is filled up with
        silence.

        `on_said` runs on the media thread when the last packet is out, or when something else replaces this.
        """
        self._replace(self._encoded(audio, self.codec), audio, loop, on_said)

    def say_payloads(self, payloads: list[bytes], *, loop: bool, on_said: Callable[[], None] | None) -> None:
        """Send exactly these payloads, one a packet, whatever the codec."""
        self._replace(list(payloads), None, loop, on_said)

    def _replace(
        self, payloads: list[bytes], audio: g711.Audio | None, loop: bool, on_said: Callable[[], None] | None
    ) -> None:
        with self._lock:
            interrupted, self._on_said = self._on_said, on_said
            self._said, self._audio_said, self._position, self._loop = payloads, audio, 0, loop
        if interrupted is not None:
            interrupted()
        if on_said is not None and not payloads:
            self._on_said = None
            on_said()

    def _encoded(self, audio: g711.Audio, codec: str) -> list[bytes]:
        step = self.samples
        padded = np.concatenate([audio, np.zeros(-len(audio) % step, dtype=np.int16)])
        data = g711.encode(padded, codec)
        return [data[at : at + step] for at in range(0, len(data), step)]

    def press(
        self, keys: str, ms: int, gap_ms: int, *, inband: bool, on_done: Callable[[], None] | None
    ) -> None:
        """Send keys, each `ms` long with `gap_ms` of silence after it, as events or as tones.

        `on_done` runs when the last is out, or when the call ends before.
        """
        packets = max(1, round(ms / self.ptime_ms))
        if self._over:
            if on_done is not None:
                on_done()
            return
        with self._lock:
            for number, key in enumerate(keys):
                last = on_done if number == len(keys) - 1 else None
                if inband:
                    self._front.append(
                        Tone(_tone_payloads(key, packets * self.samples, self.codec, self.samples))
                    )
                else:
                    self._front.append(Key(key, packets))
                self._front.append(Pause(max(1, round(gap_ms / self.ptime_ms)), last))

    def end(self) -> None:
        """The call is over: nothing more will be sent, so nobody needs to wait for a key."""
        with self._lock:
            self._over = True
            waiting = [item.on_done for item in self._front if item.on_done is not None]
            self._front.clear()
        for done in waiting:
            done()

    def skip(self) -> None:
        """Let one packet's time pass without sending, as a muted or held sender does."""
        with self._lock:
            self._rtp_ts += self.samples
            self._marker = True

    def next_packet(self) -> Outgoing:
        """The packet for this tick."""
        with self._lock:
            done: Callable[[], None] | None = None
            if self._front:
                packet, done = self._from_front()
            else:
                payload, done = self._from_said()
                packet = self._audio(payload)
        if done is not None:
            done()
        return packet

    def _from_front(self) -> tuple[Outgoing, Callable[[], None] | None]:
        item = self._front[0]
        if isinstance(item, Key) and self.event_type is not None:
            return self._event(item)
        item.sent += 1
        if item.sent >= item.packets:
            self._front.popleft()
        if isinstance(item, Noise):
            return self._noise(), item.on_done
        payload = item.payloads[item.sent - 1] if isinstance(item, Tone) else self._silence()
        return self._audio(payload), item.on_done if item.sent >= item.packets else None

    def _noise(self) -> Outgoing:
        number = self.payload_type if self.noise_type is None else self.noise_type
        described = b"" if self.noise_type is None else bytes([NOISE_LEVEL])
        packet = Outgoing(number, False, self._seq, self._rtp_ts, described)
        self._advance(self.samples)
        return packet

    def _event(self, key: Key) -> tuple[Outgoing, None]:
        key.sent += 1
        if key.sent == 1:
            key.rtp_ts = self._rtp_ts
        end = key.sent >= key.packets
        payload = pack_event(key.key, end, min(key.sent, key.packets) * self.samples)
        packet = Outgoing(self.event_type or 0, key.sent == 1, self._seq, key.rtp_ts, payload)
        self._advance(self.samples)
        self._marker = end
        if key.sent >= key.packets + END_PACKETS - 1:
            self._front.popleft()
        return packet, None

    def _from_said(self) -> tuple[bytes, Callable[[], None] | None]:
        if self.on_hold or self._position >= len(self._said):
            return self._silence(), None
        payload = self._said[self._position]
        self._position += 1
        if self._position < len(self._said):
            return payload, None
        if self._loop:
            self._position = 0
            return payload, None
        done, self._on_said = self._on_said, None
        return payload, done

    def _audio(self, payload: bytes) -> Outgoing:
        packet = Outgoing(self.payload_type, self._marker, self._seq, self._rtp_ts, payload)
        self._advance(len(payload))
        self._marker = False
        return packet

    def _advance(self, samples: int) -> None:
        self._seq = (self._seq + 1) & 0xFFFF
        self._rtp_ts = (self._rtp_ts + samples) & 0xFFFFFFFF

    def _silence(self) -> bytes:
        return bytes([g711.SILENCE[self.codec]]) * self.samples


class Pause:
    """Silence of so many packets."""

    def __init__(self, packets: int, on_done: Callable[[], None] | None = None) -> None:
        self.packets = packets
        self.sent = 0
        self.on_done = on_done


class Noise(Pause):
    """A silence described."""


class Key(Pause):
    """One key as a telephone-event; `packets` does not count the two repetitions of its end."""

    def __init__(self, key: str, packets: int) -> None:
        super().__init__(packets)
        self.key = key
        self.rtp_ts = 0


class Tone(Pause):
    """One key as audio."""

    def __init__(self, payloads: list[bytes]) -> None:
        super().__init__(len(payloads))
        self.payloads = payloads


_ROWS = {
    key: low for keys, low in (("123A", 697), ("456B", 770), ("789C", 852), ("*0#D", 941)) for key in keys
}
_COLUMNS = {
    key: high
    for keys, high in (("147*", 1209), ("2580", 1336), ("369#", 1477), ("ABCD", 1633))
    for key in keys
}


def _tone_payloads(key: str, length: int, codec: str, step: int) -> list[bytes]:
    """A key's two tones (ITU-T Q.23), each at -10 dBFS, in packets."""
    time = np.arange(length) / RATE_HZ
    wave = np.sin(2 * np.pi * _ROWS[key] * time) + np.sin(2 * np.pi * _COLUMNS[key] * time)
    data = g711.encode((wave * 32_768 * 0.447).clip(-32_768, 32_767).astype(np.int16), codec)
    return [data[at : at + step] for at in range(0, len(data), step)]
