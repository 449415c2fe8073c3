"""What the others carry on the core that carries 1,000 calls of ours."""

from __future__ import annotations

from pathlib import Path

import pytest
from devices import Trial, by_turns, pinned
from rivals import relays

pytestmark = [
    pytest.mark.bench,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not pinned(), reason="needs two cores: one for the device, one for the load"),
]

SECONDS = 4
MOST, FEWEST, STEP = 1000, 500, 50


def test_relayed_calls_that_rtpengine_carries(programs: Path, figure) -> None:
    """Downwards from 1,000 to the first number of calls of which nothing is lost."""
    for calls in range(MOST, FEWEST - 1, -STEP):
        trial: Trial | None = relays(calls).get("rtpengine")
        if trial is None:
            pytest.skip("rtpengine is not installed")
        run = by_turns({"": trial}, SECONDS, programs, rounds=1)[""][0]
        if run.missing == 0:
            break
    else:
        pytest.fail(f"rtpengine loses packets of {calls} calls, too")
    figure(
        "most calls that rtpengine relays without loss",
        str(calls),
        f"tried downwards from {MOST} by {STEP}; {run.cpu_s / SECONDS:.0%} of a core, "
        f"{run.cpu_us_per_packet:.2f} us/packet, transit p50 {run.transit_p50_us:.0f} us, p99 {run.transit_p99_us:.0f} us",
    )
