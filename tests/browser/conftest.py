"""Fixtures of the browser tests: the running gateway and the phones of `tests/e2e`, and Debian's Chromium at the console.

The microphone is a file that is played, the loudspeaker is recorded in the page (`heard.js`), beside the audio graph and not in it.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from browser_console import MICROPHONE, Console, launched  # noqa: E402
from e2e_figures import print_figures  # noqa: E402
from e2e_fixtures import (  # noqa: E402, F401  (pytest finds them here by name)
    command,
    gateway,
    house,
    many_files,
    mark_all,
    ports,
    pytest_runtest_makereport,
    running,
)
from e2e_gateway import ROOT, Gateway, Settings  # noqa: E402
from playwright.async_api import Browser  # noqa: E402

from simulators import speech  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    mark_all(items, HERE, pytest.mark.browser)


@pytest.fixture(scope="module")
def settings() -> Settings:
    """What the module's gateway is configured with."""
    return Settings(audit_forms=str(ROOT / "config/audit"))


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is spoken into every microphone, as a WAV file."""
    path = tmp_path_factory.mktemp("microphone") / "floorwalker.wav"
    speech.write_wav(path, MICROPHONE)
    return path


@pytest.fixture
async def browser(microphone: Path) -> AsyncIterator[Browser]:
    async with launched(microphone) as browser:
        yield browser


@pytest.fixture
async def console(gateway: Gateway, browser: Browser) -> AsyncIterator[Console]:  # noqa: F811
    """Somebody's browser; whatever the page complains of fails the test."""
    console = await Console.open(browser, gateway)
    yield console
    await console.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    print_figures(terminalreporter)
