"""How late a supervisor hears the caller and the advisor, and an advisor the whisper, in the engine and in Asterisk: each says clicks of
their own, in turn, over a clean loopback network; a click's delay is from the packet that brought it in to the packet that brings it out,
less its place in each.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from archive import ASTERISK
from asterisk import AsteriskDevice
from delays import mixed_delays
from devices import LOAD_CPU, Device, EngineDevice, pinned
from rivals import installed

pytestmark = [
    pytest.mark.bench,
    pytest.mark.skipif(not pinned(), reason="needs two cores: one for the device, one for the load"),
]

SECONDS = 20
LISTEN_P50_MS, LISTEN_P99_MS, WHISPER_P50_MS = 10, 25, 30


def delays(make: Callable[[], Device]) -> dict[str, tuple[float, float]]:
    """With the device on its core and the phones on the other."""
    with make() as device:
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {LOAD_CPU})
        try:
            return mixed_delays(device, SECONDS)
        finally:
            os.sched_setaffinity(0, before)


def test_delay_of_what_is_mixed(figure) -> None:
    seen = delays(lambda: EngineDevice(1, "whisper"))
    for name, (p50_ms, p99_ms) in seen.items():
        figure(f"delay, {name}, engine", f"p50 {p50_ms:.1f} ms", f"p99 {p99_ms:.1f} ms")
    if installed(ASTERISK):
        for name, (p50_ms, p99_ms) in delays(lambda: AsteriskDevice(legs=3)).items():
            figure(f"delay, {name}, asterisk", f"p50 {p50_ms:.1f} ms", f"p99 {p99_ms:.1f} ms")
    assert seen["caller to supervisor"][0] <= LISTEN_P50_MS
    assert seen["caller to supervisor"][1] <= LISTEN_P99_MS
    assert seen["whisper to advisor"][0] <= WHISPER_P50_MS
