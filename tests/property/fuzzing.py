"""What the fuzzing tests share: their corpora (`tests/data/fuzz`) and how what is in them gets broken.

The same cases each time; `FUZZ=100000` looks at so many new ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

CORPORA = Path(__file__).parents[1] / "data" / "fuzz"
fuzz = settings(
    max_examples=int(os.environ.get("FUZZ", "60")),
    derandomize="FUZZ" not in os.environ,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def corpus(parser: str) -> list[bytes]:
    """Hex, a packet a line; what stands before the last blank is its name."""
    lines = (CORPORA / f"{parser}.txt").read_text().splitlines()
    return [bytes.fromhex(line.rsplit(" ", 1)[-1]) for line in lines if line and not line.startswith("#")]


def texts(parser: str) -> list[list[str]]:
    """Texts as lists of lines, each below a comment with its name."""
    found: list[list[str]] = [[]]
    for line in (CORPORA / f"{parser}.txt").read_text().splitlines():
        if line.startswith("#"):
            found.append([])
        else:
            found[-1].append(line)
    return [text for text in found if text]


@st.composite
def broken(draw: Callable, seeds: list[bytes]) -> bytes:
    """A seed with bytes changed, cut out, put in or repeated, its end cut off or another's joined on."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["change", "extreme", "cut", "insert", "repeat", "end", "join"])):
            case "change" if data:
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "extreme" if data:
                data[at] = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFE, 0xFF]))
            case "cut":
                del data[at : at + draw(st.integers(1, 8))]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=8))
            case "repeat":
                data[at:at] = data[at : at + draw(st.integers(1, 32))]
            case "end":
                del data[at:]
            case "join":
                data += draw(st.sampled_from(seeds))
    return bytes(data[:1500])
