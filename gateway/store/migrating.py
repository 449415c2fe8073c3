"""Bringing the database's tables to what this version of the gateway knows (Alembic).

All migrations run in one transaction on both databases. Several gateways that start at once wait for one
another: on SQLite by BEGIN IMMEDIATE, on PostgreSQL by an advisory lock.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from gateway.store.database import Database
from gateway.store.errors import StoreError

SCRIPTS = Path(__file__).with_name("migrations")
_LOCK = 0x5355_5047
"""Of PostgreSQL's advisory locks, ours."""


async def migrate(database: Database) -> tuple[str | None, str]:
    """Apply what is missing; returns the revisions before and after.

    Raises `StoreUnavailable`, and `StoreError` for a database that a later version of the gateway has
    changed.
    """
    async with database.write() as connection:
        if not database.is_sqlite:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        return await connection.run_sync(_upgrade)


async def revision(database: Database) -> str | None:
    """The revision that the database is at; None for an empty one."""
    async with database.read() as connection:
        return await connection.run_sync(
            lambda plain: MigrationContext.configure(plain).get_current_revision()
        )


def latest() -> str:
    """The revision that this version of the gateway needs."""
    head = _scripts().get_current_head()
    assert head is not None
    return head


def _upgrade(connection: Connection) -> tuple[str | None, str]:
    before = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in _scripts().walk_revisions()}
    if before is not None and before not in known:
        raise StoreError(
            f"[store] the database is at revision {before}, which a later version of the gateway has made; "
            f"this one knows up to {latest()}"
        )
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return before, latest()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
