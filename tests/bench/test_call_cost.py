"""What a call costs, by how many there are: CPU time of the media thread a second of call [us], never more for more calls.

All sizes of a row by turns in one run, so that each sees the machine in the same mood; medians over the rounds. `NOISE` is what two
runs of one size differ by here.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from devices import by_turns, engine, pinned

pytestmark = [
    pytest.mark.bench,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not pinned(), reason="needs two cores: one for the device, one for the load"),
]

SECONDS, ROUNDS = 3, 3
NOISE = 1.05
ROWS = {
    "no supervisor": ("relay", [50, 200, 500, 1000]),
    "a listener each": ("listen", [50, 100, 200, 400]),
    "a whispering supervisor each": ("whisper", [50, 100, 200, 400]),
}


@pytest.mark.parametrize("row", ROWS)
def test_more_calls_are_no_dearer(row: str, programs: Path, figure) -> None:
    mode, sizes = ROWS[row]
    runs = by_turns({str(calls): engine(calls, mode) for calls in sizes}, SECONDS, programs, ROUNDS)
    cost = {calls: median(run.cpu_s * 1e6 / calls / SECONDS for run in runs[str(calls)]) for calls in sizes}
    figure(
        f"a second of call, {row}",
        ", ".join(f"{cost[calls]:.0f}" for calls in sizes) + " us",
        f"at {', '.join(map(str, sizes))} calls; missing {sum(run.patients_missed for its in runs.values() for run in its)}",
    )
    for fewer, more in pairwise(sizes):
        assert cost[more] <= NOISE * cost[fewer], (fewer, more)
