"""Figures that the benchmarks gather, printed as one table at the end."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

FIGURES: list[tuple[str, str, str]] = []


@pytest.fixture
def figure():
    """figure(name, value, remark): one line of the closing table."""

    def add(name: str, value: str, remark: str = "") -> None:
        FIGURES.append((name, value, remark))

    return add


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the C programs of this session are built."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return tmp_path_factory.mktemp("programs")


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not FIGURES:
        return
    kernel = Path("/proc/sys/kernel/osrelease").read_text().strip()
    terminalreporter.section(f"figures ({processor()}, Linux {kernel})")
    from rivals import known

    for line in known():
        terminalreporter.write_line(line)
    widths = [max(len(row[column]) for row in FIGURES) for column in (0, 1)]
    for name, value, remark in FIGURES:
        terminalreporter.write_line(f"{name:<{widths[0]}}  {value:>{widths[1]}}  {remark}")
