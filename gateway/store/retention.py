"""What is kept for how long: each table's rule, and the job that deletes what is past it.

`gateway.app` puts the rules together. A table's rule is mostly `by_column`; the trail has a function of its
own, since its chain must stay verifiable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Table, delete

from gateway.log import get_logger
from gateway.store.database import Database
from gateway.store.errors import StoreUnavailable
from gateway.store.tables.metadata import utc_now

log = get_logger(__name__)

EVERY_S = 3600.0
"""Between one run of the job and the next [s]."""

Prune = Callable[[Database, datetime], Awaitable[int]]
"""Deletes what is older than the given instant; returns how many rows."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`days`: after so many days; None: kept for ever."""

    name: str
    days: float | None
    prune: Prune


def by_column(table: Table, column: str, *also: ColumnElement[bool]) -> Prune:
    """Rows of `table` whose `column` is older, of those that `also` holds for."""

    async def prune(database: Database, before: datetime) -> int:
        async with database.write() as connection:
            result = await connection.execute(delete(table).where(table.c[column] < before, *also))
        return result.rowcount

    return prune


class Retention:
    """`start` runs the job now and every hour; `stop` ends it."""

    def __init__(
        self, database: Database, rules: Sequence[Rule], now: Callable[[], datetime] = utc_now
    ) -> None:
        self._database = database
        self._rules = rules
        self._now = now
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> Mapping[str, int]:
        """Once; how many rows went, by rule. Raises `StoreUnavailable`."""
        gone = {}
        for rule in self._rules:
            if rule.days is not None:
                gone[rule.name] = await rule.prune(self._database, self._now() - timedelta(days=rule.days))
        return {name: count for name, count in gone.items() if count}

    def start(self) -> None:
        self._task = asyncio.create_task(self._for_ever(), name="retention")

    async def stop(self) -> None:
        """Safe twice."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _for_ever(self) -> None:
        while True:
            try:
                if gone := await self.run():
                    log.info("store.pruned", **gone)
            except StoreUnavailable as error:
                log.warning("store.unavailable", doing="retention", why=str(error))
            except Exception:
                log.exception("store.fault", doing="retention")
            await asyncio.sleep(EVERY_S)
