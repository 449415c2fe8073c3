"""Reading RTCP: what the book says, and whatever else a network may bring (RFC 3550 §6, §A.2)."""

from __future__ import annotations

import ctypes
import mmap
import struct
from pathlib import Path

import pytest
import rtcptext as book
from hypothesis import example, given, settings
from hypothesis import strategies as st
from native.rtcp import is_rtcp_packet, ntp, parse_compound, round_trip_units

OURS = 0x0C0FFEE0
FAR = 0xFA12FA12
NTP_1970 = 2_208_988_800
PROT_NONE = 0
DATA = Path(__file__).parents[1] / "data"


# ── what is said ────────────────────────────────────────────────────────────────────────────────────────────


def test_sender_report_about_us() -> None:
    compound = book.sr(
        FAR,
        book.block(77, fraction=1, lost=9),
        book.block(OURS, fraction=64, lost=1000, extended=0x0003FFFE, jitter=160, lsr=0x11112222, dlsr=65536),
        ntp=0xE1A2B3C4_D5E6F708,
        timestamp=0xFFFFFF00,
        packets=50,
        octets=8000,
    ) + book.sdes(FAR, b"advisor@home")
    assert parse_compound(compound, OURS) == {
        "ssrc": FAR,
        "sender": {"ntp": 0xE1A2B3C4_D5E6F708, "timestamp": 0xFFFFFF00, "packets": 50, "octets": 8000},
        "block": {
            "fraction_lost": 64,
            "lost": 1000,
            "extended": 0x0003FFFE,
            "jitter": 160,
            "lsr": 0x11112222,
            "dlsr": 65536,
        },
        "voip": None,
        "goodbye": False,
        "packets": 2,
        "skipped": 0,
        "reduced": False,
    }


def test_cumulative_loss_is_signed() -> None:
    for lost in (-1, -5, -0x800000, 0x7FFFFF):
        assert parse_compound(book.rr(FAR, book.block(OURS, lost=lost)), OURS)["block"]["lost"] == lost


def test_blocks_about_others_are_not_ours() -> None:
    facts = parse_compound(book.rr(FAR, book.block(1), book.block(2)), OURS)
    assert facts["block"] is None
    assert facts["sender"] is None


def test_blocks_spread_over_two_reports() -> None:
    """More than 31 blocks are continued in another RR (§6.1)."""
    full = book.rr(FAR, *(book.block(number) for number in range(1, 32)))
    facts = parse_compound(full + book.rr(FAR, book.block(OURS, fraction=9)), OURS)
    assert facts["block"]["fraction_lost"] == 9


def test_goodbye_of_the_sender_only() -> None:
    assert parse_compound(book.rr(FAR) + book.bye(FAR, reason=b"on hook"), OURS)["goodbye"]
    assert parse_compound(book.rr(FAR) + book.bye(1, 2, FAR), OURS)["goodbye"]
    assert not parse_compound(book.rr(FAR) + book.bye(1), OURS)["goodbye"]
    assert not parse_compound(book.rr(FAR) + book.bye(), OURS)["goodbye"]


def test_voip_metrics() -> None:
    metrics = book.voip(
        FAR,
        OURS,
        loss=3,
        discard=5,
        round_trip_ms=120,
        end_delay_ms=70,
        r_factor=88,
        mos_lq=42,
        mos_cq=41,
        buffer_ms=60,
    )
    assert parse_compound(book.rr(FAR) + metrics, OURS)["voip"] == {
        "loss": 3,
        "discard": 5,
        "r_factor": 88,
        "mos_lq": 42,
        "mos_cq": 41,
        "round_trip_ms": 120,
        "end_delay_ms": 70,
        "buffer_ms": 60,
    }
    assert parse_compound(book.rr(FAR) + metrics, OURS + 1)["voip"] is None


@pytest.mark.parametrize("words", [1, 7, 9])
def test_voip_metrics_of_another_size_are_not_read(words: int) -> None:
    body = struct.pack("!IBBHI", FAR, 7, 0, words, OURS) + bytes(4 * (words - 1))
    facts = parse_compound(book.rr(FAR) + book.packet(book.XR, 0, body), OURS)
    assert facts is not None
    assert facts["voip"] is None


SEEN = [
    line.split() for line in (DATA / "rtcp_seen.txt").read_text().splitlines() if not line.startswith("#")
]


