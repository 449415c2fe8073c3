"""RTCP passed on from one far side to the other: in whose numbers, and what is not (RFC 3550 §7.2)."""

from __future__ import annotations

import pytest
import rtcptext as book
from hypothesis import given, settings
from hypothesis import strategies as st
from native.reports import Reporter
from native.rtcp import ntp
from rtcptext import about, stream

S = 1_000_000_000
MS = 1_000_000
WALL = 1_800_000_000 * S
SHORT = 65536  # LSR and DLSR units in a second
CALLER, ADVISOR = 0xCA11E400, 0xAD715000
TO_CALLER, TO_ADVISOR = 0x0000CA11, 0x0000AD71


@pytest.fixture
def call() -> tuple[Reporter, Reporter]:
    """The caller's and the advisor's legs, a second into a call; each hears the other renumbered."""
    caller, advisor = (
        Reporter(TO_CALLER, cname=b"to the caller..."),
        Reporter(TO_ADVISOR, cname=b"to the advisor.."),
    )
    caller.sequence_offset, caller.timestamp_offset = 1000, 320_000
    advisor.sequence_offset, advisor.timestamp_offset = 60_000, 2**32 - 800
    stream(caller, list(range(100, 150)), ssrc=CALLER)
    stream(advisor, list(range(500, 550)), ssrc=ADVISOR)
    return caller, advisor


def test_sender_report_goes_on_in_the_listeners_numbers(call: tuple[Reporter, Reporter]) -> None:
    caller, advisor = call
    compound = book.sr(CALLER, ntp=0x1234_5678_9ABC_DEF0, timestamp=500, packets=50, octets=8000) + book.sdes(
        CALLER, b"patient@10.0.0.7"
    )
    passed = caller.relay(advisor, compound, S)
    facts = book.read(passed, ADVISOR)
    assert facts["ssrc"] == TO_ADVISOR
    assert facts["sender"] == {
        "ntp": 0x1234_5678_9ABC_DEF0,
        "timestamp": (500 - 800) % 2**32,
        "packets": 50,
        "octets": 8000,
    }
    assert facts["block"] is None
    assert book.cnames(passed) == {TO_ADVISOR: b"to the advisor.."}  # never the far side's own name


def test_report_block_goes_on_in_the_senders_numbers(call: tuple[Reporter, Reporter]) -> None:
    caller, advisor = call
    heard = book.block(TO_CALLER, fraction=12, lost=34, extended=1500 + 49, jitter=56)
    facts = book.read(caller.relay(advisor, book.rr(CALLER, book.block(7), heard), S), ADVISOR)
    assert facts["ssrc"] == TO_ADVISOR
    assert facts["block"] == {
        "fraction_lost": 12,
        "lost": 34,
        "extended": 549,
        "jitter": 56,
        "lsr": 0,
        "dlsr": 0,
    }


@pytest.mark.parametrize("offset", [0, 1, 1000, 40_000, 65_535])
@pytest.mark.parametrize("lag", [0, 30, 20_000])
def test_extended_numbers_keep_the_senders_cycles(offset: int, lag: int) -> None:
    caller, advisor = Reporter(TO_CALLER), Reporter(TO_ADVISOR)
    caller.sequence_offset = offset
    for turn in range(3):
        stream(advisor, list(range(40_000 + 25_000 * turn, 65_000 + 25_000 * turn, 2_500)), ssrc=ADVISOR)
    highest = 40_000 + 75_000 - 2_500
    seen = (highest - lag + offset) % 65_536 + (5 << 16)  # in cycles of the listener's own
    facts = book.read(
        caller.relay(advisor, book.rr(CALLER, book.block(TO_CALLER, extended=seen)), S), ADVISOR
    )
    assert facts["block"]["extended"] == highest - lag


