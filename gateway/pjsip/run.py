"""Running the tools of the build.

Output to a log, words about progress, and nothing left running when we are interrupted.
"""

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gateway.pjsip.errors import BuildFailed

POLL_S = 0.2
TAIL_LINES = 25
MAKE_SAYS = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}


@dataclass(frozen=True)
class Job:
    """A shell script to run in a folder, its output going to `log`."""

    name: str
    script: str
    folder: Path
    log: Path


def run_jobs(jobs: Sequence[Job], env: Mapping[str, str], tell: Callable[[], None]) -> None:
    """Run `jobs` side by side until all have ended, calling `tell` now and then.

    Raises BuildFailed with the end of the log when one fails; the others are stopped then, and on any
    exception.
    """
    running: dict[Job, subprocess.Popen[bytes]] = {}
    try:
        for job in jobs:
            with job.log.open("wb") as log:
                running[job] = start(job, env, log)
        while running:
            time.sleep(POLL_S)
            tell()
            for job, process in list(running.items()):
                code = process.poll()
                if code is None:
                    continue
                del running[job]
                if code != 0:
                    raise BuildFailed(f"{job.name} failed ({code}):\n{tail(job.log)}", job.log)
    finally:
        for process in running.values():
            stop(process)


def start(job: Job, env: Mapping[str, str], log: BinaryIO) -> subprocess.Popen[bytes]:
    """Start a job in a process group of its own, without a terminal to read from.

    What an outer make says to its children (-w, its job server) is not meant for the makes that we run.
    """
    outer = {name: value for name, value in os.environ.items() if name not in MAKE_SAYS}
    return subprocess.Popen(
        ["sh", "-ec", job.script],
        cwd=job.folder,
        env={**outer, **env},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a job and everything that it started; it has its own process group."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(5)
    except ProcessLookupError:
        pass
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tail(log: Path) -> str:
    """The last lines of a log, errors of the compiler being mostly there."""
    with log.open(encoding="utf-8", errors="replace") as file:
        return "".join(deque(file, TAIL_LINES)).rstrip()


def count_objects(folder: Path) -> int:
    """[# files] compiled so far below `folder`."""
    return sum(1 for _ in folder.glob("*/build/output/**/*.o"))
