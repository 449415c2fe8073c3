"""`gateway user add | list | disable | enable | password`: the store's users.

A password is asked for twice, or read as one line from standard input where that is no terminal. It is never
an argument: those are seen by everybody on the machine.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from gateway.accounts.passwords import LONGEST, SHORTEST, hashed
from gateway.accounts.users import UserMistake, Users, check_roles
from gateway.config.fields import Identity, Name
from gateway.config.loading import load
from gateway.config.model import Config
from gateway.config.people import Directory
from gateway.core.permissions import ROLE_ACTIONS, User
from gateway.store import Database
from gateway.store.migrating import migrate
from gateway.store.place import made_state_directory, store_url
from gateway.trail.chain import append
from gateway.trail.key import load_or_make
from gateway.trail.record import Record, now_at

app = typer.Typer(help="Users of the store.", no_args_is_help=True, add_completion=False)
ConfigFile = Annotated[
    Path, typer.Option("-c", "--config", metavar="FILE", help="The configuration, a TOML file.")
]
UserId = Annotated[str, typer.Argument(metavar="ID", help="The user's short name.")]
T = TypeVar("T")


@app.command()
def add(
    user: UserId,
    config: ConfigFile,
    role: Annotated[list[str], typer.Option(help=f"One of {', '.join(ROLE_ACTIONS)}; may be repeated.")],
    team: Annotated[list[str] | None, typer.Option(help="A team; may be repeated. Left out: all.")] = None,
    name: Annotated[str, typer.Option(help="The name for people to read.")] = "",
    sip: Annotated[str, typer.Option(help='Their phone: "user" or "user@host".')] = "",
    no_password: Annotated[bool, typer.Option("--no-password", help="They use a phone alone.")] = False,
) -> None:
    """Add a user; the password is asked for."""
    check_roles(role)
    settings = load(config)
    person = User(
        _checked(Name, user, "ID"),
        name or user,
        _checked(Identity, sip, "--sip") if sip else None,
        frozenset(role),
        frozenset(team or ["*"]),
    )
    directory = Directory(settings)
    # An advisor of the configuration may have a password here: who they are stays with the configuration.
    an_advisor = person.roles == {"advisor"} and any(one.id == person.id for one in settings.advisors)
    if directory.configured(person.id) is not None and not an_advisor:
        raise UserMistake(f'the configuration has a user "{user}" already')
    if person.sip and directory.by_sip(f"sip:{person.sip.partition('@')[0]}@any.invalid") is not None:
        raise UserMistake(f'"{person.sip}" is the phone of somebody in the configuration')
    password = None if no_password else hashed(_password())
    facts = {"roles": sorted(person.roles), "teams": sorted(person.teams), "sip": person.sip}
    _change(settings, "user.added", user, lambda users: users.add(person, password=password), facts)
    typer.echo(f"added {user}")


@app.command("list")
def list_users(config: ConfigFile) -> None:
    """Show the store's users."""
    settings = load(config)
    accounts = _run(settings, lambda users: users.all())
    if not accounts:
        typer.echo(
            f"nobody yet; the configuration has {len(settings.users)} besides, who are not listed here"
        )
        return
    table = Table(box=None, pad_edge=False)
    for title in ("id", "name", "sip", "roles", "teams", "signs in by", ""):
        table.add_column(title)
    for account in accounts:
        user = account.user
        means = "password" if account.password else "OpenID Connect" if account.subject else "-"
        lists = ", ".join(sorted(user.roles)), ", ".join(sorted(user.teams))
        table.add_row(
            user.id, user.name, user.sip or "-", *lists, means, "disabled" if account.disabled else ""
        )
    Console(soft_wrap=True).print(table, highlight=False, markup=False)


@app.command()
def disable(user: UserId, config: ConfigFile) -> None:
    """Let a user in no more, and sign them out everywhere at once."""
    _change(load(config), "user.disabled", user, lambda users: users.set_disabled(user, True))
    typer.echo(f"disabled {user}")


@app.command()
def enable(user: UserId, config: ConfigFile) -> None:
    """Let a disabled user in again."""
    _change(load(config), "user.enabled", user, lambda users: users.set_disabled(user, False))
    typer.echo(f"enabled {user}")


@app.command()
def password(user: UserId, config: ConfigFile) -> None:
    """Give a user a new password, which is asked for; they are signed out everywhere."""
    settings = load(config)
    stored = hashed(_password())
    _change(settings, "user.password", user, lambda users: users.set_password(user, stored))
    typer.echo(f"{user} has a new password")


def _run(config: Config, ask: Callable[[Users], Awaitable[T]]) -> T:
    async def asked(database: Database) -> T:
        return await ask(Users(database))

    return _with_store(config, asked)


def _change(
    config: Config,
    kind: str,
    user: str,
    change: Callable[[Users], Awaitable[None]],
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Change a user and put on record which account of this machine did it."""
    key = load_or_make(made_state_directory(config.store))
    who = os.environ.get("SUDO_USER") or getpass.getuser()

    async def changed(database: Database) -> None:
        await change(Users(database))
        record = Record.make(
            kind, now_at(), None, {"user": who, "source": "command line", "whom": user, **(facts or {})}
        )
        async with database.write() as connection:
            await append(connection, config.node.name, key, [record])

    _with_store(config, changed)


def _with_store(config: Config, work: Callable[[Database], Awaitable[T]]) -> T:
    async def done() -> T:
        database = Database(store_url(config.store))
        try:
            await migrate(database)
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(done())


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return str(
        typer.prompt(
            f"Password, {SHORTEST} to {LONGEST} characters", hide_input=True, confirmation_prompt=True
        )
    )


def _checked(kind: Any, text: str, what: str) -> str:
    """As the configuration would take it."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return str(TypeAdapter(kind).validate_python(text))
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UserMistake(f'{what} is "{text}"; {why}') from None
