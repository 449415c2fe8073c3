"""What the folders that start the real gateway share: a gateway process per module, the people around it, its log beside every
failure. Their conftests take it over by name.

`settings`, `ports` and `command` may be overridden by a folder or a module. After each test the gateway must be running, idle, and
without a fault in its log.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e_gateway import Gateway, Ports, Settings, free_port
from e2e_house import House
from mosquitto import Mosquitto

LOG_LINES = 200
"Of the gateway's log beside a failure."
GATEWAY = pytest.StashKey[tuple[Gateway, int]]()


def mark_all(items: list[pytest.Item], folder: Path, mark: pytest.MarkDecorator) -> None:
    """Every test below `folder` has this mark."""
    for item in items:
        if folder in Path(item.path).parents:
            item.add_marker(mark)


@pytest.fixture(scope="session", autouse=True)
def many_files() -> None:
    """A phone takes three descriptors, a load test hundreds of phones."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.fixture(scope="module")
def ports() -> Ports:
    return Ports(free_port(), free_port(), free_port())


@pytest.fixture(scope="module")
def settings() -> Settings:
    """What the module's gateway is configured with."""
    return Settings()


@pytest.fixture(scope="module")
def command() -> list[str] | None:
    """What runs the gateway; None: the installed program."""
    return None


@pytest.fixture(scope="module")
def running(
    settings: Settings, ports: Ports, command: list[str] | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """The module's gateway."""
    gateway = Gateway(settings, ports, tmp_path_factory.mktemp("gateway"), command)
    try:
        gateway.start()
        yield gateway
    finally:
        code = gateway.stop()
    assert code == 0, f"the gateway ended with {code}:\n{gateway.text()[-4000:]}"


@pytest.fixture
async def gateway(running: Gateway, request: pytest.FixtureRequest) -> AsyncIterator[Gateway]:
    """The module's gateway, and what must hold after every test."""
    mark = running.mark()
    request.node.stash[GATEWAY] = running, mark
    yield running
    assert running.running, "the gateway has ended"
    await running.idle()
    assert not running.faults(mark), "faults in the gateway's log"


@pytest.fixture
async def broker(gateway: Gateway, tmp_path: Path) -> AsyncIterator[Mosquitto]:
    """Mosquitto where the settings' `mqtt_url` says, with the gateway connected to it."""
    mark = gateway.mark()
    assert gateway.settings.mqtt_url is not None
    port = int(gateway.settings.mqtt_url.rpartition(":")[2])
    async with Mosquitto(tmp_path, port) as broker:
        await gateway.logged("mqtt.connected", since=mark)
        yield broker


@pytest.fixture
async def house(gateway: Gateway) -> AsyncIterator[House]:
    """Everybody at their phones."""
    async with House(gateway) as house:
        yield house
        await asyncio.gather(
            *(call.hang_up() for phone in _phones(house) for call in phone.calls if not call.state.over)
        )


def _phones(house: House) -> list[Any]:
    return [house.home, house.home_tcp, house.floor, *house.phones.values()]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.failed and GATEWAY in item.stash:
        gateway, mark = item.stash[GATEWAY]
        log = gateway.text(mark).splitlines()
        report.sections.append(("gateway log of this test", "\n".join(log[-LOG_LINES:])))
    return report
