"""Devices under test side by side: the engine, the minimal C relay and whoever else is a `Device`, under the same load, one core for
the device, one for the load.

CPU time is the device's own (its thread's or process's clock), so a busy machine changes it little; compare
only within one run.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Protocol

from native.engine import Engine
from native.srtpkeys import MASTER_BYTES

PROGRAMS = Path(__file__).parent / "programs"
DEVICE_CPU, LOAD_CPU = 0, 1


class Device(Protocol):
    """What is measured. Its packets cross the core `DEVICE_CPU` alone."""

    def open(self, ports: list[int]) -> list[int]:
        """Set the calls up; `ports` are the parties' own, call by call, and so are those returned, where each party sends to."""

    def cpu_s(self) -> float:
        """CPU time so far of what carries the packets [s]."""

    def __enter__(self) -> Device: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None: ...


@dataclass(frozen=True)
class Run:
    """What one device did under one load."""

    calls: int
    seconds: int
    cpu_s: float
    sent: list[int]
    """Packets that the load sent, by leg of the call."""
    received: list[int]
    """Packets that it got back, by leg."""
    relayed: list[int]
    """Packets that caller and advisor got untouched, of those that the other sent in the measured time."""
    transit_p50_us: float
    transit_p99_us: float
    late: int
    """Packets that the load itself sent more than 5 ms late: above a few, the figures are the load's."""

    @property
    def cpu_us_per_packet(self) -> float:
        return self.cpu_s * 1e6 / sum(self.received)

    @property
    def cpu_us_per_call_second(self) -> float:
        return self.cpu_s * 1e6 / self.calls / self.seconds

    @property
    def missing(self) -> int:
        """Packets between the parties that did not arrive untouched; all of the advisor's are missing so in
        a whisper.
        """
        return sum(self.sent[:2]) - sum(self.relayed)

    @property
    def patients_missed(self) -> int:
        """Packets of the advisor's that did not arrive untouched at the patient's."""
        return self.sent[1] - self.relayed[0]


def cpu_of(pid: int) -> float:
    """CPU time of a process and all its threads [s]."""
    return (
        sum(int(clock.read_text().split()[0]) for clock in Path(f"/proc/{pid}/task").glob("*/schedstat"))
        / 1e9
    )


def on_cpu(cpu: int, command: list[str]) -> list[str]:
    """A command that keeps to a core, at the priority that the engine's media threads take for themselves where the user may."""
    first = ["chrt", "--rr", "10"] if real_time_allowed() else []
    return ["taskset", "--cpu-list", str(cpu), *first, *command]