def test_round_trip_from_end_to_end(call: tuple[Reporter, Reporter]) -> None:
    """The advisor's SR reaches the caller, the echo comes back; each leg has its own half."""
    caller, advisor = call
    instant = ntp(WALL)
    lsr = instant >> 16 & 0xFFFFFFFF
    passed = advisor.relay(caller, book.sr(ADVISOR, ntp=instant, timestamp=1), 2 * S)
    assert book.read(passed)["sender"]["ntp"] == instant
    answer = book.rr(CALLER, book.block(TO_CALLER, extended=1549, lsr=lsr, dlsr=SHORT))
    block = about(caller.relay(advisor, answer, 3 * S + 40 * MS), ADVISOR)
    assert (block["lsr"], block["dlsr"]) == (lsr, SHORT)
    assert caller.round_trip_ns == pytest.approx(40 * MS, abs=40_000)  # the caller's leg alone
    assert advisor.round_trip_ns == -1


def test_the_echo_of_our_own_report_is_not_passed_on(call: tuple[Reporter, Reporter]) -> None:
    caller, advisor = call
    caller.send(0, S)
    lsr = book.read(caller.report(S, WALL))["sender"]["ntp"] >> 16 & 0xFFFFFFFF
    answer = book.rr(CALLER, book.block(TO_CALLER, extended=1549, lsr=lsr, dlsr=SHORT))
    block = about(caller.relay(advisor, answer, 2 * S), ADVISOR)
    assert (block["lsr"], block["dlsr"]) == (0, 0)


def test_passing_on_stands_in_for_the_own_report(call: tuple[Reporter, Reporter]) -> None:
    caller, advisor = call
    caller.relay(advisor, book.sr(CALLER), 100 * S)
    assert advisor.due_ns == 115 * S, "two of the far side's may be lost before ours are sent again"


@pytest.mark.parametrize(
    "compound",
    [
        book.rr(CALLER),
        book.rr(CALLER, book.block(1), book.block(ADVISOR)),
        book.sr(0xBAD),
        book.rr(CALLER) + book.bye(CALLER),
        book.rr(CALLER) + book.app(CALLER),
        book.rr(CALLER) + book.voip(CALLER, TO_CALLER),
        b"\x80\xc8\0\0",
    ],
)
def test_what_is_about_nobody_there_is_dropped(call: tuple[Reporter, Reporter], compound: bytes) -> None:
    caller, advisor = call
    due = advisor.due_ns
    assert caller.relay(advisor, compound, S) == b""
    assert advisor.due_ns == due


def test_a_farewell_is_not_passed_on(call: tuple[Reporter, Reporter]) -> None:
    """We go on under the same ssrc: a supervisor's voice, or a transferred party's."""
    caller, advisor = call
    passed = caller.relay(advisor, book.sr(CALLER) + book.bye(CALLER), S)
    assert not book.read(passed)["goodbye"]
    assert book.BYE not in [kind for kind, _, _ in book.split(passed)]


def test_voip_metrics_go_on_whole(call: tuple[Reporter, Reporter]) -> None:
    caller, advisor = call
    figures = {
        "loss": 1,
        "discard": 2,
        "burst_duration": 300,
        "r_factor": 80,
        "mos_lq": 40,
        "gmin": 16,
        "buffer_absolute": 400,
    }
    compound = book.rr(CALLER, book.block(TO_CALLER)) + book.voip(CALLER, TO_CALLER, **figures)
    passed = caller.relay(advisor, compound, S)
    assert passed.endswith(book.voip(TO_ADVISOR, ADVISOR, **figures))


def test_nothing_of_a_stream_that_has_not_begun() -> None:
    caller, advisor = Reporter(TO_CALLER), Reporter(TO_ADVISOR)
    assert caller.relay(advisor, book.sr(CALLER, book.block(TO_CALLER)), S) == b""


