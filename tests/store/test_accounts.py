"""`gateway.accounts`: users, sessions and sign-in, on both databases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from gateway import cli
from gateway.accounts.passwords import BadPassword, hashed, matches
from gateway.accounts.roll import Roll
from gateway.accounts.sessions import IDLE, LONGEST, Sessions, prune_sessions
from gateway.accounts.signin import SignIn
from gateway.accounts.users import UserMistake, Users
from gateway.config.model import Config
from gateway.config.people import Directory
from gateway.core.errors import BadCredentials, GatewayError, TooManyAttempts
from gateway.core.permissions import User
from gateway.store import Database
from gateway.store.tables.sessions import devices, sessions

PASSWORD = "correct horse battery"
HASHED = hashed(PASSWORD)
ANN = User("ann", "Ann Archer", "9001", frozenset({"floorwalker"}), frozenset({"north"}))
BOOT = User("boot", "Boot", None, frozenset({"admin"}), frozenset({"*"}))
TOKEN = "boot-" + "0" * 32


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 11, 25, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


class House:
    """Everything that signing in needs."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock = database, Clock()
        self.news: list[tuple[str, Mapping[str, Any]]] = []
        self.users = Users(database)
        self.sessions = Sessions(database, lambda user: BOOT if user == BOOT.id else None, self.clock)
        self.sign_in = SignIn(
            self.users,
            self.sessions,
            lambda token: BOOT if token == TOKEN else None,
            lambda kind, facts: self.news.append((kind, facts)),
            clock=lambda: self.clock.at.timestamp(),
        )

    async def stored(self) -> str:
        async with self.database.read() as connection:
            return repr([(await connection.execute(select(t))).all() for t in (sessions, devices)])


@pytest.fixture
async def house(database: Database) -> House:
    house = House(database)
    await house.users.add(ANN, password=HASHED)
    return house


async def test_a_user_signs_in_and_is_who_they_are(house: House) -> None:
    opened = await house.sign_in.by_password("ann", PASSWORD, "192.0.2.1", None)
    found = await house.sign_in.find(opened.token)
    assert found is not None and found.user == ANN and found.csrf == opened.session.csrf
    assert house.news == [
        ("signin.ok", {"user": "ann", "name": "Ann Archer", "source": "192.0.2.1", "via": "password"})
    ]
    seen = await house.sessions.signed_in()
    assert [(one["user"], one["source"]) for one in seen] == [("ann", "192.0.2.1")]
    stored = await house.stored()
    assert opened.token not in stored and opened.device not in stored
    await house.sign_in.sign_out(found, "192.0.2.1")
    assert await house.sign_in.find(opened.token) is None


@pytest.mark.parametrize("name", ["ann", "nobody", "boot", ""])
async def test_a_wrong_password_says_nothing_of_the_user(house: House, name: str) -> None:
    with pytest.raises(BadCredentials, match=r"^unknown user or wrong password$"):
        await house.sign_in.by_password(name, "wrong " + PASSWORD, "192.0.2.1", None)
    assert [kind for kind, _ in house.news] == ["signin.failed"]


async def test_somebody_elses_token_is_nobodys_password(house: House) -> None:
    with pytest.raises(BadCredentials):
        await house.sign_in.by_password("ann", TOKEN, "192.0.2.1", None)
    opened = await house.sign_in.by_password("boot", TOKEN, "192.0.2.1", None)
    found = await house.sign_in.find(opened.token)
    assert found is not None and found.user == BOOT


async def test_a_session_ends_when_it_is_not_used_and_slides_when_it_is(house: House) -> None:
    opened = await house.sign_in.by_password("ann", PASSWORD, "192.0.2.1", None)
    for _ in range(4):
        house.clock.at += IDLE - timedelta(minutes=1)
        assert await house.sign_in.find(opened.token) is not None
    house.clock.at += IDLE
    assert await house.sign_in.find(opened.token) is None
    assert await house.sessions.signed_in() == []


