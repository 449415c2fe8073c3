"""Keeps the directory abreast of the store's users, so that a phone call need not ask the database who
calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from gateway.accounts.users import Users
from gateway.core.permissions import User
from gateway.log import get_logger
from gateway.store import StoreUnavailable

log = get_logger(__name__)

EVERY_S = 5.0
"""How long a change of a user may go unnoticed by phone [s]."""


class Roll:
    """Loop's thread only. `start`, then `stop`."""

    def __init__(
        self, users: Users, tell: Callable[[Iterable[User]], None], every_s: float = EVERY_S
    ) -> None:
        self._users = users
        self._tell = tell
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read once now, where the store can be read; then again and again."""
        await self._read()
        self._task = asyncio.create_task(self._for_ever(), name="roll")

    async def stop(self) -> None:
        """Safe twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self._read()

    async def _read(self) -> None:
        try:
            self._tell(account.user for account in await self._users.all() if not account.disabled)
        except StoreUnavailable as error:
            # Those who were known stay known.
            log.warning("store.unavailable", doing="reading users", why=str(error))
        except Exception:
            log.exception("store.fault", doing="reading users")
