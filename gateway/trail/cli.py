"""`gateway trail verify | export | key`."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.config.loading import load
from gateway.config.model import Config
from gateway.core.errors import GatewayError
from gateway.store import Database
from gateway.store.place import made_state_directory, store_url
from gateway.trail.export import COLUMNS, as_csv, csv_line, exported
from gateway.trail.key import load_or_make, public_hex
from gateway.trail.verifying import Verdict, verify

app = typer.Typer(help="The trail: who did what.", no_args_is_help=True, add_completion=False)
ConfigFile = Annotated[
    Path, typer.Option("-c", "--config", metavar="FILE", help="The configuration, a TOML file.")
]


class Format(StrEnum):
    CSV = "csv"
    JSON = "json"


@app.command("verify")
def verify_command(
    config: ConfigFile,
    key: Annotated[
        list[str] | None,
        typer.Option(metavar="NODE=HEX", help="Another node's public key; may be repeated."),
    ] = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="NODE=SEQ:HASH", help="An end of a chain that was noted elsewhere earlier."),
    ] = None,
) -> None:
    """Look for any change, removal or reordering; each is told with its place. Exit 0: none, 1: some."""
    settings = load(config)
    own = public_hex(load_or_make(made_state_directory(settings.store)))
    keys = {settings.node.name: bytes.fromhex(own), **dict(_key(text) for text in key or [])}
    verdicts = asyncio.run(_verified(settings, keys, dict(_expected(text) for text in expect or [])))
    for verdict in verdicts:
        for finding in verdict.findings:
            typer.echo(str(finding))
        sound = "sound" if not verdict.findings else f"{len(verdict.findings)} findings"
        doubt = "; no public key given, signatures not looked at" if verdict.unsigned else ""
        end = f"{verdict.last}:{verdict.last_hash.hex()}"
        typer.echo(f"node {verdict.node}: {verdict.records} records, ends at {end}: {sound}{doubt}")
    raise typer.Exit(1 if any(verdict.findings for verdict in verdicts) else 0)


@app.command()
def export(
    config: ConfigFile,
    since: Annotated[str, typer.Option(metavar="TIME", help="RFC 3339; from then on.")] = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="RFC 3339; up to then.")] = "",
    form: Annotated[
        Format, typer.Option("--format", help="CSV with a header, or one JSON object a line.")
    ] = (Format.CSV),
    call: Annotated[str, typer.Option(help="Of this call alone.")] = "",
    user: Annotated[str, typer.Option(help="Of this user alone.")] = "",
) -> None:
    """Print the records of a time range to standard output."""
    settings = load(config)
    bounds = (_time(since, "--since"), _time(until, "--until"))
    asyncio.run(_exported(settings, bounds, form, call or None, user or None))


@app.command("key")
def key_command(config: ConfigFile) -> None:
    """Print this node's public key; keep it elsewhere."""
    settings = load(config)
    typer.echo(f"{settings.node.name}={public_hex(load_or_make(made_state_directory(settings.store)))}")


async def _verified(
    config: Config, keys: dict[str, bytes], expected: dict[str, tuple[int, bytes]]
) -> list[Verdict]:
    database = Database(store_url(config.store))
    try:
        async with database.read() as connection:
            return await verify(connection, keys, expected)
    finally:
        await database.close()


async def _exported(
    config: Config, bounds: tuple[str | None, str | None], form: Format, call: str | None, user: str | None
) -> None:
    database = Database(store_url(config.store))
    try:
        if form is Format.CSV:
            typer.echo(csv_line(COLUMNS), nl=False)
        async for record in exported(database, *bounds, call, user):
            typer.echo(as_csv(record) if form is Format.CSV else json.dumps(record) + "\n", nl=False)
    finally:
        await database.close()


def _time(text: str, option: str) -> str | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise GatewayError(f'{option} is "{text}"; allowed: RFC 3339 such as 2026-11-25T14:00:00Z') from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _key(text: str) -> tuple[str, bytes]:
    node, _, value = text.partition("=")
    try:
        public = bytes.fromhex(value)
    except ValueError:
        public = b""
    if len(public) != 32:
        raise GatewayError(f'--key is "{text}"; allowed: NODE=HEX as `gateway trail key` prints it')
    return node, public


def _expected(text: str) -> tuple[str, tuple[int, bytes]]:
    node, _, value = text.partition("=")
    seq, _, hash_ = value.partition(":")
    try:
        return node, (int(seq), bytes.fromhex(hash_))
    except ValueError:
        raise GatewayError(
            f'--expect is "{text}"; allowed: NODE=SEQ:HASH as `gateway trail verify` prints it'
        ) from None
