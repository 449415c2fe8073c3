"""The users of the store. The configuration's are in `config.people`, and come first: an id is one
person's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.core.errors import GatewayError
from gateway.core.permissions import ROLE_ACTIONS, User
from gateway.store import Database
from gateway.store.tables.metadata import utc_now
from gateway.store.tables.people import users
from gateway.store.tables.sessions import devices, sessions


class UserMistake(GatewayError):
    """What was asked of the book of users does not fit; says what would."""


@dataclass(frozen=True, slots=True)
class Account:
    """A row of `users`."""

    user: User
    disabled: bool
    password: str | None
    subject: str | None


class Users:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, user: User, *, password: str | None = None, subject: str | None = None) -> None:
        """password: as `passwords.hashed` made it. Raises `UserMistake` for an id that is taken or an unknown
        role.
        """
        check_roles(user.roles)
        row = {**_columns(user), "password": password, "subject": subject, "disabled": False}
        try:
            async with self._database.write() as connection:
                await connection.execute(
                    insert(users).values(**row, created_at=utc_now(), changed_at=utc_now())
                )
        except IntegrityError:
            raise UserMistake(f'there is a user "{user.id}" already') from None

    async def all(self) -> list[Account]:
        """By id."""
        async with self._database.read() as connection:
            return [_account(row) for row in await connection.execute(select(users).order_by(users.c.id))]

    async def find(self, user_id: str) -> Account | None:
        async with self._database.read() as connection:
            row = (await connection.execute(select(users).where(users.c.id == user_id))).one_or_none()
        return _account(row) if row else None

    async def set_disabled(self, user_id: str, disabled: bool) -> None:
        """A disabled user is signed out everywhere in the same transaction. Raises `UserMistake`."""
        async with self._database.write() as connection:
            await _change(connection, user_id, disabled=disabled)
            if disabled:
                await _sign_out(connection, user_id)

    async def set_password(self, user_id: str, password: str) -> None:
        """The old one's sessions and known browsers end with it. Raises `UserMistake`."""
        async with self._database.write() as connection:
            await _change(connection, user_id, password=password)
            await _sign_out(connection, user_id)

    async def of_subject(self, user: User, subject: str) -> Account:
        """The user whom the identity provider vouches for, made or brought up to date with what it says.

        Raises `UserMistake` where another user has that id.
        """
        async with self._database.write() as connection:
            row = (await connection.execute(select(users).where(users.c.subject == subject))).one_or_none()
            if row is None:
                taken = (await connection.execute(select(users.c.id).where(users.c.id == user.id))).first()
                if taken:
                    raise UserMistake(f'there is a user "{user.id}" already, who signs in another way')
                values = {**_columns(user), "subject": subject, "disabled": False}
                await connection.execute(
                    insert(users).values(**values, created_at=utc_now(), changed_at=utc_now())
                )
                return Account(user, False, None, subject)
            known = _account(row)
            current = User(known.user.id, user.name, known.user.sip, user.roles, user.teams)
            if current != known.user:
                await _change(connection, current.id, **_columns(current))
        return Account(current, known.disabled, known.password, subject)


def check_roles(roles: Iterable[str]) -> None:
    """Raises `UserMistake` for none or an unknown one."""
    if unknown := sorted(set(roles) - set(ROLE_ACTIONS)):
        raise UserMistake(f'found the role "{unknown[0]}"; allowed: {", ".join(ROLE_ACTIONS)}')
    if not set(roles):
        raise UserMistake(f"a user needs a role; allowed: {', '.join(ROLE_ACTIONS)}")


def as_user(values: Any) -> User:
    """A row of `users`, or a session's `person`, as `core.permissions` sees it."""
    return User(
        values["id"], values["name"], values["sip"], frozenset(values["roles"]), frozenset(values["teams"])
    )


def as_values(user: User) -> dict[str, Any]:
    """The same the other way round; ready for JSON."""
    return _columns(user)


def _columns(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.name or user.id,
        "sip": user.sip,
        "roles": sorted(user.roles),
        "teams": sorted(user.teams),
    }


def _account(row: Row[Any]) -> Account:
    return Account(as_user(row._mapping), row.disabled, row.password, row.subject)


async def _change(connection: AsyncConnection, user_id: str, **values: Any) -> None:
    changed = await connection.execute(
        update(users).where(users.c.id == user_id).values(**values, changed_at=utc_now())
    )
    if changed.rowcount == 0:
        raise UserMistake(f'there is no user "{user_id}" in the store')


async def _sign_out(connection: AsyncConnection, user_id: str) -> None:
    await connection.execute(delete(sessions).where(sessions.c.user == user_id))
    await connection.execute(delete(devices).where(devices.c.user == user_id))
