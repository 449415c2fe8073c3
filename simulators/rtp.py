"""RTP packets (RFC 3550 §5.1), telephone-event payloads (RFC 4733 §2.3), and arithmetic that wraps. No
I/O.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_HEADER = struct.Struct("!BBHII")
_EVENT = struct.Struct("!BBH")

KEYS = "0123456789*#ABCD"
"Keys by event number (RFC 4733 §3.2)."


class Packet(NamedTuple):
    """One RTP packet with when and whence it came, or when and whither it went."""

    at_ns: int
    "Monotonic time [ns]: of its arrival in the kernel, or just before it was handed to the kernel."
    seq: int
    rtp_ts: int
    ssrc: int
    payload_type: int
    marker: bool
    payload: bytes
    address: tuple[str, int]
    "The other end's address: source of a received packet, destination of a sent one."


class Event(NamedTuple):
    """The payload of a telephone-event packet."""

    key: str
    end: bool
    volume: int
    "Power level below full scale [dB]."
    duration: int
    "Since the event began [RTP time units]."


def pack(payload_type: int, marker: bool, seq: int, rtp_ts: int, ssrc: int, payload: bytes) -> bytes:
    return _HEADER.pack(0x80, (marker << 7) | payload_type, seq & 0xFFFF, rtp_ts & 0xFFFFFFFF, ssrc) + payload


def unpack(data: bytes, at_ns: int, address: tuple[str, int]) -> Packet | None:
    """Read a packet; None for anything that is not RTP version 2, is too short, or whose padding makes no
    sense.
    """
    if len(data) < 12 or data[0] >> 6 != 2:
        return None
    flags, second, seq, rtp_ts, ssrc = _HEADER.unpack_from(data)
    start = 12 + 4 * (flags & 0x0F)
    if flags & 0x10:
        if len(data) < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = len(data) - (data[-1] if flags & 0x20 else 0)
    if start > end:
        return None
    return Packet(at_ns, seq, rtp_ts, ssrc, second & 0x7F, bool(second & 0x80), data[start:end], address)


def pack_event(key: str, end: bool, duration: int, volume: int = 10) -> bytes:
    return _EVENT.pack(KEYS.index(key.upper()), (end << 7) | volume, min(duration, 0xFFFF))


def unpack_event(payload: bytes) -> Event | None:
    """Read a telephone-event payload; None when it is too short or no key."""
    if len(payload) < 4:
        return None
    number, flags, duration = _EVENT.unpack_from(payload)
    if number >= len(KEYS):
        return None
    return Event(KEYS[number], bool(flags & 0x80), flags & 0x3F, duration)


def ahead_16(later: int, earlier: int) -> int:
    """How far one sequence number is ahead of another, -32,768 … 32,767."""
    return ((later - earlier + 0x8000) & 0xFFFF) - 0x8000


def ahead_32(later: int, earlier: int) -> int:
    """How far one RTP timestamp is ahead of another, wrap seen to."""
    return ((later - earlier + 0x80000000) & 0xFFFFFFFF) - 0x80000000
