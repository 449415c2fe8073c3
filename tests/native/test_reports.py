"""A leg's RTCP by given times: when it reports, what it counts, what it takes (RFC 3550 §6)."""

from __future__ import annotations

import struct

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
OURS = 0x0C0FFEE0
FAR = book.FAR
SHORT = 65536  # LSR and DLSR units in a second


# ── when ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_first_report_at_half_an_interval() -> None:
    dues = [Reporter(OURS, seed=seed, now_ns=7 * S).due_ns - 7 * S for seed in range(2000)]
    assert 1.25 * S <= min(dues) < 1.26 * S
    assert 3.74 * S < max(dues) < 3.75 * S
    assert sum(dues) / len(dues) == pytest.approx(2.5 * S, rel=0.03)


def test_later_reports_between_half_and_one_and_a_half() -> None:
    leg, now, waits = Reporter(OURS, seed=3), 0, []
    for _ in range(2000):
        assert not leg.is_due(leg.due_ns - 1)
        assert leg.is_due(leg.due_ns)
        now = leg.due_ns
        leg.report(now)
        waits.append(leg.due_ns - now)
    assert 2.5 * S <= min(waits) < 2.51 * S
    assert 7.49 * S < max(waits) < 7.5 * S
    assert sum(waits) / len(waits) == pytest.approx(5 * S, rel=0.03)


def test_the_same_seed_gives_the_same_times() -> None:
    first, second, other = Reporter(OURS, seed=1), Reporter(OURS, seed=1), Reporter(OURS, seed=2)
    for leg in (first, second, other):
        leg.report(0)
    assert first.due_ns == second.due_ns != other.due_ns


def test_nothing_is_due_after_leaving() -> None:
    leg = Reporter(OURS)
    leg.report(S)
    assert book.split(leg.leave(2 * S))[-1] == (book.BYE, 1, struct.pack("!I", OURS))
    assert not leg.is_due(1000 * S)


def test_who_never_said_anything_does_not_take_leave() -> None:
    assert Reporter(OURS).leave(S) == b""


# ── what is sent ────────────────────────────────────────────────────────────────────────────────────────────


def test_report_of_a_leg_that_did_nothing() -> None:
    """An empty RR and a CNAME: §6.1 asks for both in every compound."""
    compound = Reporter(OURS, cname=b"ABCDEFGHIJKLMNOP").report(S)
    assert [kind for kind, _, _ in book.split(compound)] == [book.RR, book.SDES]
    assert book.cnames(compound) == {OURS: b"ABCDEFGHIJKLMNOP"}
    assert book.read(compound)["ssrc"] == OURS


def test_sender_report_names_one_instant_by_both_clocks() -> None:
    leg = Reporter(OURS)
    for number in range(50):
        leg.send(1000 + 160 * number, number * 20 * MS)
    sender = book.read(leg.report(1500 * MS, WALL + 1500 * MS))["sender"]
    assert sender == {
        "ntp": ntp(WALL + 1500 * MS),
        "timestamp": 1000 + 160 * 49 + 8 * (1500 - 980),
        "packets": 50,
        "octets": 8000,
    }


def test_sender_report_by_another_clock_rate() -> None:
    leg = Reporter(OURS, clock_hz=48000)
    leg.send(2**32 - 480, 0)
    assert book.read(leg.report(20 * MS))["sender"]["timestamp"] == 480


def test_sender_reports_end_two_intervals_after_sending() -> None:
    leg = Reporter(OURS)
    leg.send(0, 0)
    kinds = [book.split(leg.report(5 * S * number))[0][0] for number in range(1, 5)]
    assert kinds == [book.SR, book.SR, book.RR, book.RR]


# ── what is received ────────────────────────────────────────────────────────────────────────────────────────


def test_no_loss() -> None:
    leg = Reporter(OURS)
    stream(leg, list(range(100, 200)))
    assert about(leg.report(2 * S)) == {
        "fraction_lost": 0,
        "lost": 0,
        "extended": 199,
        "jitter": 0,
        "lsr": 0,
        "dlsr": 0,
    }


def test_fraction_is_of_the_interval_and_loss_of_the_stream() -> None:
    leg = Reporter(OURS)
    stream(leg, [n for n in range(100) if n % 4 != 1])
    first = about(leg.report(2 * S))
    assert (first["fraction_lost"], first["lost"]) == (64, 25)
    stream(leg, list(range(100, 200)), start_ns=2 * S)
    second = about(leg.report(4 * S))
    assert (second["fraction_lost"], second["lost"]) == (0, 25)


def test_duplicates_make_loss_negative_and_the_fraction_zero() -> None:
    leg = Reporter(OURS)
    stream(leg, [n for n in range(50) for _ in range(2)])
    block = about(leg.report(2 * S))
    assert (block["fraction_lost"], block["lost"]) == (0, -50)


