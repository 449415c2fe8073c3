"""The web plane's own RTP packets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.feeds.rtp import Packet, pack, parse

PACKET = Packet(8, True, 65_535, 2**32 - 1, 0xDEADBEEF, b"abc")


def test_there_and_back() -> None:
    assert parse(pack(PACKET)) == PACKET


def test_known_bytes() -> None:
    assert pack(PACKET) == bytes.fromhex("8088ffffffffffffdeadbeef") + b"abc"


def test_contributors_extension_and_padding_are_passed_over() -> None:
    head = bytes.fromhex("b2080001000000020000000a") + b"\0" * 8
    extension = b"\xbe\xde\0\1" + b"\0" * 4
    found = parse(head + extension + b"abc" + b"\0\0\3")
    assert found is not None and found.payload == b"abc"


def test_what_is_no_packet_is_none() -> None:
    for datagram in (b"", b"\x80" * 11, b"\x40" + b"\0" * 20, bytes.fromhex("8f080001000000020000000a")):
        assert parse(datagram) is None


@given(st.binary(max_size=64))
def test_nothing_makes_it_fail(datagram: bytes) -> None:
    parse(b"\x80" + datagram)
    parse(datagram)
