"""The one way to the database: transactions for reading and for writing.

SQLite is opened with a write-ahead log and `synchronous=FULL`: what a `write()` has left is on the disk, and
survives kill -9 and a power cut (https://sqlite.org/pragma.html#pragma_synchronous). Writers take the lock
when they begin (BEGIN IMMEDIATE), so that none of them fails halfway for having read first. All of it runs on
SQLAlchemy's own threads or sockets: the loop is never blocked.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_only

from gateway.store.errors import StoreUnavailable, first_line, is_outage

BUSY_MS = 5000
"""How long a SQLite writer waits for another one's transaction to end [ms]."""
CONNECT_S = 5.0
COMMAND_S = 10.0
"""PostgreSQL: until it must have answered [s]."""
_WAL_PAUSE_MS = 10
_WRITES = "gateway_writes"


class Database:
    """Loop's thread only. Nothing is connected before the first transaction; `close` when done."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.engine = _engine(url)

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @property
    def is_file_without_tables(self) -> bool:
        """SQLite, and nothing has been written yet: where it cannot be now, it never could."""
        path = Path(self.url.database or "")
        return self.is_sqlite and not (path.exists() and path.stat().st_size)

    @property
    def place(self) -> str:
        """For people: the URL without its password."""
        return self.url.render_as_string(hide_password=True)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that is committed at the end, rolled back by an exception. Raises
        `StoreUnavailable`.
        """
        async with self._translated(), self.engine.connect() as connection:
            await connection.execution_options(**{_WRITES: True})
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A view of one instant. Raises `StoreUnavailable`."""
        async with self._translated(), self.engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        try:
            yield
        except Exception as error:
            if is_outage(error):
                raise StoreUnavailable(f"the store {self.place}: {first_line(error)}") from error
            raise

    async def close(self) -> None:
        """Safe twice."""
        await self.engine.dispose()


def _engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() != "sqlite":
        connect: Mapping[str, Any] = {"timeout": CONNECT_S, "command_timeout": COMMAND_S}
        return create_async_engine(
            url, pool_pre_ping=True, pool_size=5, max_overflow=5, pool_timeout=CONNECT_S, connect_args=connect
        )
    engine = create_async_engine(url, connect_args={"timeout": BUSY_MS / 1000})
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    # The driver is to begin no transaction by itself: `_begin_sqlite` does.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={BUSY_MS}", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    _write_ahead(cursor)
    cursor.close()


def _write_ahead(cursor: Any) -> None:
    """Journal mode WAL, which stays with the file. SQLite keeps nobody waiting for it: of two that switch a
    new file at once, one is told that it is locked, however long `busy_timeout` is.
    """
    for _ in range(BUSY_MS // _WAL_PAUSE_MS):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            await_only(asyncio.sleep(_WAL_PAUSE_MS / 1000))
    cursor.execute("PRAGMA journal_mode=WAL")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
