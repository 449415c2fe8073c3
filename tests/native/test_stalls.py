"""Python standing still does not move a packet: the GIL held by a C call, and fought over by busy Python
loops.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rig import Rig

TRAFFIC = str(Path(__file__).with_name("traffic.py"))
INTERVAL_MS = 5
"""Four times as many packets as a call has, for four times as many chances to be late."""


def figures(report: dict[str, list[float | None]]) -> str:
    transit = [t for way in ("caller", "advisor") for t in report[way] if t is not None]
    p50, p99, worst = np.percentile(transit, [50, 99, 100])
    return f"{len(transit)} packets, transit p50 {p50:.3f} ms, p99 {p99:.3f} ms, longest {worst:.3f} ms"


def traffic_during(
    seconds: float, nuisance: Callable[[], None] | None, *, listened: bool = False
) -> dict[str, list[float | None]]:
    """What two telephones in another process report of `seconds` of talk through an engine in this one."""
    with Rig(real_time=True) as rig:
        rig.talk()
        if listened:
            supervisor = rig.supervisor()
            both = [(rig.caller, rig.advisor), (rig.advisor, rig.caller)]
            rig.path(*both, (rig.caller, supervisor), (rig.advisor, supervisor))
        rig.sync()
        fds = [rig.caller.socket.fileno(), rig.advisor.socket.fileno()]
        packets = int((seconds + 0.3) * 1000 / INTERVAL_MS)
        command = [
            sys.executable,
            TRAFFIC,
            *map(str, [rig.caller.port, rig.advisor.port, *fds, packets, INTERVAL_MS]),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=fds) as process:
            while not rig.engine.counters()["received"] > rig.caller.posted + 20:
                time.sleep(0.001)
            if nuisance is not None:
                nuisance()
            output, _ = process.communicate(timeout=seconds + 20)
        assert process.returncode == 0
        return json.loads(output)


def hold_gil(seconds: float) -> None:
    """A C call that keeps the GIL, as a careless extension would: `PyDLL` does not let go of it."""
    began = time.monotonic()
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))
    assert time.monotonic() - began >= seconds


def busy_loops(seconds: float) -> None:
    """Two Python threads that never wait."""
    end = time.monotonic() + seconds

    def spin() -> None:
        while time.monotonic() < end:
            pass

    threads = [threading.Thread(target=spin) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def assert_unmoved(seconds: float, nuisance: Callable[[float], None], *, listened: bool = False) -> None:
    stalled = traffic_during(seconds, lambda: nuisance(seconds), listened=listened)
    print(f"\n{nuisance.__name__}: {figures(stalled)}")
    for way in ("caller", "advisor"):
        assert None not in stalled[way], "a packet was lost"
        # As without it. A packet that waited for Python would be late by half of that time, half of them; what
        # is allowed to the slowest is the machine's.
        assert np.percentile(stalled[way], 50) < 5
        assert np.percentile(stalled[way], 99) < 200
    assert stalled["in_order"]


def test_nothing_is_lost_in_calm_either() -> None:
    """For comparison."""
    calm = traffic_during(0.5, None)
    print(f"\ncalm: {figures(calm)}")
    assert None not in calm["caller"] + calm["advisor"]


@pytest.mark.parametrize("nuisance", [hold_gil, busy_loops])
def test_no_packet_waits_for_python(nuisance: Callable[[float], None]) -> None:
    assert_unmoved(1.0, nuisance)


@pytest.mark.thorough
@pytest.mark.parametrize("listened", [False, True], ids=["alone", "listened to"])
@pytest.mark.parametrize("nuisance", [hold_gil, busy_loops])
def test_no_packet_waits_for_python_for_five_seconds(
    nuisance: Callable[[float], None], listened: bool
) -> None:
    assert_unmoved(5.0, nuisance, listened=listened)
