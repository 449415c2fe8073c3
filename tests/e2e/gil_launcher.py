"""Runs the gateway's own command line in a process whose interpreter can be kept busy from outside.

SIGUSR1: one long C call (`sum` over a range) that never gives the interpreter away; every other Python
thread waits for its end. SIGUSR2: a loop of plain Python on the main thread, the event loop's, which lets
other threads in only by the switch interval.

Each writes one line to the gateway's log at its end, with begin and end on the monotonic clock.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable

HELD_S = 5.0
PROBE = 20_000_000
"Numbers summed to find out how fast this machine is."


def busy_c_call() -> None:
    began = time.perf_counter()
    sum(range(PROBE))
    a_second = PROBE / (time.perf_counter() - began)
    # A second more than wanted: the probe may have been slowed by others, and so the machine be faster than
    # it seemed.
    sum(range(round(a_second * (HELD_S + 1))))


def busy_python_loop() -> None:
    count, until = 0, time.monotonic() + HELD_S
    while time.monotonic() < until:
        count += 1


def holder(kind: str, work: Callable[[], None]) -> Callable[[int, object], None]:
    def on_signal(number: int, frame: object) -> None:
        from gateway.log import get_logger

        began = time.monotonic_ns()
        work()
        get_logger("gil_launcher").info("gil.held", kind=kind, began_ns=began, ended_ns=time.monotonic_ns())

    return on_signal


if __name__ == "__main__":
    from gateway.cli import main

    signal.signal(signal.SIGUSR1, holder("busy C call", busy_c_call))
    signal.signal(signal.SIGUSR2, holder("pure-Python loop", busy_python_loop))
    sys.argv[0] = "gateway"
    main()