async def test_a_session_in_use_ends_at_its_longest(house: House) -> None:
    opened = await house.sign_in.by_password("ann", PASSWORD, "192.0.2.1", None)
    for _ in range(int(LONGEST / timedelta(minutes=20)) - 1):
        house.clock.at += timedelta(minutes=20)
        assert await house.sign_in.find(opened.token) is not None
    house.clock.at += timedelta(minutes=20)
    assert await house.sign_in.find(opened.token) is None
    assert await prune_sessions(house.database, house.clock.at + timedelta(seconds=1)) == 1


async def test_disabling_signs_out_at_once_and_a_change_of_roles_shows_at_once(house: House) -> None:
    opened = await house.sign_in.by_password("ann", PASSWORD, "192.0.2.1", None)
    await house.users.set_disabled("ann", True)
    assert await house.sign_in.find(opened.token) is None
    assert await house.sign_in.look(opened.session.digest) is None
    with pytest.raises(BadCredentials):
        await house.sign_in.by_password("ann", PASSWORD, "192.0.2.1", None)
    await house.users.set_disabled("ann", False)
    assert await house.sign_in.find(opened.token) is None
    await house.sign_in.by_password("ann", PASSWORD, "192.0.2.1", None)


async def test_a_new_password_signs_out_and_forgets_browsers(house: House) -> None:
    opened = await house.sign_in.by_password("ann", PASSWORD, "192.0.2.1", None)
    await house.users.set_password("ann", hashed("another good one"))
    assert await house.sign_in.find(opened.token) is None
    assert not await house.sessions.knows_device("ann", opened.device)
    with pytest.raises(BadCredentials):
        await house.sign_in.by_password("ann", PASSWORD, "192.0.2.1", None)
    await house.sign_in.by_password("ann", "another good one", "192.0.2.1", None)


async def test_guessing_is_stopped_and_the_persons_own_browser_still_gets_in(house: House) -> None:
    mine = await house.sign_in.by_password("ann", PASSWORD, "192.0.2.1", None)
    tried = 0
    with pytest.raises(TooManyAttempts) as stopped:
        for tried in range(100):  # noqa: B007
            with pytest.raises(BadCredentials):
                await house.sign_in.by_password("ann", "guess", "192.0.2.1", "not a known device")
    assert tried == 5
    assert (stopped.value.retry_after_s or 0) > 0
    # Not even the right password helps a stranger now; the device cookie helps only whom it belongs to.
    with pytest.raises(TooManyAttempts):
        await house.sign_in.by_password("ann", PASSWORD, "192.0.2.1", None)
    again = await house.sign_in.by_password("ann", PASSWORD, "192.0.2.1", mine.device)
    assert again.device == mine.device
    assert not await house.sessions.knows_device("boot", mine.device)
    assert (
        "signin.refused",
        {"user": "ann", "source": "192.0.2.1", "why": "too many attempts"},
    ) in house.news


async def test_whom_a_provider_vouches_for(house: House) -> None:
    ben = User("ben", "Ben", None, frozenset({"auditor"}), frozenset({"north"}))
    first = await house.sign_in.by_provider(ben, "https://idp ben", "192.0.2.1", None)
    promoted = User("renamed", "Ben B", None, frozenset({"manager"}), frozenset({"*"}))
    second = await house.sign_in.by_provider(promoted, "https://idp ben", "192.0.2.1", None)
    for opened in (first, second):
        found = await house.sign_in.find(opened.token)
        assert found is not None
        assert (found.user.id, found.user.name, found.user.roles) == ("ben", "Ben B", frozenset({"manager"}))
    with pytest.raises(UserMistake, match="signs in another way"):
        await house.sign_in.by_provider(ANN, "https://idp mallory", "192.0.2.1", None)
    await house.users.set_disabled("ben", True)
    with pytest.raises(BadCredentials):
        await house.sign_in.by_provider(ben, "https://idp ben", "192.0.2.1", None)