@pytest.mark.parametrize(("who", "what", "text"), SEEN, ids=[f"{who}-{what}" for who, what, _ in SEEN])
def test_what_other_programs_send(who: str, what: str, text: str) -> None:
    data = bytes.fromhex(text)
    ours = 0xF58701B1
    facts = parse_compound(data, ours)
    assert facts is not None
    assert facts == book.read(data, ours)
    assert facts["reduced"] == (what in ("app-first", "bye-before-sdes"))
    assert facts["goodbye"] == (what == "bye-before-sdes")
    assert (facts["block"] is not None) == (what == "echoes-lsr")


def test_other_packets_are_skipped() -> None:
    compound = book.rr(FAR) + book.app(FAR) + book.packet(205, 1, bytes(8)) + book.packet(222, 0, b"")
    assert parse_compound(compound, OURS)["skipped"] == 3


def test_reduced_size_is_taken() -> None:
    assert parse_compound(book.packet(206, 1, struct.pack("!II", FAR, OURS)), OURS)["reduced"]
    assert parse_compound(book.packet(203, 0, b""), OURS)["ssrc"] == 0


def test_padding_of_the_last_packet() -> None:
    no_block = bytes([0xA1, 201, 0, 7]) + FAR.to_bytes(4, "big") + bytes(23) + bytes([24])
    assert parse_compound(no_block) is None, "what it says to be a report is its padding"
    assert parse_compound(book.rr(FAR) + book.rr(FAR, book.block(OURS), padding=8), OURS)["block"] is not None
    assert parse_compound(book.rr(FAR, padding=4) + book.rr(FAR), OURS) is None


@pytest.mark.parametrize(
    "compound",
    [
        b"",
        b"\x80",
        b"\x80\xc9\x00",
        book.rr(FAR)[:-1],
        book.rr(FAR) + b"\0",
        book.rr(FAR) + b"\x80\xc9\xff\xff",
        b"\x40" + book.rr(FAR)[1:],
        b"\x80\x00" + book.rr(FAR)[2:],
        b"\x80\xe0" + book.rr(FAR)[2:],
        book.packet(book.RR, 31, struct.pack("!I", FAR)),
        book.packet(book.SR, 0, struct.pack("!I", FAR)),
        book.packet(book.SR, 1, bytes(24)),
        book.packet(book.SR, 1, bytes(24 + 20)),
        book.packet(book.RR, 1, bytes(4 + 20)),
        book.packet(book.RR, 31, bytes(4 + 24 * 30 + 20)),
        book.packet(book.BYE, 1, b""),
        book.packet(book.APP, 0, bytes(4)),
        book.packet(book.XR, 0, b""),
        book.packet(book.XR, 0, bytes(4) + b"\x07\x00\x00\x08"),
        book.packet(book.XR, 0, bytes(4) + b"\x07\x00\x00\x01"),
        b"\xa0\xc9\x00\x01" + struct.pack("!I", 0),
        b"\xa0\xc9\x00\x01" + struct.pack("!I", 5),
        b"\xa0\xc9\x00\x01" + struct.pack("!I", 8),
        b"\xa0\xca\x00\x01" + struct.pack("!I", 8),
        b"\xa0\xc9\x00\x00",
    ],
    ids=lambda data: data[:12].hex() or "empty",
)
def test_malformed_is_refused_whole(compound: bytes) -> None:
    assert parse_compound(compound, OURS) is None
    if compound:
        assert parse_compound(book.rr(FAR, book.block(OURS)) + compound, OURS) is None


# ── RTP or RTCP ─────────────────────────────────────────────────────────────────────────────────────────────


def test_every_second_byte_on_a_shared_port() -> None:
    for second in range(256):
        assert is_rtcp_packet(bytes([0x80, second, 0, 1]) + bytes(8)) == (192 <= second <= 223)


def test_rtp_payload_types_in_use_are_rtp() -> None:
    for payload_type in [0, 8, 9, 13, *range(96, 128)]:
        for marker in (0, 128):
            assert not is_rtcp_packet(bytes([0x80, marker | payload_type]) + bytes(10))


def test_short_or_foreign_is_not_rtcp() -> None:
    assert not is_rtcp_packet(b"\x80\xc8\x00")
    assert not is_rtcp_packet(b"\x00\xc8\x00\x01")
    assert is_rtcp_packet(book.rr(FAR))  # 8 bytes, shorter than any RTP packet


# ── times ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_ntp_time() -> None:
    assert ntp(0) == NTP_1970 << 32
    assert ntp(500_000_000) == NTP_1970 << 32 | 1 << 31
    assert ntp(999_999_999) & 0xFFFFFFFF == (999_999_999 << 32) // 10**9
    assert ntp((2**32 - NTP_1970) * 10**9) == 0  # 7 February 2036, 06:28:16 UTC


