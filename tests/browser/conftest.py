"""Fixtures of the browser tests: the running gateway and the phones of `tests/e2e`, and Debian's Chromium at the console.

The microphone is a file that is played, the loudspeaker is recorded in the page (`heard.js`), beside the audio graph and not in it.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "e2e"))

from browser_console import MICROPHONE, Console, launched  # noqa: E402
from e2e_figures import print_figures  # noqa: E402
from e2e_gateway import ROOT, Gateway, Ports, Settings, free_port  # noqa: E402
from e2e_house import House  # noqa: E402
from playwright.async_api import Browser  # noqa: E402

from simulators import speech  # noqa: E402

LOG_LINES = 200


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in Path(item.path).parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session", autouse=True)
def _many_files() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.fixture(scope="module")
def settings() -> Settings:
    """What the module's gateway is configured with."""
    return Settings(audit_forms=str(ROOT / "config/audit"))


@pytest.fixture(scope="module")
def running(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    ports = Ports(free_port(), free_port(), free_port())
    gateway = Gateway(settings, ports, tmp_path_factory.mktemp("gateway"))
    try:
        gateway.start()
        yield gateway
    finally:
        code = gateway.stop()
    assert code == 0, f"the gateway ended with {code}:\n{gateway.text()[-4000:]}"


@pytest.fixture
async def gateway(running: Gateway, request: pytest.FixtureRequest) -> AsyncIterator[Gateway]:
    """The module's gateway, idle and without a fault after every test."""
    mark = running.mark()
    request.node.stash[GATEWAY] = running, mark
    yield running
    assert running.running, "the gateway has ended"
    await running.idle()
    assert not running.faults(mark), "faults in the gateway's log"


@pytest.fixture
async def house(gateway: Gateway) -> AsyncIterator[House]:
    async with House(gateway) as house:
        yield house
        phones = [house.home, house.home_tcp, house.floor, *house.phones.values()]
        await asyncio.gather(
            *(call.hang_up() for phone in phones for call in phone.calls if not call.state.over)
        )


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
async def console(gateway: Gateway, browser: Browser) -> AsyncIterator[Console]:
    """Somebody's browser; whatever the page complains of fails the test."""
    console = await Console.open(browser, gateway)
    yield console
    await console.close()


GATEWAY = pytest.StashKey[tuple[Gateway, int]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.failed and GATEWAY in item.stash:
        gateway, mark = item.stash[GATEWAY]
        log = gateway.text(mark).splitlines()
        report.sections.append(("gateway log of this test", "\n".join(log[-LOG_LINES:])))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    print_figures(terminalreporter)