async def test_the_book_of_users(house: House) -> None:
    with pytest.raises(UserMistake, match="there is a user"):
        await house.users.add(ANN)
    with pytest.raises(UserMistake, match='found the role "chief"; allowed: advisor'):
        await house.users.add(User("x", roles=frozenset({"chief"})))
    with pytest.raises(UserMistake, match='no user "x"'):
        await house.users.set_disabled("x", True)
    assert [account.user for account in await house.users.all()] == [ANN]


async def test_a_user_of_the_store_is_known_by_their_phone(house: House) -> None:
    directory = Directory(Config())
    roll = Roll(house.users, directory.set_stored)
    await roll.start()
    assert directory.by_sip("sip:9001@192.0.2.5") == ANN
    assert directory.by_id("ann") == ANN and directory.configured("ann") is None
    await house.users.set_disabled("ann", True)
    await roll._read()
    assert directory.by_sip("sip:9001@192.0.2.5") is None
    await roll.stop()


def test_passwords_are_argon2id_and_of_a_decent_length() -> None:
    assert HASHED.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert matches(HASHED, PASSWORD) and not matches(HASHED, PASSWORD + "x") and not matches(None, PASSWORD)
    for bad in ("short", "x" * 201):
        with pytest.raises(BadPassword, match="12 to 200"):
            hashed(bad)


def test_the_command_line(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'[store]\nstate_directory = "{tmp_path}/state"\n[[user]]\nid = "toml"\nsip = "9009"\nroles = ["admin"]\n'
        '[[advisor]]\nid = "ada"\nextension = "2001"\nteam = "north"\n'
    )

    def run(*args: str, typed: str = "") -> tuple[int, str]:
        result = CliRunner().invoke(cli.app, ["user", args[0], "-c", str(config), *args[1:]], input=typed)
        assert result.exception is None or isinstance(result.exception, GatewayError | SystemExit)
        return result.exit_code, result.output + str(result.exception or "")

    assert run("add", "ann", "--role", "auditor", "--team", "north", typed=PASSWORD + "\n") == (
        0,
        "added ann\n",
    )
    for args, why in [
        (("add", "ann", "--role", "auditor"), "there is a user"),
        (("add", "toml", "--role", "auditor"), "the configuration has a user"),
        (("add", "toml", "--role", "advisor"), "the configuration has a user"),
        (("add", "ada", "--role", "advisor", "--role", "admin"), "the configuration has a user"),
        (("add", "x", "--role", "auditor", "--sip", "9009"), "is the phone of somebody"),
        (("add", "x", "--role", "chief"), "allowed: advisor"),
        (("add", "a b", "--role", "auditor"), "letters, digits"),
        (("disable", "x"), 'no user "x"'),
    ]:
        code, text = run(*args, typed=PASSWORD + "\n")
        assert code == 1 and why in text, args
    assert run("add", "ada", "--role", "advisor", typed=PASSWORD + "\n") == (0, "added ada\n")
    assert "12 to 200" in run("add", "x", "--role", "auditor", typed="short\n")[1]
    assert run("disable", "ann")[0] == 0
    assert "disabled" in run("list")[1]
    assert run("enable", "ann")[0] == 0
    assert run("password", "ann", typed="another good one\n") == (0, "ann has a new password\n")
    listed = run("list")[1]
    assert "ann" in listed and "password" in listed and "disabled" not in listed


async def test_an_advisor_of_the_configuration_signs_in_by_a_password_of_the_store(
    database: Database,
) -> None:
    """Who they are stays with the configuration, whatever the store says of their roles and teams."""
    table = {"advisor": [{"id": "ada", "name": "Ada", "extension": "2001", "team": "north"}]}
    directory = Directory(Config.model_validate(table), {})
    users = Users(database)
    await users.add(User("ada", "Somebody", None, frozenset({"advisor"}), frozenset({"*"})), password=HASHED)
    sign_in = SignIn(users, Sessions(database, directory.configured), directory.by_token, lambda *_: None)
    opened = await sign_in.by_password("ada", PASSWORD, "192.0.2.1", None)
    found = await sign_in.find(opened.token)
    assert found is not None and found.user == directory.by_id("ada")
    assert (found.user.name, found.user.teams) == ("Ada", frozenset({"north"}))
