"""200 auditors on 50 calls from one process, 20 of them stalled: what it costs, and how late they hear.

Processes are where the kernel puts them: what is counted is CPU time, and the load is a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.bench

PROGRAMS = Path(__file__).with_name("programs")
CALLS, LISTENERS, SECONDS = 50, 200, 10
MOST_CPU, MOST_P99_MS = 0.40, 150.0


class Device:
    def __init__(self, calls: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAMS / "audit_device.py"), str(calls)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        facts = self._line()
        self.ports, self.web = facts["ports"], facts["web"]

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def figures(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write("?\n")
        self._process.stdin.flush()
        return self._line()

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)


@pytest.fixture
def device() -> Iterator[Device]:
    device = Device(CALLS)
    yield device
    device.stop()


@pytest.mark.parametrize("stalled", [0, 20])
def test_200_auditors_on_50_calls(device: Device, figure: Any, stalled: int) -> None:
    load = subprocess.Popen(
        [
            sys.executable,
            str(PROGRAMS / "audit_load.py"),
            json.dumps(device.ports),
            *(str(arg) for arg in (device.web, LISTENERS, stalled, SECONDS)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while device.figures()["listeners"] < LISTENERS:
        assert time.monotonic() < deadline, "they do not all listen"
        time.sleep(0.1)
    time.sleep(2)
    before, began_s = device.figures(), time.monotonic()
    time.sleep(SECONDS - 2)
    after, ended_s = device.figures(), time.monotonic()
    out, _ = load.communicate(timeout=60)
    heard = json.loads(out)
    seconds = ended_s - began_s
    control = (after["cpu_s"] - before["cpu_s"] - after["media_s"] + before["media_s"]) / seconds
    media = (after["media_s"] - before["media_s"]) / seconds
    name = f"{LISTENERS} auditors on {CALLS} calls" + (f", {stalled} stalled" if stalled else "")
    figure(name, f"{control:.0%} of a core", f"without the media thread's {media:.0%}; bar {MOST_CPU:.0%}")
    figure(
        f"{name}: delay",
        f"p50 {heard['p50_ms']:.0f} ms",
        f"p99 {heard['p99_ms']:.0f} ms; bar {MOST_P99_MS:.0f} ms",
    )
    assert heard["missed_ms"] == 0
    assert heard["fewest"] >= SECONDS * 50 - 25
    assert control < MOST_CPU
    assert heard["p99_ms"] < MOST_P99_MS
