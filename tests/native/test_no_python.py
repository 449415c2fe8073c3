"""No Python in the media thread: the C that Cython made of every nogil function calls nothing of Python's.

What `cython -a` shows in white, said as a test. It reads the C of the modules that the other tests run.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "native"
BUILT = ROOT / "build" / "dev" / "native"
MODULES = sorted(path.stem for path in NATIVE.glob("*.pyx"))

DECLARED = re.compile(
    r"^cdef (?:inline )?[^\n(=]*?(\w+)\((?:[^()]|\([^()]*\))*\)\s*(noexcept )?nogil:", re.MULTILINE
)
"""A function that has a body and runs without the GIL; its arguments may go over several lines."""
DEFINED = re.compile(
    r"^(?:static |CYTHON_INLINE )[^\n;]*\b__pyx_f_6native_(\d+)(\w+)\([^;{]*\) \{$", re.MULTILINE
)
PYTHON = re.compile(r"\b(?:_?Py[A-Z_]\w*|__Pyx_\w+)\b")
HARMLESS = {"Py_ssize_t"}
"""A C type."""


def nogil_functions(module: str) -> set[str]:
    text = "\n".join(
        path.read_text() for path in (NATIVE / f"{module}.pyx", NATIVE / f"{module}.pxd") if path.exists()
    )
    return {match[1] for match in DECLARED.finditer(text)}


def functions_in_c(text: str) -> dict[tuple[str, str], str]:
    """(module, function) → body, of all functions of ours that a C file defines."""
    found = {}
    for match in DEFINED.finditer(text):
        length = int(match[1])
        module, name = match[2][:length], match[2][length + 1 :]
        end = text.index("\n}\n", match.end())
        found[module, name] = text[match.end() : end]
    return found


def python_in(body: str) -> set[str]:
    code = re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL)
    return set(PYTHON.findall(code)) - HARMLESS


@pytest.mark.parametrize("module", MODULES)
def test_nogil_functions_are_c_alone(module: str) -> None:
    path = BUILT / next(BUILT.glob(f"{module}.*.so.p")).name / f"{module}.pyx.c"
    found = functions_in_c(path.read_text())
    wanted = nogil_functions(module)
    mine = {name for owner, name in found if owner == module}
    missing = {name for name in wanted - mine if not re.search(rf"inline [^\n]*\b{name}\(", pxd(module))}
    assert not missing, "declared nogil and not found in the C: this test has lost sight of it"
    everyone = {other: nogil_functions(other) for other in {owner for owner, _ in found}}
    impure = {
        f"{owner}.{name}": sorted(python)
        for (owner, name), body in found.items()
        if name in everyone[owner] and (python := python_in(body))
    }
    assert impure == {}


def pxd(module: str) -> str:
    path = NATIVE / f"{module}.pxd"
    return path.read_text() if path.exists() else ""


def test_the_packets_way_is_among_them() -> None:
    for module, functions in {
        "sockets": {"receive_from"},
        "relay": {"on_packet", "on_audio"},
        "outgoing": {"relay_packet", "transmit"},
        "intake": {"decode_packet"},
        "overlay": {"overlay_packet", "on_tick"},
        "frame": {"mix_frame"},
        "sweep": {"on_sweep"},
        "commands": {"obey"},
        "worker": {"run"},
    }.items():
        assert functions <= nogil_functions(module)


def test_python_would_be_seen() -> None:
    """The same look at functions that do use Python finds it."""
    path = BUILT / next(BUILT.glob("endpoint.*.so.p")).name / "endpoint.pyx.c"
    body = functions_in_c(path.read_text())["endpoint", "endpoint_text"]
    assert {"PyObject"} & python_in(body) or python_in(body)
    assert any(name.startswith("__Pyx_") for name in python_in(body))
