"""What SRTP on both sides of steady calls costs the engine beside its own plain relay of as many calls, by turns in one session."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest
from devices import beside, by_turns, engine, pinned

pytestmark = [
    pytest.mark.bench,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not pinned(), reason="needs two cores: one for the device, one for the load"),
]

BAR = 2.5
SECONDS, ROUNDS = 4, 3
SUITES = ("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM")


@pytest.mark.parametrize("calls", [50, 200, 500, 1000])
def test_srtp_on_both_sides_beside_plain_relay(calls: int, programs: Path, figure) -> None:
    trials = {
        "plain RTP": engine(calls, "relay"),
        **{suite: engine(calls, "relay", suite) for suite in SUITES},
    }
    runs = by_turns(trials, SECONDS, programs, ROUNDS)
    cpu_us = {name: median(run.cpu_us_per_packet for run in its) for name, its in runs.items()}
    ratio = {
        name: beside(its, runs["plain RTP"], lambda run: run.cpu_us_per_packet) for name, its in runs.items()
    }
    missing = {name: sum(run.missing for run in its) for name, its in runs.items()}
    for name, its in runs.items():
        figure(
            f"SRTP on both sides, {calls} calls, {name}",
            f"{cpu_us[name]:.2f} us/packet",
            f"{ratio[name]:.2f} x plain; transit p50 {median(run.transit_p50_us for run in its):.0f} us, "
            f"p99 {median(run.transit_p99_us for run in its):.0f} us; {missing[name]} missing; "
            f"load late {sum(run.late for run in its)} times",
        )
    assert max(ratio.values()) <= BAR
    assert not any(missing.values())
