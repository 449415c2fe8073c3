"""Keeps what is open on the floor, alerts above all: written when it changes, given back at the start.

The call logic is only listened to, so that a store that is slow or down disturbs nothing: what could not be
written is written once the store is back, by its latest state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, insert, select

from gateway.core.events import News
from gateway.log import get_logger
from gateway.store.errors import StoreUnavailable
from gateway.store.keeper import Keeper
from gateway.store.tables.floor import floor

log = get_logger(__name__)

RETRY_S = 2.0
"""Between one attempt to write and the next, while the store is down [s]."""
STORED_S = 1.0
"""How long is waited for a write before the answer is given without it [s]: a store that is down holds up no
alert."""
FAREWELL_S = 2.0
"""When stopping: for what still waits."""

Restore = Callable[[Mapping[str, Sequence[Mapping[str, Any]]]], None]
_IS_OPEN: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "duty": lambda facts: bool(facts["on"]),
    "help": lambda facts: facts["state"] != "closed",
    "alert": lambda facts: facts["state"] != "resolved",
}


class FloorKeeper:
    """Loop's thread only. `start`, then `stop`."""

    def __init__(
        self,
        store: Keeper,
        node: str,
        subscribe: Callable[[Callable[[News], None]], Callable[[], None]],
        restore: Restore,
    ) -> None:
        """restore: told once, when the store can be read, what was open; a mapping of kind → snapshots."""
        self._store = store
        self._node = node
        self._subscribe = subscribe
        self._restore = restore
        self._changed: dict[tuple[str, str], tuple[Mapping[str, Any], str]] = {}
        self._wanted = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._behind = False
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Give back what is kept, if the store is there by now; else later."""
        self._unsubscribe = self._subscribe(self._on_news)
        if self._store.ready.is_set():
            await self._give_back()
        self._task = asyncio.create_task(self._run(), name="floor store")

    async def stop(self) -> None:
        """Write what waits, at most for a few seconds. Safe twice."""
        self._unsubscribe()
        if self._task is not None:
            if self._store.ready.is_set():
                await asyncio.wait([asyncio.ensure_future(self._idle.wait())], timeout=FAREWELL_S)
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def settled(self) -> bool:
        """Wait until all that has changed is on the disk. False: it is not, after `STORED_S`; at once where
        somebody has waited in vain before.
        """
        if self._behind and not self._idle.is_set():
            return False
        try:
            await asyncio.wait_for(self._idle.wait(), STORED_S)
        except TimeoutError:
            self._behind = True
            log.warning("store.behind", doing="floor", waiting=len(self._changed))
            return False
        return True

    def _on_news(self, news: News) -> None:
        kind = news.kind.partition(".")[0]
        if kind == "duty":
            self._note(kind, str(news.data["user"]), news)
        elif kind in ("help", "alert") and "state" in news.data and "id" in news.data:
            self._note(kind, str(news.data["id"]), news)

    def _note(self, kind: str, id_: str, news: News) -> None:
        self._changed[kind, id_] = (dict(news.data), news.at)
        self._idle.clear()
        self._wanted.set()

    async def _give_back(self) -> None:
        async with self._store.database.read() as connection:
            rows = await connection.execute(
                select(floor.c.kind, floor.c.facts)
                .where(and_(floor.c.node == self._node, floor.c.open))
                .order_by(floor.c.changed_at)
            )
            kept: dict[str, list[Mapping[str, Any]]] = {}
            for kind, facts in rows:
                kept.setdefault(kind, []).append(facts)
        self._restore(kept)

    async def _run(self) -> None:
        if not self._store.ready.is_set():
            await self._store.ready.wait()
            await self._give_back()
        while True:
            if not self._changed:
                self._behind = False
                self._idle.set()
            await self._wanted.wait()
            self._wanted.clear()
            taken, self._changed = self._changed, {}
            try:
                await self._write(taken)
            except StoreUnavailable as error:
                log.error("store.unavailable", doing="floor", why=str(error), retry_s=RETRY_S)
                self._changed = {**taken, **self._changed}
                await asyncio.sleep(RETRY_S)
                self._wanted.set()
            except Exception:
                # What it was about stays in the log and in memory; what comes next is written all the same.
                log.exception("store.fault", doing="floor", what=[f"{kind} {id_}" for kind, id_ in taken])

    async def _write(self, taken: Mapping[tuple[str, str], tuple[Mapping[str, Any], str]]) -> None:
        async with self._store.database.write() as connection:
            for (kind, id_), (facts, at) in taken.items():
                same = and_(floor.c.node == self._node, floor.c.kind == kind, floor.c.id == id_)
                await connection.execute(delete(floor).where(same))
                is_open = _IS_OPEN[kind](facts)
                if is_open or kind == "alert":
                    row = {"node": self._node, "kind": kind, "id": id_, "open": is_open, "facts": facts}
                    changed_at = datetime.fromisoformat(at)
                    await connection.execute(insert(floor).values(**row, changed_at=changed_at))