def test_round_trip_of_the_book() -> None:
    """The example of RFC 3550 §6.4.1, figure 2: 46864.500 − 5.250 − 46853.125 = 6.125 s."""
    assert round_trip_units(0xB7108000, 0xB7052000, 0x00054000) == 0x00062000


def test_round_trip_over_the_wrap() -> None:
    assert round_trip_units(0x00000400, 0xFFFF_F000, 0x1000) == 0x400
    assert round_trip_units(0x10, 0xFFFF_FFF0, 0x10) == 0x10
    assert round_trip_units(100, 50, 60) == -10


# ── anything ────────────────────────────────────────────────────────────────────────────────────────────────


class Cliff:
    """Memory that ends where the packet ends: a byte read beyond it is a segmentation fault."""

    def __init__(self) -> None:
        page = mmap.PAGESIZE
        self.map = mmap.mmap(-1, 2 * page)
        self.view = memoryview(self.map)
        self.end = page
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.mprotect(ctypes.c_void_p(address + page), ctypes.c_size_t(page), PROT_NONE) == 0

    def edge(self, data: bytes) -> memoryview:
        start = self.end - len(data)
        self.view[start : self.end] = data
        return self.view[start : self.end]


@pytest.fixture(scope="module")
def cliff() -> Cliff:
    return Cliff()


SSRCS = st.sampled_from([OURS, FAR, 0, 1, 0xFFFFFFFF])
WORD = st.integers(0, 2**32 - 1)
BLOCKS = st.builds(
    book.block, SSRCS, st.integers(0, 255), st.integers(-(2**23), 2**23 - 1), WORD, WORD, WORD, WORD
)
SEVERAL = st.lists(BLOCKS, max_size=31)
PADDING = st.sampled_from([0, 0, 0, 4, 8, 252])
PIECES = st.one_of(
    st.builds(
        lambda ssrc, blocks, ntp, timestamp, padding: book.sr(
            ssrc, *blocks, ntp=ntp, timestamp=timestamp, padding=padding
        ),
        SSRCS,
        SEVERAL,
        st.integers(0, 2**64 - 1),
        WORD,
        PADDING,
    ),
    st.builds(lambda ssrc, blocks, padding: book.rr(ssrc, *blocks, padding=padding), SSRCS, SEVERAL, PADDING),
    st.builds(book.sdes, SSRCS, st.binary(max_size=40)),
    st.builds(lambda ssrcs: book.bye(*ssrcs), st.lists(SSRCS, max_size=31)),
    st.builds(book.app, SSRCS),
    st.builds(
        lambda ssrc, about, loss, delay: book.voip(ssrc, about, loss=loss, end_delay_ms=delay),
        SSRCS,
        SSRCS,
        st.integers(0, 255),
        st.integers(0, 65535),
    ),
    st.builds(
        lambda blocks: book.packet(
            book.XR,
            0,
            b"".join(
                [
                    bytes(4),
                    *(
                        struct.pack("!BBH", kind, 0, words) + OURS.to_bytes(4) * words
                        for kind, words in blocks
                    ),
                ]
            ),
        ),
        st.lists(st.tuples(st.integers(1, 8), st.integers(0, 9)), max_size=4),
    ),
    st.builds(
        lambda kind, count, words: book.packet(kind, count, bytes(4 * words)),
        st.integers(192, 223),
        st.integers(0, 31),
        st.integers(0, 40),
    ),
)
COMPOUNDS = st.lists(PIECES, min_size=1, max_size=6).map(b"".join)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A compound cut short, with bytes changed, or with another put into its middle."""
    data = bytearray(draw(COMPOUNDS))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data) - 1))
        data[at] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(data)))
        data[at:at] = draw(COMPOUNDS)
    return bytes(data[: draw(st.integers(0, len(data)))])


@given(st.one_of(COMPOUNDS, damaged(), st.binary(max_size=1500)))
@example(b"\x80\xc8\xff\xff" + bytes(1400))
@example(b"\x80\xcf\x00\x02" + bytes(4) + b"\x07\x00\xff\xff")
@settings(max_examples=300, deadline=None)
def test_agrees_with_the_book(cliff: Cliff, data: bytes) -> None:
    assert parse_compound(cliff.edge(data), OURS) == book.read(data, OURS)


@given(COMPOUNDS)
@settings(max_examples=60, deadline=None)
def test_truncated_anywhere(cliff: Cliff, data: bytes) -> None:
    for size in range(0, len(data), 1 + len(data) // 64):
        assert parse_compound(cliff.edge(data[:size]), OURS) == book.read(data[:size], OURS)
