"""The trail's queue: records in, batches out, health known at every moment. See the package for what is
promised.

Loop's thread only. `put` never waits. A batch that fails stays at the head of the queue and is tried again;
meanwhile all that waits is kept in a file, too (`waiting`), so that it is written even if this process is not
there any more when the store is.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.core.errors import Unavailable
from gateway.log import get_logger
from gateway.store import Database
from gateway.trail.chain import append
from gateway.trail.record import Record, now_at
from gateway.trail.waiting import Waiting

log = get_logger(__name__)

COMMIT_S = 5.0
"""So long a record may take to be committed before whoever waits for it is refused [s]."""
QUEUE = 10_000
BATCH = 200
RETRY_S = 1.0
"""Between a batch that failed and the next attempt [s]."""
CANNOT = "the trail cannot be written now, so nobody new may supervise or listen"
LOG_HEAD_S = 3600.0
"""The chain's end is logged so often, to be noted elsewhere [s]."""


class TrailUnavailable(Unavailable):
    """The trail cannot be written: whoever would supervise or listen is refused."""


@dataclass(eq=False, slots=True)
class _Entry:
    record: Record
    queued_s: float
    done: asyncio.Future[None] | None = field(default=None)
    kept: bool = False
    """Is it in the file?"""


class Writer:
    """`start`, then `stop`, which writes what is left."""

    def __init__(
        self,
        database: Database,
        node: str,
        key: Ed25519PrivateKey,
        waiting: Waiting,
        *,
        clock: Callable[[], float] = time.monotonic,
        retry_s: float = RETRY_S,
    ) -> None:
        self._database = database
        self._node = node
        self._key = key
        self._clock = clock
        self._file = waiting
        self._kept = False
        """Is there anything in the file?"""
        self._retry_s = retry_s
        self._queue: deque[_Entry] = deque()
        self._more = asyncio.Event()
        self.failing: str | None = None
        """What the store said when the last batch failed, for the log and the admin; None: it was written."""
        self._lost = 0
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        self._waiting: set[asyncio.Task[None]] = set()
        self._head_logged_s = float("-inf")

    # ── what others ask ──

    def why_not(self) -> str | None:
        """None while records are committed in time; else that they are not, fit for anybody to read."""
        if self.failing is not None:
            return CANNOT
        if self._queue and self._clock() - self._queue[0].queued_s > COMMIT_S:
            return f"the trail is more than {COMMIT_S:g} s behind"
        return None

    @property
    def waiting(self) -> int:
        """Records that are not in the store yet."""
        return len(self._queue)

    def put(self, kind: str, call: str | None, facts: Mapping[str, Any], at: str | None = None) -> None:
        """Write it behind the fact."""
        self._add(Record.make(kind, at or now_at(), call, facts))

    async def commit(self, kind: str, call: str | None, facts: Mapping[str, Any]) -> None:
        """Return when it is on the disk. Raises `TrailUnavailable` when that fails or takes `COMMIT_S`; the
        record is then still written once it can be.
        """
        entry = self._add(Record.make(kind, now_at(), call, facts))
        if why := self.why_not():
            raise TrailUnavailable(why)
        if entry is None:
            raise TrailUnavailable(CANNOT)
        entry.done = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(COMMIT_S):
                await entry.done
        except TimeoutError:
            raise TrailUnavailable(f"the trail is more than {COMMIT_S:g} s behind") from None

    def before(
        self, kind: str, call: str | None, facts: Mapping[str, Any], then: Callable[[str | None], None]
    ) -> None:
        """`commit`, then call `then`: with None when it is on the disk, with the reason when it is not."""

        async def committed() -> None:
            try:
                await self.commit(kind, call, facts)
            except TrailUnavailable as error:
                then(str(error))
            else:
                then(None)

        task = asyncio.create_task(committed(), name="trail.before")
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    # ── life ──

    def start(self) -> None:
        """What an earlier process could not write comes first. Blocks on the disk."""
        left = self._file.read()
        self._kept = bool(left) and self._file.there
        for record in reversed(left):
            self._queue.appendleft(_Entry(record, self._clock(), kept=self._kept))
        self._task = asyncio.create_task(self._run(), name="trail")

    async def stop(self, patience_s: float = COMMIT_S) -> None:
        """Write what is left, at most so long. Safe twice."""
        if self._task is None:
            return
        self._stopping = True
        self._more.set()
        _, running = await asyncio.wait([self._task], timeout=patience_s)
        for task in running:
            task.cancel()
            await asyncio.wait([task])
        self._task = None
        if not self._queue:
            return
        why = self.failing or "the gateway stopped"
        if await self._keep():
            log.warning("trail.waits_for_next_start", records=len(self._queue), why=why)
        else:
            log.error("trail.lost", records=sum(not entry.kept for entry in self._queue), why=why)

    # ── writing ──

    def _add(self, record: Record) -> _Entry | None:
        if len(self._queue) >= QUEUE:
            self._lost += 1
            return None
        entry = _Entry(record, self._clock())
        self._queue.append(entry)
        self._more.set()
        return entry

    async def _run(self) -> None:
        while not (self._stopping and not self._queue):
            if not self._queue:
                await self._more.wait()
                self._more.clear()
                continue
            try:
                await self._write_patiently()
            except Exception as error:
                self._failed(error)
                await self._keep()
                if self._stopping:
                    return
                await asyncio.sleep(self._retry_s)

    async def _write_patiently(self) -> None:
        """A store that says nothing for long may never answer: what waits is kept meanwhile."""
        writing = asyncio.ensure_future(self._write_batch())
        try:
            while not (await asyncio.wait([writing], timeout=COMMIT_S))[0]:
                await self._keep()
        except asyncio.CancelledError:
            writing.cancel()
            await asyncio.wait([writing])
            raise
        await writing

    async def _keep(self) -> bool:
        """Put what waits, and is not there yet, into the file. False where that cannot be done either."""
        fresh = [entry for entry in self._queue if not entry.kept]
        if not fresh:
            return True
        try:
            await asyncio.to_thread(self._file.add, [entry.record for entry in fresh])
        except OSError as error:
            log.error("trail.not_kept", waiting=len(fresh), why=error.strerror or str(error))
            return False
        self._kept = True
        for entry in fresh:
            entry.kept = True
        return True

    async def _forget_kept(self) -> None:
        """All is in the store."""
        try:
            await asyncio.to_thread(self._file.clear)
        except OSError as error:
            log.warning("trail.file_stays", why=error.strerror or str(error))
        self._kept = False

    async def _write_batch(self) -> None:
        batch = [self._queue[n] for n in range(min(BATCH, len(self._queue)))]
        async with self._database.write() as connection:
            seq, last = await append(connection, self._node, self._key, [entry.record for entry in batch])
        for entry in batch:
            self._queue.popleft()
            if entry.done is not None and not entry.done.done():
                entry.done.set_result(None)
        if self.failing is not None:
            log.info("trail.written_again", waited=len(batch), lost=self._lost)
            self.failing = None
        if self._kept and not any(entry.kept for entry in self._queue):
            await self._forget_kept()
        if self._lost:
            lost, self._lost = self._lost, 0
            self.put("trail.lost", None, {"records": lost, "why": "too many records waited"})
        if self._clock() - self._head_logged_s > LOG_HEAD_S:
            self._head_logged_s = self._clock()
            log.info("trail.head", node=self._node, seq=seq, hash=last.hex())

    def _failed(self, error: Exception) -> None:
        first, self.failing = self.failing is None, str(error) or type(error).__name__
        if first:
            log.error("trail.unavailable", why=self.failing, waiting=len(self._queue))
        for entry in self._queue:
            if entry.done is not None and not entry.done.done():
                entry.done.set_exception(TrailUnavailable(CANNOT))
