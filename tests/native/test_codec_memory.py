"""Codecs take their memory once: nothing afterwards, nothing left behind, nothing touched before it is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from native.resample import RateChange
from native.transcoder import KINDS_BY_NAME, Transcoder

HERE = Path(__file__).parent
NAMES = list(KINDS_BY_NAME)
FRAMES = 100_000
ALLOCATIONS = f"""
import ctypes, sys
import numpy as np
from native.transcoder import Transcoder, kind_facts, measure
count = ctypes.CDLL(None).allocations
noise = np.random.default_rng(1).normal(0, 3000, 16000).astype(np.int16)
for name in sys.argv[1:]:
    audio = noise[: 5 * kind_facts(name)["rate_hz"] // 50]
    measure(Transcoder(name), Transcoder(name), audio, 1)
    encoder, decoder = Transcoder(name), Transcoder(name)
    used = []
    for rounds in (0, 0, 1, {FRAMES} // 5 // (10 if name == "opus" else 1)):
        before = count()
        measure(encoder, decoder, audio, rounds)
        used.append(count() - before)
    print(name, used[2] - used[1], used[3] - used[1])
"""
UNTOUCHED = """
import sys
from native.transcoder import Transcoder
def rss():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
first = [Transcoder(sys.argv[1]) for _ in range(20)]
before = rss()
kept = [Transcoder(sys.argv[1]) for _ in range(1000)]
for codec in kept:
    codec.relayed(b"\\x48" * 60)
print((rss() - before) // 1000)
"""


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def run(program: str, *arguments: str, **environment: str) -> str:
    path = os.pathsep.join([str(HERE.parent.parent), str(HERE)])
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_no_frame_allocates(tmp_path: Path) -> None:
    """Encoding, decoding, making up and overlaying, the first ones included: counted in a process whose malloc counts."""
    library = tmp_path / "allocations.so"
    source = HERE / "allocations.c"
    subprocess.run(["cc", "-O1", "-fno-builtin", "-shared", "-fPIC", "-o", library, source], check=True)
    told = run(ALLOCATIONS, *NAMES, LD_PRELOAD=str(library))
    assert told.splitlines() == [f"{name} 0 0" for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_ten_thousand_codecs_leave_nothing_behind(name: str) -> None:
    def use(times: int) -> None:
        for _ in range(times):
            codec = Transcoder(name)
            codec.decode(codec.encode(np.zeros(codec.rate_hz // 50, np.int16)))

    use(1000)
    before = resident_bytes()
    use(10_000)
    assert resident_bytes() - before < 1 << 20


def test_ten_thousand_rate_changes_leave_nothing_behind() -> None:
    def use(times: int) -> None:
        for _ in range(times):
            RateChange(8000, 16000)

    use(1000)
    before = resident_bytes()
    use(10_000)
    assert resident_bytes() - before < 1 << 20


@pytest.mark.parametrize(("name", "most"), [("PCMA", 9000), ("G722", 13000), ("opus", 13000)])
def test_a_relayed_leg_does_not_pay_for_decoder_and_encoder(name: str, most: int) -> None:
    """Of the 64 kB that Opus may come to need, what a leg holds that nobody listens to [bytes]."""
    assert int(run(UNTOUCHED, name)) < most
