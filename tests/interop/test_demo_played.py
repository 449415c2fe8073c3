"""`gateway demo` as people run it without a terminal: everything real, and every check must pass."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

ENDS_WITHIN_S = 180
STARTS_WITHIN_S = 60


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts demonstrations, with this test's folder for everything temporary; ends what is left of them."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        demo = subprocess.Popen(
            [sys.executable, "-m", "gateway", "demo", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )
        started.append(demo)
        return demo

    yield start
    for demo in started:
        demo.kill()
        demo.communicate()


def read_until(demo: subprocess.Popen[str], words: str) -> str:
    """What it prints up to the line with `words`, that line included."""
    assert demo.stdout is not None
    told = ""
    for line in demo.stdout:
        told += line
        if words in line:
            return told
    raise AssertionError(f"{words!r} was not told:\n{told}")


def gateway_of(told: str) -> int:
    """The process id of the gateway, as the demonstration tells it."""
    return int(told.rsplit("process ", 1)[1].split()[0])


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_two_at_once_play_and_prove_every_step(start: Start, tmp_path: Path) -> None:
    """Beside one another: neither may need a port, a file or a name that the other has."""
    for demo in [start("--once"), start("--once")]:
        told, _ = demo.communicate(timeout=ENDS_WITHIN_S)
        assert demo.returncode == 0, told
        assert "checks passed" in told
        assert "FAIL" not in told
        assert is_gone(gateway_of(told))
    assert list(tmp_path.glob("gateway-demo-*")) == []


def test_interrupted_it_takes_the_gateway_with_it(start: Start, tmp_path: Path) -> None:
    demo = start()
    told = read_until(demo, "presses 5")
    demo.send_signal(signal.SIGINT)
    rest, _ = demo.communicate(timeout=STARTS_WITHIN_S)
    assert demo.returncode == 0, told + rest
    assert "everything that was started is stopped" in rest
    assert is_gone(gateway_of(told))
    assert list(tmp_path.glob("gateway-demo-*")) == []


def test_gateway_that_dies_is_told_with_its_log(start: Start) -> None:
    demo = start("--once")
    told = read_until(demo, "dials *71")
    os.kill(gateway_of(told), signal.SIGKILL)
    rest, _ = demo.communicate(timeout=STARTS_WITHIN_S)
    assert demo.returncode == 1, told + rest
    assert "FAIL" in rest
    assert "killed by signal 9" in rest
    assert "gateway.log" in rest
    assert "Traceback" not in rest


def test_obeys_lines_from_a_pipe(start: Start) -> None:
    demo = start()
    told = read_until(demo, "Your turn")
    commands = "listen\ntakeover\npanic\nsay hello\nnonsense\nhang up\nbarge\ncall\nwhisper\nquit\n"
    rest, _ = demo.communicate(commands, timeout=STARTS_WITHIN_S)
    assert demo.returncode == 0, told + rest
    for words in ("presses 4", "dials *742001", "presses *99", "picks up: she is whispering", "“hello”"):
        assert words in rest
    for words in ("no such command: nonsense", "there is no call", "dials *722001"):
        assert words in rest