def test_late_packets_make_good_a_loss() -> None:
    leg = Reporter(OURS)
    stream(leg, [n for n in range(50) if n != 30])
    assert about(leg.report(2 * S))["lost"] == 1
    stream(leg, [30, *range(50, 60)], start_ns=2 * S, first=50)
    block = about(leg.report(4 * S))
    assert (block["fraction_lost"], block["lost"]) == (0, 0)


def test_nearly_all_lost() -> None:
    leg = Reporter(OURS)
    stream(leg, [0, 2500])
    block = about(leg.report(60 * S))
    assert (block["fraction_lost"], block["lost"]) == (2499 * 256 // 2501, 2499)


def test_no_block_of_a_stream_that_pauses() -> None:
    leg = Reporter(OURS)
    stream(leg, list(range(10)))
    about(leg.report(S))
    assert book.read(leg.report(6 * S), FAR)["block"] is None
    stream(leg, list(range(10, 20)), start_ns=7 * S)
    assert about(leg.report(11 * S))["lost"] == 0


def test_extended_number_counts_the_wraps() -> None:
    leg = Reporter(OURS)
    stream(leg, list(range(65530, 65536 + 20)))
    assert about(leg.report(S))["extended"] == (1 << 16) + 19


def test_jitter_is_in_clock_ticks() -> None:
    """Every second packet 10 ms late: |D| is 80 ticks at 8 kHz, and so becomes the smoothed jitter (§A.8)."""
    leg = Reporter(OURS)
    stream(leg, list(range(400)), start_ns=S, jitter_ns=10 * MS)
    assert about(leg.report(10 * S))["jitter"] in (79, 80)
    assert leg.quality(10 * S)["jitter"] in (79, 80)


@pytest.mark.parametrize(
    "ticks", [5_000_000, -5_000_000, -8000 * 30], ids=["later", "earlier", "stood for 30 s"]
)
def test_a_clock_that_is_set_or_stood_still_is_no_jitter(ticks: int) -> None:
    """A phone that was on hold, a media server that changes its source under one SSRC."""
    leg = Reporter(OURS)
    for number in range(100):
        stamp = 10_000_000 + 160 * number + (ticks if number >= 50 else 0)
        leg.receive(number, stamp, S + number * 20 * MS, FAR)
    assert leg.quality(10 * S)["jitter"] == 0


def test_a_new_stream_counts_its_own_losses() -> None:
    leg = Reporter(OURS)
    stream(leg, [n for n in range(100) if n % 10])
    assert about(leg.report(2 * S))["lost"] == 9  # the first of all is not missed
    leg.hear(book.sr(FAR, ntp=0x1_0000_0000), 2 * S)
    stream(leg, [n for n in range(5000, 5100) if n % 20 != 1], ssrc=99, start_ns=3 * S)
    block = about(leg.report(6 * S), 99)
    assert (block["lost"], block["fraction_lost"]) == (5, 5 * 256 // 100)
    assert block["lsr"] == 0  # of the old stream's sender


@given(st.lists(st.integers(0, 300), min_size=1, max_size=200))
@settings(max_examples=100, deadline=None)
def test_counts_agree_with_the_book(sequences: list[int]) -> None:
    """RFC 3550 §A.3 on the numbers as they came; nothing before the first is expected."""
    leg = Reporter(OURS)
    leg.receive(0, 0, 0, FAR)
    for sequence in sequences:
        leg.receive(sequence, 160 * sequence, 20 * MS * sequence, FAR)
    expected = max(sequences) + 1
    received = 1 + len(sequences)
    block = about(leg.report(S))
    assert block["lost"] == expected - received
    assert block["extended"] == max(sequences)
    assert block["fraction_lost"] == min(255, max(0, expected - received) * 256 // expected)


# ── round trip ──────────────────────────────────────────────────────────────────────────────────────────────


def echo(leg: Reporter, sent_ns: int, heard_ns: int, hold_ns: int, *, wall_ns: int = WALL) -> None:
    """The leg sends an SR; its far side echoes it after hold_ns, and the echo is heard at heard_ns."""
    leg.send(0, sent_ns)
    lsr = book.read(leg.report(sent_ns, wall_ns))["sender"]["ntp"] >> 16 & 0xFFFFFFFF
    assert leg.hear(book.rr(FAR, book.block(OURS, lsr=lsr, dlsr=hold_ns * SHORT // S)), heard_ns)


@pytest.mark.parametrize("sent_s", [1, 65_535, 65_536 * 3 - 1, 200 * 86_400], ids=str)
def test_round_trip(sent_s: int) -> None:
    """Also where the short time wraps in between, and after months of uptime."""
    leg = Reporter(OURS)
    echo(leg, sent_s * S + 900 * MS, sent_s * S + 900 * MS + 80 * MS + 3 * S, 3 * S)
    assert leg.round_trip_ns == pytest.approx(80 * MS, abs=40_000)


def test_round_trip_over_the_ntp_wrap() -> None:
    leg = Reporter(OURS)
    last = (2**32 - 2_208_988_800) * S - 10 * MS  # 10 ms before NTP's seconds begin again, in 2036
    echo(leg, S, S + 50 * MS, 20 * MS, wall_ns=last)
    assert leg.round_trip_ns == pytest.approx(30 * MS, abs=40_000)


def test_round_trip_is_deaf_to_a_clock_that_is_set() -> None:
    leg = Reporter(OURS)
    leg.send(0, 0)
    lsr = book.read(leg.report(S, WALL))["sender"]["ntp"] >> 16 & 0xFFFFFFFF
    leg.report(3 * S, WALL - 3600 * S)
    leg.hear(book.rr(FAR, book.block(OURS, lsr=lsr, dlsr=2 * SHORT)), 3 * S + 100 * MS)
    assert leg.round_trip_ns == pytest.approx(100 * MS, abs=40_000)


@pytest.mark.parametrize("lsr", [0, 1, 0xDEADBEEF])
def test_an_echo_of_nothing_measures_nothing(lsr: int) -> None:
    leg = Reporter(OURS)
    leg.send(0, 0)
    leg.report(S, WALL)
    leg.hear(book.rr(FAR, book.block(OURS, lsr=lsr)), 2 * S)
    assert leg.round_trip_ns == -1


def test_a_hold_longer_than_the_trip_is_no_round_trip() -> None:
    leg = Reporter(OURS)
    echo(leg, S, S + 100 * MS, 5 * S)
    assert leg.round_trip_ns == -1
    echo(leg, 10 * S, 10 * S, 500_000)  # within rounding
    assert leg.round_trip_ns == 0


def test_last_sender_report_is_echoed_with_its_age() -> None:
    leg = Reporter(OURS)
    stream(leg, list(range(50)))
    leg.hear(book.sr(FAR, ntp=0xAAAA_1234_5678_BBBB), S)
    block = about(leg.report(3 * S + 500 * MS))
    assert (block["lsr"], block["dlsr"]) == (0x1234_5678, 2.5 * SHORT)


# ── hearing ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_our_own_echo_is_not_taken() -> None:
    leg = Reporter(OURS)
    leg.send(0, 0)
    assert leg.hear(leg.report(S), S) is False
    assert leg.hear(book.rr(OURS, book.block(OURS, fraction=255)), S) is False
    assert leg.told is None


def test_malformed_is_told_apart() -> None:
    leg = Reporter(OURS)
    assert leg.hear(b"\x80\xc8\0\0", S) is None
    assert leg.hear(b"", S) is None


def test_goodbye_and_return() -> None:
    leg = Reporter(OURS)
    leg.hear(book.rr(FAR) + book.bye(FAR), S)
    assert leg.goodbye
    leg.hear(book.rr(FAR), 2 * S)
    assert not leg.goodbye


# ── quality ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_quality_of_both_directions() -> None:
    leg = Reporter(OURS)
    stream(leg, [n for n in range(250) if n % 10 != 5])
    echo(leg, 4 * S, 4 * S + 60 * MS, 0)
    leg.hear(book.rr(FAR, book.block(OURS, fraction=26, jitter=48)), 4500 * MS)
    leg.hear(book.rr(FAR) + book.voip(FAR, OURS, discard=13, end_delay_ms=80), 4600 * MS)
    quality = leg.quality(5 * S)
    assert (quality["expected"], quality["lost"]) == (250, 25)
    assert (quality["far_fraction_lost"], quality["far_jitter"]) == (26, 48)
    assert (quality["far_discard"], quality["far_delay_ms"]) == (13, 80)
    assert quality["round_trip_ns"] == pytest.approx(60 * MS, abs=40_000)


def test_quality_is_of_its_own_interval() -> None:
    """Reports and quality are closed at different times, and neither takes the other's losses."""
    leg = Reporter(OURS)
    stream(leg, [n for n in range(100) if n % 2 == 0])
    leg.report(2 * S)
    stream(leg, list(range(100, 200)), start_ns=2 * S)
    quality = leg.quality(4 * S)
    assert (quality["expected"], quality["lost"]) == (200, 50)
    assert leg.quality(9 * S)["expected"] == 0


def test_a_far_side_that_falls_silent_is_no_longer_believed() -> None:
    leg = Reporter(OURS)
    assert not leg.quality(0)["told"]
    leg.hear(book.rr(FAR, book.block(OURS, fraction=26)), S)
    assert leg.quality(15 * S)["told"]
    assert not leg.quality(17 * S)["told"]
