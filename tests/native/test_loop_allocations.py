"""The media thread asks for no memory and gives none back: in no mode, no codec, and not while a mode begins or ends.

Counted in a process whose malloc counts, over real calls with real sockets (`loopallocations.py`). What a leg or a codec needs is taken
by whoever gives the command, and freed there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from codecphones import CODECS
from keyring import PROFILES

HERE = Path(__file__).parent
PLAYED = [
    *(f"{codec} and {codec}" for codec in CODECS),
    *(f"PCMA and {codec}" for codec in CODECS[1:]),
    "G722 and opus",
    *PROFILES,
    "tones and RTCP",
]


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("allocations") / "allocations.so"
    source = HERE / "allocations.c"
    subprocess.run(["cc", "-O1", "-fno-builtin", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


@pytest.fixture(scope="module")
def found(counter: Path) -> dict[str, tuple[int, str]]:
    path = os.pathsep.join([str(HERE.parent.parent), str(HERE)])
    done = subprocess.run(
        [sys.executable, HERE / "loopallocations.py"],
        env={**os.environ, "LD_PRELOAD": str(counter), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("played", PLAYED)
def test_the_media_thread_never_allocates(played: str, found: dict[str, tuple[int, str]]) -> None:
    calls, first = found[played]
    assert calls == 0, f"{calls} calls of malloc and the like, the first: {first}"


def test_all_that_was_played_is_looked_at(found: dict[str, tuple[int, str]]) -> None:
    assert set(found) == set(PLAYED)


def test_a_thread_that_allocates_is_seen(counter: Path) -> None:
    program = (
        "import ctypes, threading\n"
        "C = ctypes.CDLL(None)\n"
        "C.watch(threading.get_native_id())\n"
        "kept = [bytearray(100_000) for _ in range(7)]\n"
        "print(C.watched_calls())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "LD_PRELOAD": str(counter)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) >= 7