def test_of_a_direction_that_is_overlaid_the_gateway_speaks_for_itself(
    call: tuple[Reporter, Reporter],
) -> None:
    """The advisor is whispered to: what they hear is made here, what the patient hears of them is theirs."""
    caller, advisor = call
    advisor.send(7_000, S)
    heard = book.block(TO_CALLER, fraction=12, lost=3, extended=1549)
    compound = book.sr(CALLER, heard, ntp=5 << 32, packets=50, timestamp=500)
    passed = book.read(caller.relay(advisor, compound, S, WALL, onward=False), ADVISOR)
    assert (passed["sender"]["ntp"], passed["sender"]["packets"]) == (ntp(WALL), 1)
    assert passed["sender"]["timestamp"] == 7_000
    assert (passed["block"]["fraction_lost"], passed["block"]["lost"]) == (12, 3)
    stream(caller, [150, 152], ssrc=CALLER)
    caller.send(9_000, 2 * S)
    back = book.sr(ADVISOR, book.block(TO_ADVISOR, fraction=99, lost=99), ntp=6 << 32, packets=70)
    told = book.read(advisor.relay(caller, back, 2 * S, WALL, backward=False), CALLER)
    assert told["sender"]["ntp"] == 6 << 32
    assert (told["block"]["lost"], told["block"]["extended"]) == (1, 152), "as it is received here"


def test_counts_go_on_whoever_counts(call: tuple[Reporter, Reporter]) -> None:
    """Ours, then the caller's own, then ours again: never twice the same loss, never back."""
    caller, advisor = call
    stream(advisor, [551, 553], ssrc=ADVISOR, start_ns=S)
    for _ in range(40):
        advisor.send(0, S)
    ours = book.read(advisor.report(S, WALL), ADVISOR)
    assert (ours["sender"]["packets"], ours["block"]["lost"]) == (40, 2)

    def passed(packets: int, lost: int, at_ns: int) -> tuple[int, int]:
        compound = book.sr(CALLER, book.block(TO_CALLER, lost=lost), packets=packets, octets=160 * packets)
        facts = book.read(caller.relay(advisor, compound, at_ns), ADVISOR)
        return facts["sender"]["packets"], facts["block"]["lost"]

    first = passed(1000, 7, 2 * S)
    assert first == (1040, 9)
    assert passed(1250, 17, 7 * S) == (1290, 19)
    stream(advisor, [554, 556], ssrc=ADVISOR, start_ns=8 * S)
    for _ in range(10):
        advisor.send(0, 8 * S)
    ours = book.read(advisor.report(9 * S, WALL), ADVISOR)
    assert (ours["sender"]["packets"], ours["block"]["lost"]) == (1300, 20)
    assert ours["block"]["fraction_lost"] == 256 // 3
    assert passed(1500, 17, 12 * S) == (1550, 20)


def test_a_new_stream_has_lost_nothing_yet(call: tuple[Reporter, Reporter]) -> None:
    caller, advisor = call
    caller.relay(advisor, book.rr(CALLER, book.block(TO_CALLER, lost=30)), S)
    stream(advisor, [9_000, 9_001], ssrc=ADVISOR + 1, start_ns=2 * S)
    compound = book.rr(CALLER, book.block(TO_CALLER, lost=32, extended=9_001 + 1000))
    block = about(caller.relay(advisor, compound, 3 * S), ADVISOR + 1)
    assert (block["lost"], block["extended"]) == (2, 9_001)


@given(st.binary(max_size=200), st.integers(0, 2**32 - 1), st.integers(0, 2**63 - 1))
@settings(max_examples=200, deadline=None)
def test_whatever_is_passed_on_is_a_valid_compound(tail: bytes, extended: int, now_ns: int) -> None:
    caller, advisor = Reporter(TO_CALLER), Reporter(TO_ADVISOR)
    stream(caller, [1], ssrc=CALLER)
    stream(advisor, [1], ssrc=ADVISOR)
    block = book.block(TO_CALLER, extended=extended, lost=-1)
    compound = book.sr(CALLER, block, ntp=now_ns) + book.packet(
        204, 0, bytes(8) + tail + bytes(-len(tail) % 4)
    )
    passed = caller.relay(advisor, compound, now_ns % 2**62)
    facts = book.read(passed, ADVISOR)
    assert facts is not None
    assert facts["skipped"] == 0
