"""A listener's place in a source's audio: what a trace of arrivals makes of delay and gaps. No clock, no
sockets.

A trace is text, one letter for each 20 ms packet in order of sending: `.` in time, `-` lost, `1` … `9` late
by so many times 10 ms, `z` not sent (a pause: its time passes, as with DTX), `+` two packets where one was
due (a burst of backlog).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from native.playout import PlayoutProbe

FRAME = 160
CYCLE = 24000
"""The test audio is a saw-tooth that tells its own position: sample i is i modulo this, less half of it."""


def audio(start: int, n: int = FRAME) -> np.ndarray:
    return ((start + np.arange(n)) % CYCLE - CYCLE // 2).astype(np.int16)


@dataclass
class Listener:
    """Reads 20 ms every 20 ms, `phase_ms` after a packet in time would have come."""

    probe: PlayoutProbe = field(default_factory=PlayoutProbe)
    delays_ms: list[float] = field(default_factory=list)
    """By read: how old the frame's last sample was, where it held sound; else NaN."""
    out: list[np.ndarray] = field(default_factory=list)

    def read(self, now_ms: float, captured_ms: float = 0.0) -> None:
        pcm = self.probe.read(FRAME, now_ms)
        self.out.append(pcm)
        if pcm[-1] == 0 or np.any(np.abs(np.diff(pcm.astype(int))) > CYCLE // 4):
            self.delays_ms.append(np.nan)
            return
        newest = now_ms * 8
        position = int(pcm[-1]) + CYCLE // 2
        behind = (newest - position) % CYCLE
        self.delays_ms.append(behind / 8)


def play(trace: str, phase_ms: float = 5.0) -> Listener:
    listener = Listener()
    arrivals: list[tuple[float, int]] = []
    number = 0
    for slot, letter in enumerate(trace):
        due = 20.0 * (slot + 1)
        if letter in ".+":
            arrivals.append((due, number))
        if letter == "+":
            number += 1
            arrivals.append((due, number))
        if letter.isdigit():
            arrivals.append((due + 10 * int(letter), number))
        number += 1
    arrivals.sort(key=lambda arrival: arrival[0])
    for slot in range(len(trace)):
        now = 20.0 * (slot + 1) + phase_ms
        while arrivals and arrivals[0][0] <= now:
            at, number = arrivals.pop(0)
            listener.probe.write(FRAME * number, audio(FRAME * number), at)
        listener.read(now)
    return listener


TRACES = [
    # what happens, trace, underruns at most, delay at the end at most [ms]
    ("nothing", "." * 200, 0, 10),
    ("one lost", "." * 20 + "-" + "." * 100, 1, 3),
    ("three lost", "." * 20 + "---" + "." * 200, 1, 3),
    ("one in twenty lost", ("." * 19 + "-") * 40, 40, 3),
    ("a pause", "." * 20 + "z" * 40 + "." * 100, 1, 10),
    ("a long pause", "." * 20 + "z" * 400 + "." * 100, 1, 10),
    ("one late by 10 ms", "." * 20 + "1" + "." * 200, 1, 30),
    ("one late by 30 ms, behind two others", "." * 20 + "3" + "." * 300, 1, 30),
    ("the line stands still for 80 ms and catches up", "." * 20 + "8642" + "." * 900, 1, 10),
    ("a backlog of four packets", "." * 20 + "++++" + "." * 1500, 0, 10),
    ("a backlog of a fifth of a second", "." * 20 + "+" * 12 + "." * 1500, 0, 10),
    ("every other packet late by 10 ms", ".1" * 200, 1, 30),
    ("wild jitter", "13.204.3.1.0203.12" * 30, 4, 60),
]


@pytest.mark.parametrize(
    ("trace", "underruns", "delay_ms"), [row[1:] for row in TRACES], ids=[row[0] for row in TRACES]
)
def test_a_trace_leaves_no_lasting_delay(trace: str, underruns: int, delay_ms: float) -> None:
    listener = play(trace.replace("0", "."))
    assert listener.probe.underruns <= underruns
    assert listener.probe.slack <= 8 * delay_ms


def test_in_order_it_is_heard_to_the_sample() -> None:
    heard = np.concatenate(play("." * 60).out[2:])
    assert np.array_equal(heard, audio(int(heard[0]) + CYCLE // 2, len(heard)))


def test_a_gap_is_as_long_as_what_was_lost() -> None:
    """So that what follows keeps its distance: three packets gone, three frames of silence, none repeated."""
    heard = np.concatenate(play("." * 30 + "---" + "." * 30).out).astype(int)
    jumps = [
        at
        for at in range(1, len(heard))
        if heard[at] and heard[at - 1] and abs(heard[at] - heard[at - 1] - 1) > 600
    ]
    assert len(jumps) <= 2


def test_late_packets_go_to_their_place() -> None:
    probe = PlayoutProbe()
    probe.write(0, audio(0))
    probe.read(FRAME)
    for number in (1, 2, 4, 3):
        probe.write(FRAME * number, audio(FRAME * number))
    assert np.array_equal(np.concatenate([probe.read(FRAME) for _ in range(4)]), audio(FRAME, 4 * FRAME))


@pytest.mark.parametrize("late_ms", [60, 120, 200, 240, 260, 300, 480])
def test_a_late_packet_delays_nobody(late_ms: int) -> None:
    """However late, also later than is kept: what is heard goes on as if it had not come."""
    probe, undisturbed = PlayoutProbe(), PlayoutProbe()
    for number in range(60):
        for each in (probe, undisturbed):
            each.write(FRAME * number, audio(FRAME * number))
        if number == 40:
            probe.write(FRAME * 40 + FRAME - 8 * late_ms, np.full(FRAME, 7777, np.int16))
        heard = probe.read(FRAME)
        assert np.array_equal(heard, undisturbed.read(FRAME))
        assert not np.any(heard == 7777)
    assert probe.slack == undisturbed.slack


@pytest.mark.parametrize("first", [0, 2**32 - 500])
def test_the_timestamps_wrap_is_no_gap(first: int) -> None:
    probe = PlayoutProbe()
    for number in range(8):
        probe.write(first + FRAME * number, audio(FRAME * number))
        probe.read(FRAME)
    assert probe.underruns == 0
    assert probe.slack <= FRAME


def test_a_new_ssrc_goes_on_without_a_gap() -> None:
    probe = PlayoutProbe()
    for number in range(10):
        probe.write(FRAME * number, audio(FRAME * number))
        probe.read(FRAME)
    for number in range(10):
        probe.write(987654 + FRAME * number, audio(FRAME * number), ssrc=2)
        probe.read(FRAME)
    assert probe.underruns == 0
    assert probe.slack < FRAME


def test_a_reset_reader_hears_nothing_of_before() -> None:
    """What was said before a path opened is not heard when it opens."""
    probe = PlayoutProbe()
    for number in range(10):
        probe.write(FRAME * number, np.full(FRAME, 9000, np.int16))
    probe.reset()
    for number in range(10, 16):
        assert not np.any(probe.read(FRAME) == 9000)
        probe.write(FRAME * number, np.full(FRAME, 100, np.int16))


def test_what_breaks_off_is_faded_and_not_repeated() -> None:
    probe = PlayoutProbe()
    probe.write(0, np.full(FRAME, 8000, np.int16))
    probe.read(FRAME)
    probe.write(FRAME, np.full(FRAME, 8000, np.int16))
    probe.read(FRAME)
    tail = np.concatenate([probe.read(FRAME) for _ in range(3)]).astype(int)
    assert np.all(np.diff(tail[:41]) <= 0)
    assert not tail[41:].any()


@pytest.mark.parametrize(
    "sizes", [(80, 160), (160, 80), (240, 160), (160, 240), (480, 160), (160, 480)], ids=str
)
def test_packets_and_reads_of_different_length(sizes: tuple[int, int]) -> None:
    written, taken = sizes
    probe = PlayoutProbe()
    at, late = 0, 0
    for now in range(0, 8000 * 10, 80):
        if now % written == 0:
            probe.write(at, audio(at, written))
            at += written
        if now % taken == 0:
            probe.read(taken)
            late = max(late, probe.slack) if now > 8000 * 5 else 0
    assert probe.underruns <= 2
    assert late <= written + taken + 40


def drift(ppm: float, hours: float, jitter_ms: float = 0.0) -> tuple[PlayoutProbe, np.ndarray]:
    """A source whose clock is off by `ppm` (fast: positive), read every 20 ms for `hours`; returns the delay
    before each read [ms].
    """
    probe = PlayoutProbe()
    silence = np.full(FRAME, 500, np.int16)
    rng = np.random.default_rng(1)
    reads = int(hours * 3600 * 50)
    lateness = np.abs(rng.normal(0, jitter_ms, int(reads * (1 + abs(ppm) / 1e6)) + 10)) if jitter_ms else None
    period = 20 / (1 + ppm / 1e6)
    written = 0
    delays = np.empty(reads)
    for number in range(reads):
        now = 20.0 * number + 7
        while written * period + (lateness[written] if lateness is not None else 0.0) <= now:
            arrived = written * period + (lateness[written] if lateness is not None else 0.0)
            probe.write(FRAME * written & 0xFFFFFFFF, silence, arrived)
            written += 1
        delays[number] = probe.slack / 8
        probe.read(FRAME, now)
    return probe, delays


@pytest.mark.parametrize("ppm", [-300, -50, 50, 300])
def test_a_drifting_clock_leaves_no_delay_in_five_minutes(ppm: float) -> None:
    probe, delays = drift(ppm, 1 / 12)
    assert delays[500:].max() <= 65
    assert np.median(delays[500:]) <= 45
    crossings = 300 * abs(ppm) / 1e6 / 0.020
    assert probe.underruns <= crossings + 1, "at most one for each packet that the source falls behind"


@pytest.mark.thorough
@pytest.mark.parametrize("ppm", [-300, -50, 0, 50, 300])
@pytest.mark.parametrize("jitter_ms", [0.0, 3.0])
def test_a_drifting_clock_leaves_no_delay_in_an_hour(ppm: float, jitter_ms: float) -> None:
    probe, delays = drift(ppm, 1, jitter_ms)
    print(
        f"\n{ppm} ppm, jitter {jitter_ms} ms: delay median {np.median(delays):.1f}, "
        f"most {delays[500:].max():.1f} ms, {probe.underruns} underruns"
    )
    assert delays[-15000:].max() <= delays[500:15500].max() + 25, (
        "the last five minutes are no later than the first"
    )
    assert np.median(delays) <= 45
