"""What a browser's cookie stands for: 32 random bytes that only the browser holds; here is their SHA-256.

A session ends `IDLE` after it was last used, `LONGEST` after it began, when it is signed out, and when its
user is disabled or given a new password. Each request looks into the store, so all of that takes effect at
once and on every gateway that shares it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, or_, select, update

from gateway.accounts.users import as_user, as_values
from gateway.core.permissions import User
from gateway.store import Database
from gateway.store.tables.metadata import utc_now
from gateway.store.tables.people import users
from gateway.store.tables.sessions import devices, sessions

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
TOUCH = timedelta(seconds=60)
"""A session's last use is written down at most so often."""
DEVICE_KEPT = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class Session:
    """`csrf`: what a request that changes something must send along."""

    digest: bytes
    user: User
    csrf: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session with the values for the browser's two cookies: nobody has them but the browser."""

    token: str
    device: str
    session: Session


class Sessions:
    """`of_configuration(id)`: the user of the configuration; None for one whom it does not name."""

    def __init__(
        self,
        database: Database,
        of_configuration: Callable[[str], User | None],
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database = database
        self._of_configuration = of_configuration
        self._now = now

    async def open(self, user: User, source: str, device: str | None = None) -> Opened:
        """Begin one; `device`: this browser's proof, where it has a good one already. Raises
        `StoreUnavailable`.
        """
        token, csrf, now = secrets.token_urlsafe(32), secrets.token_urlsafe(24), self._now()
        proof = device or secrets.token_urlsafe(32)
        digest = digest_of(token)
        async with self._database.write() as connection:
            await connection.execute(
                insert(sessions).values(
                    digest=digest,
                    user=user.id,
                    csrf=csrf,
                    person=as_values(user),
                    source=source[:100],
                    created_at=now,
                    seen_at=now,
                    ends_at=now + LONGEST,
                )
            )
            known = update(devices).where(devices.c.digest == digest_of(proof), devices.c.user == user.id)
            if (await connection.execute(known.values(seen_at=now))).rowcount == 0:
                proof = secrets.token_urlsafe(32)
                await connection.execute(
                    insert(devices).values(digest=digest_of(proof), user=user.id, seen_at=now)
                )
        return Opened(token, proof, Session(digest, user, csrf, now + IDLE))

    async def find(self, token: str) -> Session | None:
        """Whose cookie this is, with today's roles; None for one that is unknown, past, or revoked.

        Using it moves its end. Raises `StoreUnavailable`.
        """
        return await self.look(digest_of(token), touch=True)

    async def look(self, digest: bytes, *, touch: bool = False) -> Session | None:
        """The same by what is stored; without `touch` its end stays."""
        now = self._now()
        asked = (
            select(sessions, users.c.id.label("account"), users.c.disabled)
            .add_columns(*(users.c[name].label(f"now_{name}") for name in ("name", "sip", "roles", "teams")))
            .outerjoin(users, users.c.id == sessions.c.user)
            .where(sessions.c.digest == digest)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(asked)).one_or_none()
        if row is None or row.ends_at <= now or row.seen_at + IDLE <= now or row.disabled:
            return None
        user = self._user(row._mapping)
        if user is None:
            return None
        if touch and row.seen_at + TOUCH <= now:
            async with self._database.write() as connection:
                await connection.execute(
                    update(sessions).where(sessions.c.digest == digest).values(seen_at=now)
                )
        return Session(digest, user, row.csrf, min(row.ends_at, now + IDLE))

    def _user(self, row: Any) -> User | None:
        """Roles as they are now: the configuration's user, else the store's. One who is in neither any more
        is nobody.
        """
        configured = self._of_configuration(row["user"])
        if configured is not None or row["account"] is None:
            return configured
        return as_user({"id": row["user"], **{name: row[f"now_{name}"] for name in _CURRENT}})

    async def close(self, digest: bytes) -> None:
        """Sign out. Raises `StoreUnavailable`."""
        async with self._database.write() as connection:
            await connection.execute(delete(sessions).where(sessions.c.digest == digest))

    async def knows_device(self, user_id: str, device: str) -> bool:
        """Has this browser signed in to the account before?"""
        asked = select(devices.c.seen_at).where(
            devices.c.digest == digest_of(device), devices.c.user == user_id
        )
        async with self._database.read() as connection:
            seen_at = (await connection.execute(asked)).scalar_one_or_none()
        return seen_at is not None and seen_at + DEVICE_KEPT > self._now()

    async def signed_in(self) -> list[dict[str, Any]]:
        """Who is signed in now, ready for JSON."""
        now = self._now()
        asked = (
            select(sessions)
            .where(sessions.c.ends_at > now, sessions.c.seen_at > now - IDLE)
            .order_by(sessions.c.created_at)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(asked)).all()
        return [
            {
                "user": row.user,
                "name": row.person["name"],
                "source": row.source,
                "since": row.created_at.isoformat(),
                "seen_at": row.seen_at.isoformat(),
            }
            for row in rows
        ]


_CURRENT = ("name", "sip", "roles", "teams")


async def prune_sessions(database: Database, before: datetime) -> int:
    """Delete what was over by then; a rule of `store.retention`."""
    over = or_(sessions.c.ends_at < before, sessions.c.seen_at < before - IDLE)
    async with database.write() as connection:
        gone = (await connection.execute(delete(sessions).where(over))).rowcount
        await connection.execute(delete(devices).where(devices.c.seen_at < before - DEVICE_KEPT))
    return gone


def digest_of(token: str) -> bytes:
    """What is stored of a secret of 32 random bytes: no salt is needed for what nobody can guess."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
