"""The trail's queue: what is acknowledged is on the disk; what cannot be written is said, kept, and written later."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from databases import Postgres
from sqlalchemy import select

from gateway.config.model import Store
from gateway.store import Database
from gateway.store.migrating import migrate
from gateway.store.place import store_url
from gateway.store.tables.trail import trail
from gateway.trail import writer as writing
from gateway.trail.key import load_or_make
from gateway.trail.record import Record
from gateway.trail.verifying import Verdict, verify
from gateway.trail.waiting import Waiting
from gateway.trail.writer import TrailUnavailable, Writer

KEY = Ed25519PrivateKey.generate()
AT = "2026-11-25T10:00:00.000Z"


async def kinds(database: Database) -> list[str]:
    async with database.read() as connection:
        rows = await connection.execute(select(trail.c.kind).order_by(trail.c.seq))
        return list(rows.scalars())


async def verdict_of(database: Database, key: Ed25519PrivateKey = KEY) -> Verdict:
    async with database.read() as connection:
        (verdict,) = await verify(connection, {"node1": key.public_key().public_bytes_raw()})
    return verdict


async def healthy(writer: Writer) -> None:
    """Wait until it writes again."""
    async with asyncio.timeout(60):
        while writer.why_not() is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_record_that_is_acknowledged_is_there_and_the_order_is_kept(
    database: Database, tmp_path: Path
) -> None:
    writer = Writer(database, "node1", KEY, Waiting(tmp_path))
    writer.start()
    for number in range(500):
        writer.put(f"feed.n{number}", None, {})
    await writer.commit("feed.asked", "c-1", {"user": "ann"})
    assert await kinds(database) == [*(f"feed.n{number}" for number in range(500)), "feed.asked"]
    assert writer.why_not() is None
    writer.put("feed.last", None, {})
    await writer.stop()
    assert (await kinds(database))[-1] == "feed.last"
    assert (await verdict_of(database)).findings == []


async def test_then_is_called_with_the_answer(database: Database, tmp_path: Path) -> None:
    writer = Writer(database, "node1", KEY, Waiting(tmp_path))
    writer.start()
    answered: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    writer.before("supervision.asked", "c-1", {"user": "ann"}, answered.set_result)
    async with asyncio.timeout(30):
        assert await answered is None
    assert await kinds(database) == ["supervision.asked"]
    await writer.stop()


@pytest.mark.interop
async def test_while_the_store_is_down_nobody_is_let_in_and_nothing_is_lost(
    postgres: Postgres, tmp_path: Path
) -> None:
    database = Database(store_url(Store(url=postgres.new_database())))
    await migrate(database)
    writer = Writer(database, "node1", KEY, Waiting(tmp_path), retry_s=0.05)
    writer.start()
    await writer.commit("feed.asked", None, {"n": 1})
    postgres.halt()
    try:
        with pytest.raises(TrailUnavailable, match="the trail cannot be written now"):
            await writer.commit("feed.asked", None, {"n": 2})
        assert (writer.why_not() or "").startswith("the trail cannot be written")
        assert (writer.failing or "").startswith("the store postgresql")
        writer.put("supervisor.left", None, {"n": 3})
        refused: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        writer.before("feed.asked", None, {"n": 4}, refused.set_result)
        async with asyncio.timeout(30):
            assert "cannot be written" in (await refused or "")
    finally:
        postgres.run()
    await healthy(writer)
    await writer.commit("feed.asked", None, {"n": 5})
    await writer.stop()
    assert await kinds(database) == [
        "feed.asked",
        "feed.asked",
        "supervisor.left",
        "feed.asked",
        "feed.asked",
    ]
    assert (await verdict_of(database)).findings == []
    await database.close()


async def test_a_full_disk_is_said_and_what_waited_is_written_when_there_is_room(tmp_path: Path) -> None:
    database = Database(store_url(Store(url=f"sqlite:///{tmp_path}/gateway.db")))
    await migrate(database)
    writer = Writer(database, "node1", KEY, Waiting(tmp_path), retry_s=0.02)
    # SQLite's own word for a disk that is full; set on the connection that the pool then gives the writer.
    async with database.engine.connect() as connection:
        pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar()
        await connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    writer.start()
    with pytest.raises(TrailUnavailable, match="cannot be written"):
        for _ in range(2000):
            await writer.commit("feed.asked", None, {"long": "x" * 2000})
    assert "full" in (writer.failing or "")
    async with database.engine.connect() as connection:
        await connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    await healthy(writer)
    await writer.commit("feed.asked", None, {})
    await writer.stop()
    assert (await verdict_of(database)).findings == []
    await database.close()


async def test_more_than_can_wait_is_counted_and_told(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "QUEUE", 5)
    writer = Writer(database, "node1", KEY, Waiting(tmp_path))
    for number in range(8):
        writer.put(f"feed.n{number}", None, {})
    writer.start()
    await writer.stop()
    assert await kinds(database) == [*(f"feed.n{number}" for number in range(5)), "trail.lost"]


async def test_what_the_store_did_not_take_is_written_by_the_next_process_once_with_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.database.BUSY_MS", 300)
    database = Database(store_url(Store(url=f"sqlite:///{tmp_path}/gateway.db")))
    await migrate(database)
    file = tmp_path / "state" / "trail-waiting.jsonl"
    file.parent.mkdir()
    writer = Writer(database, "node1", KEY, Waiting(file.parent), retry_s=0.02)
    writer.start()
    await writer.commit("feed.asked", None, {})
    # Somebody else's transaction that does not end: SQLite gives up on ours.
    with closing(sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(writing, "COMMIT_S", 0.1)
        writer.put("supervisor.joined", "c-1", {"user": "fiona"}, "2026-11-25T01:02:03.004Z")
        async with asyncio.timeout(60):
            while not file.exists():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await writer.stop(0.1)
        assert (writer.waiting, file.stat().st_mode & 0o777) == (1, 0o600)
        # The next process cannot write it, either; and its own record comes behind.
        second = Writer(database, "node1", KEY, Waiting(file.parent), retry_s=0.02)
        second.start()
        second.put("supervisor.left", "c-1", {"user": "fiona"})
        assert second.waiting == 2
        await second.stop(0.1)
    with file.open("a") as torn:
        torn.write('{"id": "torn off in the mid')
    third = Writer(database, "node1", KEY, Waiting(file.parent))
    third.start()
    await third.stop()
    assert not file.exists()
    async with database.read() as connection:
        rows = await connection.execute(select(trail.c.kind, trail.c.at).order_by(trail.c.seq))
        written = [tuple(row) for row in rows]
    assert [kind for kind, _ in written] == ["feed.asked", "supervisor.joined", "supervisor.left"]
    assert written[1][1] == "2026-11-25T01:02:03.004Z"
    assert (await verdict_of(database)).findings == []
    await database.close()


async def test_a_disk_that_is_full_in_the_middle_of_a_record_costs_none(
    database: Database, tmp_path: Path
) -> None:
    """The file had room for two records and a part of the third; then there was room, then the process was killed."""
    records = [Record.make(f"feed.n{number}", AT, None, {}) for number in range(4)]
    waiting, file = Waiting(tmp_path), tmp_path / "trail-waiting.jsonl"
    waiting.add(records[:3])
    os.truncate(file, file.stat().st_size - 20)
    waiting.add(records)
    torn = file.read_bytes()
    writer = Writer(database, "node1", KEY, Waiting(tmp_path))
    writer.start()
    assert [record.kind for record in Waiting(tmp_path).read()][-4:] == [record.kind for record in records]
    await writer.commit("feed.asked", None, {})
    await writer.stop()
    assert sorted(await kinds(database)) == sorted([*(record.kind for record in records), "feed.asked"])
    assert (await verdict_of(database)).findings == []
    (put_away,) = tmp_path.glob("trail-waiting.jsonl*")
    assert put_away.read_bytes() == torn, "what could not be read is kept for an admin"


PROGRAM = """
import asyncio, sys
from pathlib import Path
from gateway.config.model import Store
from gateway.store import Database
from gateway.store.migrating import migrate
from gateway.store.place import store_url
from gateway.trail.key import load_or_make
from gateway.trail.waiting import Waiting
from gateway.trail.writer import Writer

