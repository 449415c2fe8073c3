"""Appending to a node's chain, and pruning its beginning; inside the caller's transaction.

The end of the chain is read under a lock in the same transaction, so that the gateway and its command line
may both append. A record that was committed although the answer was lost is known again by its id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import Database
from gateway.store.tables.trail import trail, trail_marks
from gateway.trail.record import FIRST, Record, digest, mark_digest, now_at

HEAD, BASE = "head", "base"


async def append(
    connection: AsyncConnection, node: str, key: Ed25519PrivateKey, records: Sequence[Record]
) -> tuple[int, bytes]:
    """Write them at the end of the node's chain; returns the last one's number and hash."""
    seq, last = await _head(connection, node)
    known = select(trail.c.id).where(trail.c.id.in_([record.id for record in records]))
    written = set((await connection.execute(known)).scalars())
    rows: list[dict[str, Any]] = []
    for record in records:
        if record.id in written:
            continue
        written.add(record.id)
        seq, previous = seq + 1, last
        last = digest(node, seq, previous, record)
        rows.append(
            {
                "node": node,
                "seq": seq,
                **asdict(record),
                "previous": previous,
                "hash": last,
                "signature": key.sign(last),
            }
        )
    if rows:
        await connection.execute(insert(trail), rows)
        await _set_mark(connection, node, HEAD, seq, last, key)
    return seq, last


async def prune(database: Database, node: str, key: Ed25519PrivateKey, before: datetime) -> int:
    """Delete the node's records that are older, leaving a signed mark where the chain begins now.

    The last record always stays. Returns how many went.
    """
    cut = before.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    async with database.write() as connection:
        seq, _ = await _head(connection, node)
        # Clocks may have been set back: only what is older without a gap from the beginning goes.
        newer = select(trail.c.seq).where(trail.c.node == node, trail.c.at >= cut)
        kept = await connection.execute(newer.order_by(trail.c.seq).limit(1))
        first_kept = kept.scalar_one_or_none() or seq
        older = select(trail.c.seq, trail.c.hash).where(trail.c.node == node, trail.c.seq < first_kept)
        chosen = older.order_by(trail.c.seq.desc()).limit(1)
        last = (await connection.execute(chosen)).one_or_none()
        if last is None:
            return 0
        await _set_mark(connection, node, BASE, last.seq, last.hash, key)
        gone = await connection.execute(delete(trail).where(trail.c.node == node, trail.c.seq <= last.seq))
        return gone.rowcount


async def _head(connection: AsyncConnection, node: str) -> tuple[int, bytes]:
    """Where the chain ends. SQLite's writers are alone anyway; PostgreSQL's wait for one another here."""
    asked = select(trail_marks.c.seq, trail_marks.c.hash).where(
        trail_marks.c.node == node, trail_marks.c.mark == HEAD
    )
    head = (await connection.execute(asked.with_for_update())).one_or_none()
    return (head.seq, head.hash) if head else (0, FIRST)


async def _set_mark(
    connection: AsyncConnection, node: str, mark: str, seq: int, hash_: bytes, key: Ed25519PrivateKey
) -> None:
    at = now_at()
    values = {
        "seq": seq,
        "hash": hash_,
        "at": at,
        "signature": key.sign(mark_digest(node, mark, seq, hash_, at)),
    }
    where = (trail_marks.c.node == node, trail_marks.c.mark == mark)
    changed = await connection.execute(update(trail_marks).where(*where).values(**values))
    if changed.rowcount == 0:
        await connection.execute(insert(trail_marks).values(node=node, mark=mark, **values))
