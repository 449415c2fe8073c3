"""`gateway store migrate | info`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.config.loading import load
from gateway.store.database import Database
from gateway.store.migrating import latest, migrate, revision
from gateway.store.place import store_url

app = typer.Typer(help="The database.", no_args_is_help=True, add_completion=False)
ConfigFile = Annotated[
    Path, typer.Option("-c", "--config", metavar="FILE", help="The configuration, a TOML file.")
]


@app.command("migrate")
def migrate_command(config: ConfigFile) -> None:
    """Bring the database's tables to what this version needs; `gateway serve` does it by itself."""
    before, after = asyncio.run(_migrate(_database(config)))
    typer.echo(f"already at revision {after}" if before == after else f"migrated from {before} to {after}")


@app.command()
def info(config: ConfigFile) -> None:
    """Where the database is and at which revision; exit 1 where it needs migrating."""
    database = _database(config)
    at = asyncio.run(_revision(database))
    typer.echo(f"{database.place}: revision {at}, this version needs {latest()}")
    raise typer.Exit(0 if at == latest() else 1)


def _database(config: Path) -> Database:
    return Database(store_url(load(config).store))


async def _migrate(database: Database) -> tuple[str | None, str]:
    try:
        return await migrate(database)
    finally:
        await database.close()


async def _revision(database: Database) -> str | None:
    try:
        return await revision(database)
    finally:
        await database.close()