async def main():
    folder = Path(sys.argv[1])
    database = Database(store_url(Store(state_directory=str(folder))))
    await migrate(database)
    writer = Writer(database, "node1", load_or_make(folder), Waiting(folder))
    writer.start()
    async def listen(who):
        for number in range(100_000):
            await writer.commit("feed.asked", None, {"user": f"{who}-{number}"})
            sys.stdout.write(f"said {who}-{number}\\n")
            sys.stdout.flush()
    await asyncio.gather(*(listen(f"run{sys.argv[2]}-user{who}") for who in range(5)))

asyncio.run(main())
"""


async def test_killed_while_writing_no_acknowledged_record_is_lost(tmp_path: Path) -> None:
    for cut in (40, 75, 130):
        said = await asyncio.to_thread(_killed_after, cut, tmp_path)
        database = Database(store_url(Store(state_directory=str(tmp_path))))
        async with database.read() as connection:
            users = list((await connection.execute(select(trail.c.user).order_by(trail.c.seq))).scalars())
        verdict = await verdict_of(database, load_or_make(tmp_path))
        await database.close()
        assert len(said) >= cut and said <= set(users)
        assert verdict.findings == [] and verdict.records == len(users)


def _killed_after(count: int, folder: Path) -> set[str]:
    """Run the program, kill it after so many acknowledgements; returns all that it gave."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(count)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said: set[str] = set()
    with process.stdout:
        for line in process.stdout:
            # What it had still said before it died was acknowledged, too; what is cut off was not said.
            if line.startswith("said ") and line.endswith("\n"):
                said.add(line.removeprefix("said ").strip())
            if len(said) == count:
                process.kill()
    assert process.wait() == -signal.SIGKILL
    return said
