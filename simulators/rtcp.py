"""Sender and receiver reports of one stream (RFC 3550 §6.4): as little as a plain phone sends. No I/O."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass

from .rtp import Packet, ahead_16, ahead_32

RATE_HZ = 8_000
NTP_EPOCH_S = 2_208_988_800
"Seconds from 1900 to 1970."


@dataclass(frozen=True)
class Report:
    """What one end says of the stream that it receives (§6.4.1)."""

    ssrc: int
    fraction_lost: int
    "Of 256, since the last report."
    lost: int
    highest_seq: int
    "Extended by the count of wraps in the upper 16 bits."
    jitter: int
    "[RTP time units]"
    last_sr: int = 0
    "Middle 32 bits of the NTP time in the last sender report heard; 0: none."
    delay: int = 0
    "Since then [2^-16 s]."


class Reception:
    """Counts the latest stream as its packets come, for its report (RFC 3550 appendices A.1, A.3, A.8)."""

    def __init__(self) -> None:
        self._ssrc: int | None = None
        self._last_sr, self._last_sr_ns = 0, 0

    def note_report(self, data: bytes, at_ns: int) -> None:
        """A sender report came, to be echoed in ours so that the other end can time the way (§6.4.1)."""
        if len(data) >= 28 and data[1] == 200:
            self._last_sr, self._last_sr_ns = int.from_bytes(data[10:14], "big"), at_ns

    def note(self, packet: Packet) -> None:
        transit = packet.at_ns * RATE_HZ // 1_000_000_000 - packet.rtp_ts
        if packet.ssrc != self._ssrc:
            self._ssrc = packet.ssrc
            self._first = self._highest = packet.seq
            self._count, self._jitter, self._transit = 1, 0.0, transit
            self._expected_before = self._count_before = 0
            return
        self._count += 1
        self._highest += max(0, ahead_16(packet.seq, self._highest & 0xFFFF))
        late = abs(ahead_32(transit & 0xFFFFFFFF, self._transit & 0xFFFFFFFF))
        self._jitter += (late - self._jitter) / 16
        self._transit = transit

    def report(self) -> Report | None:
        """The report, and the beginning of the next interval; None before the first packet."""
        if self._ssrc is None:
            return None
        expected = self._highest - self._first + 1
        lost = max(0, expected - self._count)
        expected_since = expected - self._expected_before
        lost_since = max(0, expected_since - (self._count - self._count_before))
        self._expected_before, self._count_before = expected, self._count
        fraction = min(255, 256 * lost_since // expected_since) if expected_since > 0 else 0
        since_ns = time.monotonic_ns() - self._last_sr_ns if self._last_sr else 0
        delay = since_ns * 65_536 // 1_000_000_000
        return Report(self._ssrc, fraction, lost, self._highest, int(self._jitter), self._last_sr, delay)


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram on an RTP port is RTCP (RFC 5761 §4)."""
    return len(data) >= 8 and data[0] >> 6 == 2 and 192 <= data[1] <= 223


def sender_report(
    ssrc: int, wall_s: float, rtp_ts: int, packets: int, payload_bytes: int, heard: Report | None, cname: str
) -> bytes:
    """A compound packet: sender report with at most one block, and the canonical name (§6.1)."""
    seconds = int(wall_s)
    fraction = int((wall_s - seconds) * 2**32)
    block = b"" if heard is None else _block(heard)
    body = struct.pack(
        "!IIIIII",
        ssrc,
        (seconds + NTP_EPOCH_S) & 0xFFFFFFFF,
        fraction,
        rtp_ts & 0xFFFFFFFF,
        packets & 0xFFFFFFFF,
        payload_bytes & 0xFFFFFFFF,
    )
    return _packet(200, 1 if block else 0, body + block) + _names(ssrc, cname)


def read_reports(data: bytes) -> list[Report]:
    """Every report block of a compound packet; what is malformed ends the reading."""
    reports: list[Report] = []
    while len(data) >= 8 and data[0] >> 6 == 2:
        count, kind = data[0] & 0x1F, data[1]
        length = 4 * (int.from_bytes(data[2:4], "big") + 1)
        start = {200: 28, 201: 8}.get(kind)
        if start is not None and len(data) >= length >= start + 24 * count:
            reports += [_read_block(data[start + 24 * n : start + 24 * (n + 1)]) for n in range(count)]
        data = data[length:]
    return reports


def _block(heard: Report) -> bytes:
    lost = (heard.fraction_lost << 24) | (heard.lost & 0xFFFFFF)
    return struct.pack(
        "!IIIIII", heard.ssrc, lost, heard.highest_seq & 0xFFFFFFFF, heard.jitter, heard.last_sr, heard.delay
    )


def _read_block(data: bytes) -> Report:
    ssrc, lost, highest, jitter, last_sr, delay = struct.unpack("!IIIIII", data)
    return Report(ssrc, lost >> 24, lost & 0xFFFFFF, highest, jitter, last_sr, delay)


def _names(ssrc: int, cname: str) -> bytes:
    item = struct.pack("!IBB", ssrc, 1, len(cname)) + cname.encode()
    return _packet(202, 1, item + bytes(4 - len(item) % 4))


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body
