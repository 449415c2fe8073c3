"""The engine beside a minimal C epoll relay and beside the relays that others have, by turns in one run: CPU per packet, transit
time, loss, memory.

The bars are those of the project: relay at most 1.15 times the minimal relay's CPU, overlay at most twice,
transit p50 within 0.1 ms; 200 calls with a listener each, and 400 with a whispering supervisor each, on one
core without loss. A ratio is the median of the rounds' own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import devices
import pytest
from devices import Run, beside, by_turns, engine, minimal, pinned
from rivals import relays

pytestmark = [
    pytest.mark.bench,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not pinned(), reason="needs two cores: one for the device, one for the load"),
]

SECONDS, ROUNDS, TAIL_ROUNDS = 3, 5, 15
RELAY_BAR, OVERLAY_BAR, TAIL_BAR = 1.15, 2.0, 2.0


def middle(runs: list[Run], value: Callable[[Run], float]) -> float:
    return median(value(run) for run in runs)


def note_load(*devices: list[Run]) -> str:
    """Say it when the load itself was late: then the machine was busy, and transit times are the
    machine's.
    """
    late = sum(run.late for runs in devices for run in runs)
    return f"; load late {late} times" if late else ""


@pytest.mark.parametrize("calls", [50, 200, 500, 1000])
def test_relay_cpu(calls: int, programs: Path, figure) -> None:
    trials = {"minimal": minimal(calls, programs), "engine": engine(calls, "relay"), **relays(calls)}
    runs = by_turns(
        trials, SECONDS, programs, ROUNDS if calls > 50 else 2 * ROUNDS
    )  # fewer packets, more noise
    cpu_us = {name: middle(its, lambda run: run.cpu_us_per_packet) for name, its in runs.items()}
    ratio = {
        name: beside(its, runs["minimal"], lambda run: run.cpu_us_per_packet) for name, its in runs.items()
    }
    missing = {name: sum(run.missing for run in its) for name, its in runs.items()}
    p50_us = {name: middle(its, lambda run: run.transit_p50_us) for name, its in runs.items()}
    for name, its in runs.items():
        figure(
            f"relay, {calls} calls, {name}",
            f"{cpu_us[name]:.2f} us/packet",
            f"{ratio[name]:.2f} x minimal; transit p50 {p50_us[name]:.0f} us, "
            f"p99 {middle(its, lambda run: run.transit_p99_us):.0f} us; "
            f"{missing[name]} of {sum(sum(run.sent) for run in its)} missing{note_load(its)}",
        )
    assert ratio["engine"] <= RELAY_BAR
    assert missing["engine"] == 0
    assert p50_us["engine"] <= p50_us["minimal"] + 100
    for name in trials:
        if missing[name] == 0:  # else it did less than all of the work
            assert name == "minimal" or ratio["engine"] <= ratio[name]


def test_transit_tail(programs: Path, figure) -> None:
    """How late the slowest hundredth of 1,000 calls' packets is. A machine that is shared stands still for a millisecond now and then
    and whatever runs on it then is late, so that this takes more rounds than the rest.
    """
    calls = 1000
    trials = {"minimal": minimal(calls, programs), "engine": engine(calls, "relay")}
    runs = by_turns(trials, SECONDS, programs, TAIL_ROUNDS)
    p99_us = {name: middle(its, lambda run: run.transit_p99_us) for name, its in runs.items()}
    for name, its in runs.items():
        figure(
            f"relay, {calls} calls, {name}, slowest hundredth",
            f"{p99_us[name]:.0f} us",
            f"the median of {TAIL_ROUNDS} rounds, which went from {min(run.transit_p99_us for run in its):.0f} to "
            f"{max(run.transit_p99_us for run in its):.0f}; {sum(run.missing for run in its)} missing{note_load(its)}",
        )
    assert sum(run.missing for run in runs["engine"]) == 0
    assert p99_us["engine"] <= TAIL_BAR * p99_us["minimal"]


def test_200_calls_with_a_listener_each(programs: Path, figure) -> None:
    """One core relays 200 calls and mixes for 200 supervisors; every packet is delivered."""
    run = devices.run(engine(200, "listen"), SECONDS, programs)
    figure(
        "200 calls with a listener each",
        f"{run.cpu_s / SECONDS * 100:.0f} % of a core",
        f"{run.missing} relayed packets missing, "
        f"listeners had {run.received[2]} of {run.sent[0]}, late {run.late}",
    )
    assert run.missing == 0
    assert run.received[2] >= run.sent[0] * 0.999


def test_400_calls_with_a_whispering_supervisor_each(programs: Path, figure) -> None:
    """One core carries 400 calls, mixing for 400 advisors and 400 supervisors, who get all of their packets."""
    run = devices.run(engine(400, "whisper"), SECONDS, programs)
    figure(
        "400 calls with a whispering supervisor each",
        f"{run.cpu_s / SECONDS * 100:.0f} % of a core",
        f"patients missed {run.patients_missed}, advisors had {run.received[1]} of {run.sent[0]}, "
        f"supervisors {run.received[2]} of {run.sent[0]}; late {run.late}",
    )
    assert run.cpu_s < SECONDS
    assert run.patients_missed == 0
    assert run.received[1] >= run.sent[0] * 0.999
    assert run.received[2] >= run.sent[0] * 0.999


def test_history_cpu(programs: Path, figure) -> None:
    """What it costs to keep the last 30 s of each call."""
    trials = {"without": engine(500, "relay", history_s=0.0), "with": engine(500, "relay", history_s=30.0)}
    runs = by_turns(trials, SECONDS, programs, ROUNDS)
    cost = {name: middle(its, lambda run: run.cpu_us_per_packet) for name, its in runs.items()}
    ratio = beside(runs["with"], runs["without"], lambda run: run.cpu_us_per_packet)
    figure("history of 30 s, 500 calls", f"{ratio:.2f} x without", f"{cost['with']:.2f} us/packet")
    assert ratio <= 1.15


@pytest.mark.parametrize("calls", [50, 200])
def test_overlay_cpu(calls: int, programs: Path, figure) -> None:
    """What an overlaid packet costs: a whispered call less its relayed packets, over its overlaid ones."""
    trials = {
        "minimal": minimal(calls, programs),
        "relay": engine(calls, "relay"),
        "whisper": engine(calls, "whisper"),
    }
    runs = by_turns(trials, SECONDS, programs, ROUNDS)
    reference = middle(runs["minimal"], lambda run: run.cpu_us_per_packet)
    relayed = middle(runs["relay"], lambda run: run.cpu_us_per_packet)
    cost = middle(
        runs["whisper"], lambda run: (run.cpu_s * 1e6 - relayed * run.received[0]) / sum(run.received[1:])
    )
    call_second = middle(runs["whisper"], lambda run: run.cpu_us_per_call_second)
    figure(
        f"overlay, {calls} whispered calls",
        f"{cost / reference:.2f} x minimal",
        f"{cost:.2f} us/packet; {call_second:.0f} us a call-second{note_load(*runs.values())}",
    )
    assert cost <= OVERLAY_BAR * reference


MEMORY = """
import resource
from pathlib import Path
from devices import EngineDevice
def rss_kb():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line[:5] == "VmRSS")
with EngineDevice(500, "whisper") as device:
    before = rss_kb()
    device.open([9] * 1500)
    print((rss_kb() - before) / 500)
"""


def test_memory_of_a_supervised_call(figure) -> None:
    """Resident memory of the engine for 500 calls of three legs, in a process of its own."""
    out = subprocess.run(
        [sys.executable, "-c", MEMORY],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    kb = float(out.stdout)
    figure("engine memory, call with a supervisor", f"{kb:.0f} kB", "resident, three legs")
    assert 0 < kb <= 150
