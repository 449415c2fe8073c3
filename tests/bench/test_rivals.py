"""What the others carry on one core, where the engine carries 1,000 calls and 400 whispered ones; and what whispering costs in Asterisk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

import pytest
from archive import ASTERISK
from devices import Run, Trial, beside, by_turns, engine, pinned, run
from rivals import RELAYS, installed, relay, whisper

pytestmark = [
    pytest.mark.bench,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not pinned(), reason="needs two cores: one for the device, one for the load"),
]
needs_asterisk = pytest.mark.skipif(not installed(ASTERISK), reason="Asterisk is not installed")

SECONDS, ROUNDS = 4, 3
BAR = 0.5
"""Of Asterisk's CPU, for a whispered call."""


def whole(one: Run) -> bool:
    """Whether the parties had all that they were sent, and whoever hears a mix as much as was sent."""
    return (
        one.missing == 0
        if len(one.sent) == 2
        else one.patients_missed == 0 and min(one.received[1:]) >= one.sent[0] * 0.999
    )


def most(counts: Iterable[int], trial: Callable[[int], Trial], programs: Path) -> Run | None:
    """Of the first number of calls of which nothing is lost; None where there is none."""
    for calls in counts:
        one = run(trial(calls), SECONDS, programs)
        if whole(one):
            return one
    return None


@pytest.mark.parametrize(
    ("name", "counts"), [("rtpengine", range(1000, 450, -50)), ("asterisk", range(800, 200, -100))]
)
def test_calls_that_another_relays(name: str, counts: range, programs: Path, figure) -> None:
    if not installed(RELAYS[name][0]):
        pytest.skip(f"{name} is not installed")
    one = most(counts, lambda calls: relay(name, calls), programs)
    assert one, f"it loses packets of {counts[-1]} calls, too"
    figure(
        f"calls that {name} relays without loss",
        str(one.calls),
        f"tried downwards from {counts[0]} by {-counts.step}; {one.cpu_s / SECONDS:.0%} of a core, "
        f"{one.cpu_us_per_packet:.2f} us/packet, transit p50 {one.transit_p50_us:.0f} us, p99 {one.transit_p99_us:.0f} us",
    )


@needs_asterisk
def test_whispered_calls_that_asterisk_carries(programs: Path, figure) -> None:
    counts = range(260, 80, -20)
    one = most(counts, whisper, programs)
    assert one, f"it loses packets of {counts[-1]} calls, too"
    figure(
        "whispered calls that asterisk carries without loss",
        str(one.calls),
        f"tried downwards from {counts[0]} by {-counts.step}; {one.cpu_s / SECONDS:.0%} of a core, "
        f"{one.cpu_us_per_call_second:.0f} us a call-second",
    )


@needs_asterisk
@pytest.mark.parametrize("calls", [50, 100])
def test_whispered_call_beside_asterisk(calls: int, programs: Path, figure) -> None:
    """CPU of all of the call, relay and both mixes, a second."""
    runs = by_turns(
        {"engine": engine(calls, "whisper"), "asterisk": whisper(calls)}, SECONDS, programs, ROUNDS
    )
    ratio = beside(runs["engine"], runs["asterisk"], lambda one: one.cpu_us_per_call_second)
    for name, its in runs.items():
        sent = sum(one.sent[0] for one in its)
        figure(
            f"whispered call, {calls} at once, {name}",
            f"{median(one.cpu_us_per_call_second for one in its):.0f} us a call-second",
            f"{f'{ratio:.2f} x asterisk; ' if name == 'engine' else ''}patients missed {sum(one.patients_missed for one in its)}, "
            f"advisors had {sum(one.received[1] for one in its)} of {sent}, supervisors {sum(one.received[2] for one in its)}",
        )
    assert all(map(whole, runs["engine"]))
    assert ratio <= BAR
