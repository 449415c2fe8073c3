"""The store in a running gateway: migrated at the start, tidied every hour, closed at the end.

A folder that never could be written is a mistake of the set-up and stops the start. A database server that is
down, or a disk that is full by now, is not: calls come first, so the gateway starts without it, tries again
until it is there, and until then whatever needs the store is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gateway.log import get_logger
from gateway.store.database import Database
from gateway.store.errors import StoreError, StoreUnavailable
from gateway.store.migrating import migrate
from gateway.store.retention import Retention, Rule

log = get_logger(__name__)

RETRY_S = 5.0
"""Between one attempt to reach a database that is down and the next [s]."""


class Keeper:
    """Loop's thread only. `start`, then `stop`."""

    def __init__(self, database: Database, rules: Sequence[Rule] = (), *, retry_s: float = RETRY_S) -> None:
        self.database = database
        self.ready = asyncio.Event()
        """Set once the tables are there."""
        self._retention = Retention(database, rules)
        self._retry_s = retry_s
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Migrate. Raises `StoreError` for a store that is set up wrongly; one that is down is tried
        again.
        """
        try:
            await self._migrate()
        except StoreUnavailable as error:
            if self.database.is_file_without_tables:
                raise StoreError(str(error)) from error
            log.error("store.unavailable", doing="start", why=str(error), retry_s=self._retry_s)
            self._task = asyncio.create_task(self._keep_trying(), name="store")

    async def stop(self) -> None:
        """Safe twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._retention.stop()
        await self.database.close()

    async def _migrate(self) -> None:
        before, after = await migrate(self.database)
        log.info("store.ready", place=self.database.place, revision=after, migrated=before != after)
        self.ready.set()
        self._retention.start()

    async def _keep_trying(self) -> None:
        while True:
            await asyncio.sleep(self._retry_s)
            try:
                await self._migrate()
            except StoreUnavailable:
                continue
            except Exception:
                log.exception("store.fault", doing="start")
                continue
            return