def real_time_allowed() -> bool:
    return (
        subprocess.run(["chrt", "--rr", "10", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0
    )


def compiled(name: str, folder: Path) -> Path:
    """Build programs/NAME.c with the system's compiler."""
    binary = folder / name
    if not binary.exists():
        subprocess.run(["cc", "-O2", "-Wall", "-o", binary, PROGRAMS / f"{name}.c", "-lsrtp2"], check=True)
    return binary


class EngineDevice(AbstractContextManager["EngineDevice"]):
    """The engine in this process; its media thread alone on the device's core."""

    def __init__(self, calls: int, mode: str, *, suite: str | None = None, **settings: float) -> None:
        """suite: SRTP towards every party; None: plain RTP."""
        self.calls, self.mode, self.suite = calls, mode, suite
        self.engine = Engine("127.0.0.1", port_range=(20000, 29998), cpus=[DEVICE_CPU], **settings)
        self.engine.start()

    def open(self, ports: list[int]) -> list[int]:
        legs = 2 if self.mode == "relay" else 3
        mine = []
        for at in range(0, len(ports), legs):
            call = self.engine.add_call()
            added = [self.engine.add_leg(call, role) for role in ("caller", "advisor", "supervisor")[:legs]]
            for (leg, port), far in zip(added, ports[at : at + legs], strict=True):
                self.engine.connect(leg, "PCMA", 8, 101, "127.0.0.1", far, **self._secured(len(mine)))
                mine.append(port)
            self.engine.set_talk_path(call, self._gains([leg for leg, _ in added]))
            if at % 64 == 0:
                time.sleep(0.001)
        return mine

    def _secured(self, leg: int) -> dict[str, str | bytes]:
        """The suite and the master keys of one leg of the load."""
        if self.suite is None:
            return {}
        length = MASTER_BYTES[self.suite]
        own, theirs = (
            bytes((31 * leg + 7 * at + 13 + more) & 0xFF for at in range(length)) for more in (0, 101)
        )
        return {"suite": self.suite, "local_key": theirs, "remote_key": own}

    def _gains(self, legs: list[int]) -> dict[tuple[int, int], float]:
        pairs = {(legs[0], legs[1]), (legs[1], legs[0])}
        if self.mode in ("listen", "whisper"):
            pairs |= {(legs[0], legs[2]), (legs[1], legs[2])}
        if self.mode == "whisper":
            pairs.add((legs[2], legs[1]))
        return dict.fromkeys(pairs, 1.0)

    def cpu_s(self) -> float:
        return float(self.engine.cpu_s())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.stop()


class MinimalRelay(AbstractContextManager["MinimalRelay"]):
    """programs/minimal_relay.c as a process of its own on the device's core."""

    def __init__(self, calls: int, folder: Path) -> None:
        program = compiled("minimal_relay", folder)
        self.process = subprocess.Popen(
            on_cpu(DEVICE_CPU, [str(program), str(calls)]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def open(self, ports: list[int]) -> list[int]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(" ".join(map(str, ports)) + "\n")
        self.process.stdin.flush()
        return [int(port) for port in self.process.stdout.readline().split()]

    def cpu_s(self) -> float:
        return cpu_of(self.process.pid)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(5)


@dataclass(frozen=True)
class Trial:
    """A device and the load that it is to carry."""

    make: Callable[[], Device]
    calls: int
    legs: int = 2
    suite: str | None = None
    """SRTP of every packet of the load; None: plain RTP."""

    def load(self, seconds: int) -> list[str]:
        """The load program's arguments."""
        numbers = [str(number) for number in (self.calls, self.legs, seconds, LOAD_CPU)]
        return [*numbers, *([self.suite] if self.suite else [])]


def measure(device: Device, trial: Trial, seconds: int, folder: Path) -> Run:
    """Put the trial's load on the device for so many seconds, after a second to warm up."""
    load = subprocess.Popen(
        [compiled("load", folder), *trial.load(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert load.stdin
    assert load.stdout
    try:
        mine = device.open([int(port) for port in load.stdout.readline().split()])
        load.stdin.write(" ".join(map(str, mine)) + "\n")
        load.stdin.flush()
        assert load.stdout.readline() == "go\n"
        before = device.cpu_s()
        assert load.stdout.readline() == "stop\n"
        cpu_s = device.cpu_s() - before
        result = json.loads(load.stdout.readline())
    finally:
        load.stdin.close()
        if load.wait(30) != 0:
            raise RuntimeError(f"the load program ended with {load.returncode}")
    figures = {
        name: result[name]
        for name in ("sent", "received", "relayed", "transit_p50_us", "transit_p99_us", "late")
    }
    return Run(trial.calls, seconds, cpu_s, **figures)


def by_turns(trials: dict[str, Trial], seconds: int, folder: Path, rounds: int = 3) -> dict[str, list[Run]]:
    """Each trial once a round, each time with a device made for it."""
    runs: dict[str, list[Run]] = {name: [] for name in trials}
    for _ in range(rounds):
        for name, trial in trials.items():
            runs[name].append(run(trial, seconds, folder))
    return runs


def beside(runs: list[Run], others: list[Run], value: Callable[[Run], float]) -> float:
    """The median over the rounds of what the one took beside the other in the same round: a machine that is shared with others is slower
    at one time than at another.
    """
    return median(value(one) / value(other) for one, other in zip(runs, others, strict=True))


def run(trial: Trial, seconds: int, folder: Path) -> Run:
    """One trial by itself."""
    with trial.make() as device:
        return measure(device, trial, seconds, folder)


def engine(calls: int, mode: str, suite: str | None = None, **settings: float) -> Trial:
    legs = 2 if mode == "relay" else 3
    return Trial(lambda: EngineDevice(calls, mode, suite=suite, **settings), calls, legs, suite)


def minimal(calls: int, folder: Path) -> Trial:
    return Trial(lambda: MinimalRelay(calls, folder), calls)


def pinned() -> bool:
    """Whether this machine has the two cores that a comparison needs."""
    return {DEVICE_CPU, LOAD_CPU} <= os.sched_getaffinity(0)
