"""Fixtures of the end-to-end tests: see `e2e_fixtures`."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e_figures import print_figures
from e2e_fixtures import (  # noqa: F401  (pytest finds them here by name)
    broker,
    command,
    gateway,
    house,
    many_files,
    mark_all,
    ports,
    pytest_runtest_makereport,
    running,
    settings,
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder starts the real gateway."""
    mark_all(items, Path(__file__).parent, pytest.mark.interop)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    print_figures(terminalreporter)
