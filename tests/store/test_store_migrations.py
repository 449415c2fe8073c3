"""`gateway.store`: the tables are made, made only once, and are what the code takes them to be; on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from databases import Postgres
from sqlalchemy import Connection, insert, select, text
from typer.testing import CliRunner

from gateway import cli
from gateway.config.model import Store
from gateway.store import Database, StoreError, StoreUnavailable
from gateway.store.keeper import Keeper
from gateway.store.migrating import latest, migrate, revision
from gateway.store.place import state_directory, store_url
from gateway.store.retention import Retention, Rule, by_column
from gateway.store.tables import metadata
from gateway.store.tables.sessions import devices, sessions


async def test_an_empty_database_is_migrated_once(empty_store: Store) -> None:
    database = Database(store_url(empty_store))
    assert await revision(database) is None
    assert await migrate(database) == (None, latest())
    assert await migrate(database) == (latest(), latest())
    assert await revision(database) == latest()
    await database.close()


async def test_gateways_that_start_together_migrate_once(empty_store: Store) -> None:
    together = [Database(store_url(empty_store)) for _ in range(4)]
    results = await asyncio.gather(*(migrate(one) for one in together))
    assert sorted(before or "" for before, _ in results) == ["", *[latest()] * 3]
    for one in together:
        await one.close()


async def test_the_migrations_make_what_the_code_knows(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    async with database.read() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_database_from_the_future_is_left_alone(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="revision 9999, which a later version"):
        await migrate(database)


async def test_what_fails_is_rolled_back_and_instants_come_back_in_utc(database: Database) -> None:
    summer = datetime(2026, 7, 1, 12, 0, 0, 123000, timezone(timedelta(hours=1)))
    device = {"digest": b"d" * 32, "user": "ann", "seen_at": summer}
    with pytest.raises(ZeroDivisionError):
        async with database.write() as connection:
            await connection.execute(insert(devices).values(device))
            raise ZeroDivisionError
    async with database.read() as connection:
        assert (await connection.execute(select(devices))).all() == []
    async with database.write() as connection:
        await connection.execute(insert(devices).values(device))
    async with database.read() as connection:
        seen = (await connection.execute(select(devices.c.seen_at))).scalar_one()
    assert seen == summer and seen.tzinfo is UTC


async def test_retention_deletes_what_is_past_it(database: Database) -> None:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    async with database.write() as connection:
        for days in range(10):
            at = now - timedelta(days=days)
            await connection.execute(
                insert(devices).values(digest=bytes([days] * 32), user="ann", seen_at=at)
            )
    rules = [
        Rule("devices", 6.5, by_column(devices, "seen_at")),
        Rule("kept", None, by_column(sessions, "ends_at")),
    ]
    assert await Retention(database, rules, lambda: now).run() == {"devices": 3}
    assert await Retention(database, rules, lambda: now).run() == {}


async def test_writers_wait_for_one_another(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.write() as connection:
            await connection.execute(select(devices))
            await connection.execute(
                insert(devices).values(digest=bytes([number] * 32), user="ann", seen_at=datetime.now(UTC))
            )

    await asyncio.gather(*(write(number) for number in range(20)))
    async with database.read() as connection:
        assert len((await connection.execute(select(devices))).all()) == 20


async def test_sqlite_is_set_to_lose_nothing(tmp_path: Path) -> None:
    database = Database(store_url(Store(state_directory=str(tmp_path / "made" / "here"))))
    async with database.read() as connection:
        found = {
            name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    await database.close()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    file = tmp_path / "made" / "here" / "gateway.db"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=rf"\[store\] cannot use {tmp_path}/file/state: .*state_directory"):
        store_url(Store(state_directory=f"{tmp_path}/file/state"))
    with pytest.raises(StoreError, match="cannot use"):
        store_url(Store(url=f"sqlite:///{tmp_path}/file/gateway.db"))


def test_where_the_state_is() -> None:
    assert state_directory(Store(), {"STATE_DIRECTORY": "/a:/b"}) == Path("/a")
    assert state_directory(Store(), {"STATE_DIRECTORY": "/a", "GATEWAY_STATE_DIRECTORY": "/c"}) == Path("/c")
    assert state_directory(Store(state_directory="/d"), {"STATE_DIRECTORY": "/a"}) == Path("/d")


def test_the_password_is_from_the_environment_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from file\n")
    url = "postgresql://gateway@db.example/gateway"
    assert store_url(Store(url=url, password_env="P"), {"P": "from env"}).password == "from env"
    assert store_url(Store(url=url, password_file=f"{tmp_path}/secret"), {}).password == "from file"
    assert "from env" not in Database(store_url(Store(url=url, password_env="P"), {"P": "from env"})).place


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://me:secret@h/d", "password_env or password_file"),
        ("mysql://h/d", "allowed:"),
        ("sqlite:///relative.db", "four slashes"),
        ("postgresql://h", "allowed:"),
    ],
)
def test_urls_that_are_refused(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Store(url=url)


@pytest.mark.interop
async def test_a_database_that_is_down_is_an_outage_and_tried_again(postgres: Postgres) -> None:
    store = Store(url=postgres.new_database())
    postgres.halt()
    keeper = Keeper(Database(store_url(store)), retry_s=0.05)
    try:
        await keeper.start()
        assert not keeper.ready.is_set()
        with pytest.raises(StoreUnavailable, match="the store postgresql"):
            await revision(keeper.database)
    finally:
        postgres.run()
    async with asyncio.timeout(60):
        await keeper.ready.wait()
    assert await revision(keeper.database) == latest()
    await keeper.stop()


def test_the_command(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(f'[store]\nstate_directory = "{tmp_path}/state"\n')

    def run(verb: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli.app, ["store", verb, "-c", str(config)])
        return result.exit_code, result.output

    assert run("info")[0] == 1
    assert run("migrate") == (0, f"migrated from None to {latest()}\n")
    assert run("migrate") == (0, f"already at revision {latest()}\n")
    assert run("info")[0] == 0
