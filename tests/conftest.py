"""The order of the folders; databases to test against."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from databases import Postgres
from hypothesis import HealthCheck, settings

from gateway.config.model import Store
from gateway.store import Database
from gateway.store.migrating import migrate
from gateway.store.place import store_url

# How long an example takes says how busy the machine is.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """tests/native last: its wrapper of libsrtp2 and PJSIP would start one library twice in one process."""
    items.sort(key=lambda item: "native" in item.path.parts)


@pytest.fixture(autouse=True, scope="session")
def _state_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A gateway that is given no state directory keeps its files here, not in the system's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWAY_STATE_DIRECTORY", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of our own."""
    server = Postgres()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.interop)])
async def empty_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """`[store]` of an empty database: SQLite, then PostgreSQL."""
    if request.param == "sqlite":
        return Store(url=f"sqlite:///{tmp_path}/store/gateway.db")
    server: Postgres = request.getfixturevalue("postgres")
    return Store(url=server.new_database())


@pytest.fixture
async def database(empty_store: Store) -> AsyncIterator[Database]:
    """The same with its tables made."""
    opened = Database(store_url(empty_store))
    await migrate(opened)
    yield opened
    await opened.close()
