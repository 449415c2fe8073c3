"""Keeps what is open on the floor, alerts above all: written when it changes, given back at the start.

The call logic is only listened to, so that a store that is slow or down disturbs nothing: what could not be
written is kept in a file meanwhile (`aside`) and written once the store is back, by this process or the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, insert, select

from gateway.core.events import News
from gateway.log import get_logger
from gateway.store.aside import Aside, Changes
from gateway.store.errors import StoreUnavailable
from gateway.store.keeper import Keeper
from gateway.store.tables.floor import floor

log = get_logger(__name__)

RETRY_S = 2.0
"""Between one attempt to write and the next, while the store is down [s]."""
STORED_S = 1.0
"""How long is waited for a write before the answer is given without it [s]: a store that is down holds up no
alert."""
ASIDE_S = 0.25
"""How long a write may take before what it is about goes to the file as well [s]."""
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
        aside: Aside,
        node: str,
        subscribe: Callable[[Callable[[News], None]], Callable[[], None]],
        restore: Restore,
    ) -> None:
        """restore: told once, when the store can be read, what was open; a mapping of kind → snapshots."""
        self._store = store
        self._aside = aside
        self._node = node
        self._subscribe = subscribe
        self._restore = restore
        self._changed: Changes = {}
        self._writing: Changes = {}
        self._wanted = asyncio.Event()
        self._idle = asyncio.Event()
        """All is in the store."""
        self._idle.set()
        self._safe = asyncio.Event()
        """All is on a disk: in the store or in the file."""
        self._safe.set()
        self._noted = asyncio.Event()
        self._file = asyncio.Lock()
        self._behind = False
        self._filed = False
        """The file may be there."""
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Give back what is kept: what an earlier process left in the file, and what the store has if it is
        there by now; else later.
        """
        self._unsubscribe = self._subscribe(self._on_news)
        left = await asyncio.to_thread(self._aside.read, _understood)
        if left:
            self._changed = {**left, **self._changed}
            self._filed = True
            self._idle.clear()
            self._wanted.set()
            log.warning("floor.found_waiting", waiting=len(left))
            self._restored(_open_of(left))
        if self._store.ready.is_set():
            await self._give_back()
        self._tasks = (
            asyncio.create_task(self._run(), name="floor store"),
            asyncio.create_task(self._set_aside(), name="floor aside"),
        )

    async def stop(self) -> None:
        """Write what waits, at most for a few seconds. Safe twice."""
        self._unsubscribe()
        if self._tasks:
            written = self._idle if self._store.ready.is_set() else self._safe
            await asyncio.wait([asyncio.ensure_future(written.wait())], timeout=FAREWELL_S)
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
            self._tasks = ()

    async def settled(self) -> bool:
        """Wait until all that has changed is on a disk, in the store or in the file. False: it is in neither,
        after `STORED_S`; at once where somebody has waited in vain before.
        """
        if self._behind and not self._safe.is_set():
            return False
        try:
            await asyncio.wait_for(self._safe.wait(), STORED_S)
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
        self._safe.clear()
        self._wanted.set()
        self._noted.set()

    async def _give_back(self) -> None:
        async with self._store.database.read() as connection:
            rows = await connection.execute(
                select(floor.c.kind, floor.c.id, floor.c.facts)
                .where(and_(floor.c.node == self._node, floor.c.open))
                .order_by(floor.c.changed_at)
            )
            kept: dict[str, list[Mapping[str, Any]]] = {}
            for kind, id_, facts in rows:
                if (kind, id_) not in self._changed:  # what has changed since is newer than the row
                    kept.setdefault(kind, []).append(facts)
        self._restored(kept)

    def _restored(self, kept: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Give it back; what cannot be taken up keeps nothing else from it."""
        try:
            self._restore(kept)
        except Exception:
            for kind, facts in ((kind, facts) for kind, those in kept.items() for facts in those):
                try:
                    self._restore({kind: [facts]})
                except Exception:
                    log.exception("floor.not_restored", kind=kind, id=facts.get("id") or facts.get("user"))

    async def _run(self) -> None:
        if not self._store.ready.is_set():
            await self._store.ready.wait()
            await self._give_back()
        while True:
            if not self._changed:
                await self._all_written()
            await self._wanted.wait()
            self._wanted.clear()
            taken, self._changed = self._changed, {}
            self._writing = taken
            try:
                await self._write(taken)
            except StoreUnavailable as error:
                log.error("store.unavailable", doing="floor", why=str(error), retry_s=RETRY_S)
                self._changed = {**taken, **self._changed}
                self._writing = {}
                await asyncio.sleep(RETRY_S)
                self._wanted.set()
            except Exception:
                await self._write_apart(taken)
            self._writing = {}

    async def _write_apart(self, taken: Changes) -> None:
        """Something of it cannot be written. That alone stays in the log and in memory until it changes."""
        for key, change in taken.items():
            try:
                await self._write({key: change})
            except StoreUnavailable:
                self._changed.setdefault(key, change)
                self._wanted.set()
            except Exception:
                log.exception("store.fault", doing="floor", what=" ".join(key))

    async def _all_written(self) -> None:
        async with self._file:
            if self._filed:
                try:
                    await asyncio.to_thread(self._aside.clear)
                    self._filed = False
                except OSError as error:
                    log.error("floor.not_cleared", why=error.strerror or str(error))
            if not self._changed:
                self._behind = False
                self._idle.set()
                self._safe.set()

    async def _set_aside(self) -> None:
        """What the store has not taken soon goes to the file, too, each time that something is added."""
        while True:
            await self._noted.wait()
            self._noted.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(0 if self._filed else ASIDE_S):
                    await self._idle.wait()
                continue
            async with self._file:
                waiting = {**self._writing, **self._changed}
                if not waiting:
                    continue
                self._filed = True
                try:
                    await asyncio.to_thread(self._aside.write, waiting)
                except OSError as error:
                    log.error("floor.not_kept", waiting=len(waiting), why=error.strerror or str(error))
                    asyncio.get_running_loop().call_later(RETRY_S, self._noted.set)
                else:
                    if not self._noted.is_set():
                        self._safe.set()

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


def _understood(kind: str, facts: Mapping[str, Any]) -> bool:
    return kind in _IS_OPEN and isinstance(_IS_OPEN[kind](facts), bool)


def _open_of(changes: Changes) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for (kind, _), (facts, _) in changes.items():
        if _IS_OPEN[kind](facts):
            found.setdefault(kind, []).append(facts)
    return found
