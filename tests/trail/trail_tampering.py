"""Ways to tamper with a trail in its database, each as somebody would who can write the tables but has no key."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.tables.trail import trail, trail_marks
from gateway.trail.record import Record, digest, mark_digest

NODE = "node1"
FOREIGN = Ed25519PrivateKey.generate()
Tamper = Callable[[AsyncConnection, random.Random, int], Awaitable[set[int | None]]]
"""Changes the chain of so many records; returns at which places a finding is acceptable (None: the chain as a whole)."""


def other(dice: random.Random, value: Any) -> Any:
    """The same kind of value, but another one."""
    if isinstance(value, bytes):
        at = dice.randrange(len(value))
        return value[:at] + bytes([value[at] ^ (1 << dice.randrange(8))]) + value[at + 1 :]
    if value is None:
        return "somebody"
    at = dice.randrange(len(value))
    return value[:at] + ("x" if value[at] != "x" else "y") + value[at + 1 :]


async def change_a_field(connection: AsyncConnection, dice: random.Random, count: int) -> set[int | None]:
    seq = dice.randint(1, count)
    name = dice.choice(
        ["id", "at", "kind", "call", "user", "source", "data", "previous", "hash", "signature"]
    )
    row = (await connection.execute(select(trail).where(trail.c.seq == seq))).one()._mapping
    changed = other(dice, row[name])
    assert changed != row[name], (name, changed)
    await connection.execute(update(trail).where(trail.c.seq == seq).values({name: changed}))
    return {seq, seq + 1} if name == "hash" else {seq}


async def change_and_hash_anew(
    connection: AsyncConnection, dice: random.Random, count: int
) -> set[int | None]:
    """The record and every hash after it are made to fit; what lacks is the key."""
    seq = dice.randint(1, count)
    rows = (await connection.execute(select(trail).where(trail.c.seq >= seq).order_by(trail.c.seq))).all()
    last = rows[0].previous
    for row in rows:
        record = Record(
            row.id, row.at, row.kind, row.call, "nobody" if row.seq == seq else row.user, row.source, row.data
        )
        hashed = digest(NODE, row.seq, last, record)
        values = {**asdict(record), "previous": last, "hash": hashed, "signature": FOREIGN.sign(hashed)}
        await connection.execute(update(trail).where(trail.c.seq == row.seq).values(values))
        last = hashed
    return {seq}


async def remove_some(connection: AsyncConnection, dice: random.Random, count: int) -> set[int | None]:
    first = dice.randint(1, count - 1)
    last = min(count - 1, first + dice.randrange(3))
    await connection.execute(delete(trail).where(trail.c.seq.between(first, last)))
    return {last + 1}


async def remove_and_close_the_gap(
    connection: AsyncConnection, dice: random.Random, count: int
) -> set[int | None]:
    seq = dice.randint(1, count - 1)
    await connection.execute(delete(trail).where(trail.c.seq == seq))
    for later in range(seq + 1, count + 1):
        await connection.execute(update(trail).where(trail.c.seq == later).values(seq=later - 1))
    return {seq}


async def cut_the_end(connection: AsyncConnection, dice: random.Random, count: int) -> set[int | None]:
    await connection.execute(delete(trail).where(trail.c.seq > count - dice.randint(1, count)))
    return {None}


async def cut_the_end_and_move_the_mark(
    connection: AsyncConnection, dice: random.Random, count: int
) -> set[int | None]:
    left = dice.randint(1, count - 1)
    await connection.execute(delete(trail).where(trail.c.seq > left))
    row = (await connection.execute(select(trail).where(trail.c.seq == left))).one()
    signature = FOREIGN.sign(mark_digest(NODE, "head", left, row.hash, row.at))
    await connection.execute(
        update(trail_marks).values(seq=left, hash=row.hash, at=row.at, signature=signature)
    )
    return {None}


async def cut_the_beginning_and_make_a_mark(
    connection: AsyncConnection, dice: random.Random, count: int
) -> set[int | None]:
    gone = dice.randint(1, count - 1)
    row = (await connection.execute(select(trail).where(trail.c.seq == gone))).one()
    await connection.execute(delete(trail).where(trail.c.seq <= gone))
    signature = FOREIGN.sign(mark_digest(NODE, "base", gone, row.hash, row.at))
    mark = {"node": NODE, "mark": "base", "seq": gone, "hash": row.hash, "at": row.at, "signature": signature}
    await connection.execute(insert(trail_marks).values(mark))
    return {None, gone + 1}


async def swap_two(connection: AsyncConnection, dice: random.Random, count: int) -> set[int | None]:
    one, two = dice.sample(range(1, count + 1), 2)
    for old, new in ((one, 10_000), (two, one), (10_000, two)):
        await connection.execute(update(trail).where(trail.c.seq == old).values(seq=new))
    return {one, two}


async def add_at_the_end(connection: AsyncConnection, dice: random.Random, count: int) -> set[int | None]:
    row = (await connection.execute(select(trail).where(trail.c.seq == count))).one()
    record = Record(
        hashlib.md5(dice.randbytes(9)).hexdigest(), row.at, "feed.started", "c-1", "eve", None, "{}"
    )
    hashed = digest(NODE, count + 1, row.hash, record)
    values = {"node": NODE, "seq": count + 1, **asdict(record), "previous": row.hash, "hash": hashed}
    await connection.execute(insert(trail).values({**values, "signature": FOREIGN.sign(hashed)}))
    return {count + 1}


async def remove_everything(connection: AsyncConnection, dice: random.Random, count: int) -> set[int | None]:
    await connection.execute(delete(trail))
    if dice.random() < 0.5:
        await connection.execute(delete(trail_marks))
    return {None}


async def remove_the_mark(connection: AsyncConnection, dice: random.Random, count: int) -> set[int | None]:
    await connection.execute(delete(trail_marks))
    return {None}


async def change_the_mark(connection: AsyncConnection, dice: random.Random, count: int) -> set[int | None]:
    row = (await connection.execute(select(trail_marks))).one()._mapping
    name = dice.choice(["hash", "at", "signature"])
    await connection.execute(update(trail_marks).values({name: other(dice, row[name])}))
    return {None}


ALL: tuple[Tamper, ...] = (
    change_a_field,
    change_a_field,
    change_a_field,
    change_and_hash_anew,
    remove_some,
    remove_and_close_the_gap,
    cut_the_end,
    cut_the_end_and_move_the_mark,
    cut_the_beginning_and_make_a_mark,
    swap_two,
    add_at_the_end,
    remove_everything,
    remove_the_mark,
    change_the_mark,
)
