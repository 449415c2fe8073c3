"""RTP packets as bytes (RFC 3550 §5.1), for the few that the web plane sends and takes itself. The media
engine has its own.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_HEADER = struct.Struct("!BBHII")
HEADER_BYTES = _HEADER.size
VERSION = 2


@dataclass(frozen=True, slots=True)
class Packet:
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def pack(packet: Packet) -> bytes:
    """The datagram; sequence and timestamp wrap."""
    second = packet.payload_type | (0x80 if packet.marker else 0)
    sequence, timestamp = packet.sequence & 0xFFFF, packet.timestamp & 0xFFFFFFFF
    return _HEADER.pack(VERSION << 6, second, sequence, timestamp, packet.ssrc) + packet.payload


def parse(datagram: bytes) -> Packet | None:
    """None for anything that is not RTP."""
    if len(datagram) < HEADER_BYTES or datagram[0] >> 6 != VERSION:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
    begin, end = HEADER_BYTES + 4 * (first & 0x0F), len(datagram)
    if first & 0x10:
        if end < begin + 4:
            return None
        begin += 4 + 4 * int.from_bytes(datagram[begin + 2 : begin + 4], "big")
    if first & 0x20:
        end -= datagram[-1]
    if begin > end:
        return None
    return Packet(second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, datagram[begin:end])
