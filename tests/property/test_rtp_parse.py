"""The engine's RTP parser beside another one, written from RFC 3550 §5.1 in the plainest Python, over
anything that a socket can bring.
"""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from native.rtp import parse_packet


def parse(data: bytes) -> dict[str, Any] | str:
    """By the book, on slices and with exceptions for what is missing."""
    try:
        first, second, sequence, timestamp, ssrc = struct.unpack("!BBHII", data[:12])
    except struct.error:
        return "malformed"
    if first >> 6 != 2:
        return "malformed"
    if 192 <= second <= 223:  # RFC 5761 §4: RTCP packet types 192 … 223 stand where RTP has marker and type
        return "rtcp"
    rest = data[12:]
    csrcs = 4 * (first & 0x0F)
    if len(rest) < csrcs:
        return "malformed"
    rest = rest[csrcs:]
    if first & 0x10:
        if len(rest) < 4:
            return "malformed"
        words = int.from_bytes(rest[2:4], "big")
        if len(rest) < 4 + 4 * words:
            return "malformed"
        rest = rest[4 + 4 * words :]
    if first & 0x20:
        if not rest or rest[-1] == 0 or rest[-1] > len(rest):
            return "malformed"
        rest = rest[: -rest[-1]]
    return {
        "payload_type": second & 0x7F,
        "marker": second >= 0x80,
        "sequence": sequence,
        "timestamp": timestamp,
        "ssrc": ssrc,
        "payload": rest,
    }


HEADERS = st.tuples(
    st.integers(0x80, 0xBF),
    st.integers(0, 255),
    st.integers(0, 0xFFFF),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
).map(lambda fields: struct.pack("!BBHII", *fields))
BODIES = st.one_of(
    st.binary(max_size=80),
    st.builds(
        lambda words, rest: b"\xbe\xde" + struct.pack("!H", words) + rest,
        st.integers(0, 6),
        st.binary(max_size=40),
    ),
    st.builds(lambda body, padding: body + bytes([padding]), st.binary(max_size=40), st.integers(0, 45)),
)
PACKETS = st.one_of(st.binary(max_size=64), st.builds(bytes.__add__, HEADERS, BODIES))


@given(PACKETS)
@example(b"")
@example(b"\xa0" + b"\0" * 11)
@example(b"\x80\x08" + b"\0" * 10)
@example(b"\x9f\x08" + b"\0" * 10 + b"\0" * 60 + b"\0\0\0\0")
@example(b"\xb0\x08" + b"\0" * 10 + b"\0\0\0\0\x01")
def test_both_parsers_agree(packet: bytes) -> None:
    assert parse_packet(packet) == parse(packet)


@given(HEADERS.filter(lambda h: not h[0] & 0x3F and not 192 <= h[1] <= 223), st.binary(max_size=200))
def test_a_plain_packets_facts_are_found(header: bytes, payload: bytes) -> None:
    found = parse_packet(header + payload)
    assert isinstance(found, dict)
    assert found["payload"] == payload
    again = struct.pack(
        "!BBHII",
        0x80,
        found["marker"] << 7 | found["payload_type"],
        found["sequence"],
        found["timestamp"],
        found["ssrc"],
    )
    assert again == header
