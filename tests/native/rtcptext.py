"""RTCP by the book, in plain Python: packets made and read without the engine (RFC 3550 §6, RFC 3611)."""

from __future__ import annotations

import struct
from typing import Any, Protocol

SR, RR, SDES, BYE, APP, XR = 200, 201, 202, 203, 204, 207
FAR = 0xFA12FA12
"""The far side's ssrc where a test does not say another."""
MS = 1_000_000


class Listener(Protocol):
    def receive(self, sequence: int, timestamp: int, at_ns: int, ssrc: int) -> None: ...


def packet(kind: int, count: int, body: bytes, *, padding: int = 0) -> bytes:
    """body: a multiple of 4 bytes. padding: bytes of it, a multiple of 4."""
    if padding:
        body += bytes(padding - 1) + bytes([padding])
    return struct.pack("!BBH", 0x80 | (0x20 if padding else 0) | count, kind, len(body) // 4) + body


def block(
    ssrc: int,
    fraction: int = 0,
    lost: int = 0,
    extended: int = 0,
    jitter: int = 0,
    lsr: int = 0,
    dlsr: int = 0,
) -> bytes:
    return struct.pack("!IIIIII", ssrc, fraction << 24 | lost & 0xFFFFFF, extended, jitter, lsr, dlsr)


def sr(
    ssrc: int,
    *blocks: bytes,
    ntp: int = 0,
    timestamp: int = 0,
    packets: int = 0,
    octets: int = 0,
    padding: int = 0,
) -> bytes:
    head = struct.pack("!IQIII", ssrc, ntp, timestamp, packets, octets)
    return packet(SR, len(blocks), head + b"".join(blocks), padding=padding)


def rr(ssrc: int, *blocks: bytes, padding: int = 0) -> bytes:
    return packet(RR, len(blocks), struct.pack("!I", ssrc) + b"".join(blocks), padding=padding)


def sdes(ssrc: int, cname: bytes) -> bytes:
    chunk = struct.pack("!IBB", ssrc, 1, len(cname)) + cname + b"\0"
    return packet(SDES, 1, chunk + bytes(-len(chunk) % 4))


def bye(*ssrcs: int, reason: bytes = b"") -> bytes:
    text = bytes([len(reason)]) + reason if reason else b""
    return packet(BYE, len(ssrcs), struct.pack(f"!{len(ssrcs)}I", *ssrcs) + text + bytes(-len(text) % 4))


def app(ssrc: int, name: bytes = b"test", data: bytes = b"") -> bytes:
    return packet(APP, 0, struct.pack("!I4s", ssrc, name) + data)


VOIP = "!BBHIBBBBHHHHbbBBBBBBBBHHH"


def voip(ssrc: int, about: int, **figures: int) -> bytes:
    names = [
        "loss",
        "discard",
        "burst_density",
        "gap_density",
        "burst_duration",
        "gap_duration",
        "round_trip_ms",
        "end_delay_ms",
        "signal",
        "noise",
        "rerl",
        "gmin",
        "r_factor",
        "external_r",
        "mos_lq",
        "mos_cq",
        "config",
        "reserved",
        "buffer_ms",
        "buffer_most",
        "buffer_absolute",
    ]
    values = [figures.get(name, 0) for name in names]
    return packet(XR, 0, struct.pack("!I", ssrc) + struct.pack(VOIP, 7, 0, 8, about, *values))


def read_block(data: bytes) -> tuple[int, dict[str, int]]:
    ssrc, loss, extended, jitter, lsr, dlsr = struct.unpack("!IIIIII", data)
    lost = loss & 0xFFFFFF
    return ssrc, {
        "fraction_lost": loss >> 24,
        "lost": lost - (1 << 24) if lost >> 23 else lost,
        "extended": extended,
        "jitter": jitter,
        "lsr": lsr,
        "dlsr": dlsr,
    }


def split(data: bytes) -> list[tuple[int, int, bytes]] | None:
    """(type, count, body less padding) of each packet; None where the compound is not valid (§A.2)."""
    pieces = []
    while data:
        if len(data) < 4:
            return None
        first, kind, words = struct.unpack("!BBH", data[:4])
        size = 4 + 4 * words
        if first >> 6 != 2 or not 192 <= kind <= 223 or size > len(data):
            return None
        body, data = data[4:size], data[size:]
        if first & 0x20:
            if data or not body or body[-1] == 0 or body[-1] % 4 or body[-1] > len(body):
                return None
            body = body[: -body[-1]]
        pieces.append((kind, first & 31, body))
    return pieces or None


def read_extended(body: bytes) -> list[tuple[int, bytes]] | None:
    """(block type, contents) of an XR's blocks; None where they do not fill it."""
    blocks, rest = [], body[4:]
    while rest:
        if len(rest) < 4:
            return None
        size = 4 + 4 * struct.unpack("!H", rest[2:4])[0]
        if size > len(rest):
            return None
        blocks.append((rest[0], rest[4:size]))
        rest = rest[size:]
    return blocks


def long_enough(kind: int, count: int, body: bytes) -> bool:
    least = {SR: 24 + 24 * count, RR: 4 + 24 * count, BYE: 4 * count, APP: 8, XR: 4}.get(kind, 0)
    return len(body) >= least and (kind != XR or read_extended(body) is not None)


def read(data: bytes, ours: int = 0) -> dict[str, Any] | None:
    """What `native.rtcp.parse_compound` should say."""
    pieces = split(data)
    if pieces is None or not all(long_enough(*piece) for piece in pieces):
        return None
    body = pieces[0][2]
    ssrc = struct.unpack("!I", body[:4])[0] if len(body) >= 4 else 0
    facts: dict[str, Any] = {
        "ssrc": ssrc,
        "sender": None,
        "block": None,
        "voip": None,
        "goodbye": False,
        "packets": len(pieces),
        "skipped": 0,
        "reduced": pieces[0][0] not in (SR, RR),
    }
    for kind, count, body in pieces:
        if kind in (SR, RR):
            if kind == SR and struct.unpack("!I", body[:4])[0] == ssrc:
                facts["sender"] = dict(
                    zip(
                        ("ntp", "timestamp", "packets", "octets"),
                        struct.unpack("!QIII", body[4:24]),
                        strict=True,
                    )
                )
            start = 24 if kind == SR else 4
            for number in range(count):
                about, figures = read_block(body[start + 24 * number : start + 24 * (number + 1)])
                if about == ours:
                    facts["block"] = figures
        elif kind == BYE:
            facts["goodbye"] |= ssrc in struct.unpack(f"!{count}I", body[: 4 * count])
        elif kind == XR:
            for block_type, contents in read_extended(body) or []:
                if block_type == 7 and len(contents) == 32 and struct.unpack("!I", contents[:4])[0] == ours:
                    loss, discard, *_ = contents[4:]
                    round_trip_ms, end_delay_ms = struct.unpack("!HH", contents[12:16])
                    facts["voip"] = {
                        "loss": loss,
                        "discard": discard,
                        "r_factor": contents[20],
                        "mos_lq": contents[22],
                        "mos_cq": contents[23],
                        "round_trip_ms": round_trip_ms,
                        "end_delay_ms": end_delay_ms,
                        "buffer_ms": struct.unpack("!H", contents[26:28])[0],
                    }
        elif kind != SDES:
            facts["skipped"] += 1
    return facts


def cnames(data: bytes) -> dict[int, bytes]:
    """CNAME by ssrc of a compound's SDES packets, each of one chunk."""
    found = {}
    for kind, _, body in split(data) or []:
        if kind == SDES:
            ssrc, item, size = struct.unpack("!IBB", body[:6])
            assert item == 1
            assert body[6 + size] == 0
            found[ssrc] = body[6 : 6 + size]
    return found


def about(compound: bytes, ssrc: int = FAR) -> dict[str, int]:
    """The block about a stream; it must be there."""
    facts = read(compound, ssrc)
    assert facts is not None
    block: dict[str, int] = facts["block"]
    assert block is not None
    return block


def stream(
    leg: Listener,
    sequences: list[int],
    *,
    start_ns: int = 0,
    ssrc: int = FAR,
    jitter_ns: int = 0,
    first: int | None = None,
) -> None:
    """Packets of 20 ms with these sequence numbers, arriving on time, every second one late by jitter_ns."""
    base = sequences[0] if first is None else first
    for number, sequence in enumerate(sequences):
        at_ns = start_ns + (sequence - base) * 20 * MS + (number % 2) * jitter_ns
        leg.receive(sequence & 0xFFFF, 160 * sequence & 0xFFFFFFFF, at_ns, ssrc)
