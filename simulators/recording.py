"""What was sent or heard in a call, packet by packet, and what can be read from it.

Packets are appended by a media thread while others read: every reader works on a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from . import g711, speech
from .analysis import level_db
from .rtp import Packet, ahead_16, ahead_32, unpack_event

RATE_HZ = 8_000
LONGEST_GAP_SAMPLES = 60 * RATE_HZ
"A jump of the RTP timestamp past this is a new start, placed by arrival time."


class Recording:
    """A list of packets. `types` maps payload types to encoding names, as the session agreed."""

    def __init__(self, packets: Iterable[Packet] = (), types: Mapping[int, str] | None = None) -> None:
        # Plain tuples, which the garbage collector leaves alone: a long collection would be heard.
        self._packets: list[tuple[Any, ...]] = [tuple(packet) for packet in packets]
        self.types: dict[int, str] = dict(types or {0: "PCMU", 8: "PCMA", 101: "telephone-event"})
        self.malformed = 0
        "Datagrams that were no RTP."

    def __len__(self) -> int:
        return len(self._packets)

    def __repr__(self) -> str:
        return f"<Recording {len(self)} packets, {self.lost} lost>"

    @property
    def packets(self) -> list[Packet]:
        """A snapshot, in order of arrival (or sending)."""
        return list(map(Packet._make, self._packets.copy()))

    def add(self, packet: Packet) -> None:
        """Append; called by the media thread."""
        self._packets.append(tuple(packet))

    def clear(self) -> None:
        self._packets = []

    @property
    def last(self) -> Packet:
        """The latest packet. Raises `IndexError` where there is none."""
        return Packet._make(self._packets[-1])

    def mark(self) -> int:
        """How many packets there are now, for `since`."""
        return len(self._packets)

    def since(self, mark: int) -> Recording:
        """The part after an earlier `mark()`."""
        return Recording(map(Packet._make, self._packets[mark:]), self.types)

    def between(self, start_ns: int | None = None, end_ns: int | None = None) -> Recording:
        """The part from `start_ns` (monotonic) up to, and without, `end_ns`. None leaves that side open."""
        chosen = [
            packet
            for packet in self.packets
            if (start_ns is None or packet.at_ns >= start_ns) and (end_ns is None or packet.at_ns < end_ns)
        ]
        return Recording(chosen, self.types)

    def payloads(self, payload_type: int | str | None = None) -> list[bytes]:
        """The payload bytes in order of arrival: of one payload type, of one encoding by name, or of all."""
        return [packet.payload for packet in self.packets if self._is(packet, payload_type)]

    def audio(self) -> g711.Audio:
        """The decoded audio, int16 mono at 8,000 Hz, each packet at its RTP timestamp and gaps as zeros.

        It begins with the earliest packet. Of duplicates the first counts. A new SSRC, or a jump of more than
        a minute, is placed by its arrival time after what came before.
        """
        placed = self._placed()
        if not placed:
            return np.zeros(0, dtype=np.int16)
        first = min(at for at, _ in placed)
        length = max(at + len(samples) for at, samples in placed) - first
        audio = np.zeros(length, dtype=np.int16)
        for at, samples in reversed(placed):
            audio[at - first : at - first + len(samples)] = samples
        return audio

    def _placed(self) -> list[tuple[int, g711.Audio]]:
        """Each audio packet's position in samples, and its samples."""
        placed: list[tuple[int, g711.Audio]] = []
        base = previous = None
        offset = 0
        for packet in self.packets:
            codec = self.types.get(packet.payload_type, "").upper()
            if codec not in g711.DECODE:
                continue
            if base is None or previous is None:
                base = packet
            elif (
                packet.ssrc != base.ssrc
                or abs(ahead_32(packet.rtp_ts, previous.rtp_ts)) > LONGEST_GAP_SAMPLES
            ):
                waited = (packet.at_ns - previous.at_ns) * RATE_HZ // 1_000_000_000
                offset += ahead_32(previous.rtp_ts, base.rtp_ts) + int(waited)
                base = packet
            previous = packet
            placed.append((offset + ahead_32(packet.rtp_ts, base.rtp_ts), g711.decode(packet.payload, codec)))
        return placed

    def save_wav(self, path: str | Path) -> Path:
        """Write `audio()` as a 16-bit mono WAV file and return its path."""
        path = Path(path)
        speech.write_wav(path, self.audio())
        return path

    def digits(self) -> str:
        """The keys heard as telephone-events (RFC 4733), in order; an event is known by its SSRC and
        timestamp.
        """
        keys = ""
        seen: set[tuple[int, int]] = set()
        for packet in self.packets:
            if not self._is(packet, "telephone-event"):
                continue
            event = unpack_event(packet.payload)
            if event is not None and (packet.ssrc, packet.rtp_ts) not in seen:
                seen.add((packet.ssrc, packet.rtp_ts))
                keys += event.key
        return keys

    @property
    def lost(self) -> int:
        """Packets that should have come between the first and the last sequence number of each SSRC, and did
        not.
        """
        missing = 0
        for numbers in self._extended().values():
            missing += max(numbers) - min(numbers) + 1 - len(set(numbers))
        return missing

    @property
    def out_of_order(self) -> int:
        """Packets that came after one with a higher sequence number."""
        late = 0
        for numbers in self._extended().values():
            highest = numbers[0]
            for number in numbers:
                late += number < highest
                highest = max(highest, number)
        return late

    def level_db(self) -> float:
        """Root mean square of the audio in dBFS, 0 dB being a square wave of 32,768; -inf where there is
        none.
        """
        return level_db(self.audio())

    @property
    def ssrcs(self) -> list[int]:
        """Every SSRC, in order of first appearance."""
        return list(dict.fromkeys(packet.ssrc for packet in self.packets))

    def _is(self, packet: Packet, wanted: int | str | None) -> bool:
        if wanted is None:
            return True
        if isinstance(wanted, int):
            return packet.payload_type == wanted
        return self.types.get(packet.payload_type, "").lower() == wanted.lower()

    def _extended(self) -> dict[int, list[int]]:
        """By SSRC, the sequence numbers with wraps undone (RFC 3550 appendix A.1)."""
        extended: dict[int, list[int]] = {}
        for packet in self.packets:
            numbers = extended.setdefault(packet.ssrc, [])
            numbers.append(
                numbers[-1] + ahead_16(packet.seq, numbers[-1] & 0xFFFF) if numbers else packet.seq
            )
        return extended
