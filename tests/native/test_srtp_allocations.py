"""No packet costs an allocation, the first of a stream included. Counted in a process whose malloc counts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from srtpreference import SUITES

HERE = Path(__file__).parent
PROGRAM = """
import ctypes, sys
from native.srtp import Session, measure
from srtpreference import key, rtp
count = ctypes.CDLL(None).allocations
for suite in sys.argv[1:]:
    ours, theirs = key(suite, 1), key(suite, 2)
    used = []
    for rounds in (1, 0, 1, 21):
        sender, receiver = Session(suite, ours, theirs), Session(suite, theirs, ours)
        before = count()
        measure(sender, receiver, rtp(5), rounds)
        used.append(count() - before)
    print(suite, used[2] - used[1], used[3] - used[1])
"""


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("allocations") / "allocations.so"
    source = HERE / "allocations.c"
    subprocess.run(["cc", "-O1", "-fno-builtin", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def test_no_packet_allocates(counter: Path) -> None:
    path = os.pathsep.join([str(HERE.parent.parent), str(HERE)])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *SUITES],
        env={**os.environ, "LD_PRELOAD": str(counter), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [f"{suite} 0 0" for suite in SUITES]
