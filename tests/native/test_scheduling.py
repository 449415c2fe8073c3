"""The media threads go before other programs, as far as their user may, and where they cannot have their core that is told."""

from __future__ import annotations

import subprocess
import sys

import pytest
from native.engine import Engine

TOLD = """
import os
from native.engine import Engine
engine = Engine(port_range=(20000, 20010))
before = set(os.listdir("/proc/self/task"))
engine.start()
(thread,) = map(int, set(os.listdir("/proc/self/task")) - before)
print(*engine.scheduling, os.sched_getscheduler(thread), os.sched_getparam(thread).sched_priority, os.getpriority(os.PRIO_PROCESS, thread))
engine.stop()
"""


UNPRIVILEGED = [
    "prlimit",
    "--rtprio=0:0",
    "--nice=0:0",
    "setpriv",
    "--bounding-set=-sys_nice",
    "--inh-caps=-sys_nice",
]


def told(*without: str) -> str:
    """What the one media thread of a process of its own says of itself, then policy, priority, niceness as the kernel has them."""
    command = [*without, sys.executable, "-c", TOLD]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def allowed(*command: str) -> bool:
    """nice(1) goes on where it may not, and only says so."""
    run = subprocess.run([*command, "true"], capture_output=True, check=False)
    return run.returncode == 0 and not run.stderr


def test_real_time_where_it_is_allowed_else_what_is() -> None:
    if allowed("chrt", "--rr", "10"):
        expected = "real-time 2 10 0"
    elif allowed("nice", "-n", "-15"):
        expected = "nice 0 0 -15"
    else:
        expected = "ordinary 0 0 0"
    assert told() == expected


@pytest.mark.skipif(not allowed(*UNPRIVILEGED), reason="needs the right to give up rights")
def test_without_the_right_to_it_the_threads_run_all_the_same() -> None:
    assert told(*UNPRIVILEGED) == "ordinary 0 0 0"


def test_a_core_that_is_not_there_is_told() -> None:
    engine = Engine(port_range=(20000, 20010), cpus=[4095])
    with pytest.raises(OSError, match="Invalid argument"):
        engine.start()
    engine.stop()
