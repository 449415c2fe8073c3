"""Figures that the tests see, printed as one table after the run, and stated nowhere else by hand."""

from __future__ import annotations

import pytest

FIGURES: list[tuple[str, str]] = []


def figure(name: str, value: str) -> None:
    """One line of the closing table."""
    FIGURES.append((name, value))


def print_figures(terminalreporter: pytest.TerminalReporter) -> None:
    """The table; once, whichever folder's tests were run."""
    if not FIGURES:
        return
    terminalreporter.section("figures of the running gateway")
    width = max(len(name) for name, _ in FIGURES)
    for name, value in FIGURES:
        terminalreporter.write_line(f"{name:<{width}}  {value}")
    FIGURES.clear()
