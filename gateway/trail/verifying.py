"""Is the trail what was written? Every record's hash, signature and place; the signed end and beginning.

Reads the chain once from its beginning, a page at a time, and goes on after a finding: each is told with its
place.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store.tables.trail import trail, trail_marks
from gateway.trail.chain import BASE, HEAD
from gateway.trail.key import signed_by
from gateway.trail.record import FIRST, Record, digest, mark_digest

PAGE = 500
MOST = 100
"""Findings told of one chain; more would say no more."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`seq`: the record's number; None: the chain as a whole."""

    node: str
    seq: int | None
    what: str

    def __str__(self) -> str:
        place = f"record {self.seq}" if self.seq is not None else "the chain"
        return f"node {self.node}, {place}: {self.what}"


@dataclass(slots=True)
class Verdict:
    """What came of one node's chain."""

    node: str
    records: int = 0
    last: int = 0
    last_hash: bytes = FIRST
    findings: list[Finding] = field(default_factory=list)
    unsigned: bool = False
    """No public key was given: signatures were not looked at."""

    def add(self, seq: int | None, what: str) -> None:
        if len(self.findings) < MOST:
            self.findings.append(Finding(self.node, seq, what))


async def verify(
    connection: AsyncConnection,
    keys: Mapping[str, bytes],
    expected: Mapping[str, tuple[int, bytes]] | None = None,
) -> list[Verdict]:
    """Every chain in the store, and that of every node in `keys`.

    keys: public key by node. expected: (number, hash) by node, noted elsewhere earlier: such a record must be
    there.
    """
    asked = select(trail.c.node).union(select(trail_marks.c.node))
    found = set((await connection.execute(asked)).scalars())
    expected = expected or {}
    return [
        await _verify_node(connection, node, keys.get(node), expected.get(node))
        for node in sorted(found | set(keys) | set(expected))
    ]


async def _verify_node(
    connection: AsyncConnection, node: str, public: bytes | None, expected: tuple[int, bytes] | None
) -> Verdict:
    verdict = Verdict(node, unsigned=public is None)
    marks = {
        row.mark: row
        for row in (await connection.execute(select(trail_marks).where(trail_marks.c.node == node))).all()
    }
    base = _sound_mark(verdict, marks.get(BASE), public)
    seq, previous = (base.seq, base.hash) if base is not None else (0, FIRST)
    async for row in _rows(connection, node):
        _verify_row(verdict, row, seq, previous, public)
        if expected is not None and row.seq == expected[0] and row.hash != expected[1]:
            verdict.add(row.seq, "is not the one that was noted elsewhere")
        seq, previous = row.seq, row.hash
        verdict.records += 1
    verdict.last, verdict.last_hash = seq, previous
    _verify_end(verdict, _sound_mark(verdict, marks.get(HEAD), public), verdict.records, marks)
    if expected is not None and expected[0] > seq:
        verdict.add(None, f"ends at record {seq}; record {expected[0]}, noted elsewhere, is missing")
    return verdict


async def _rows(connection: AsyncConnection, node: str) -> AsyncIterator[Any]:
    at = None
    while True:
        asked = select(trail).where(trail.c.node == node).order_by(trail.c.seq).limit(PAGE)
        page = (await connection.execute(asked if at is None else asked.where(trail.c.seq > at))).all()
        for row in page:
            yield row
        if len(page) < PAGE:
            return
        at = page[-1].seq


def _verify_row(verdict: Verdict, row: Any, seq: int, previous: bytes, public: bytes | None) -> None:
    if row.seq != seq + 1:
        missing = f"record {seq + 1}" if row.seq == seq + 2 else f"records {seq + 1} to {row.seq - 1}"
        what = f"{missing} before it missing" if row.seq > seq else "stands before the chain's beginning"
        verdict.add(row.seq, what)
    if row.previous != previous:
        verdict.add(row.seq, "does not follow the record before it")
    record = Record(row.id, row.at, row.kind, row.call, row.user, row.source, row.data)
    if digest(row.node, row.seq, row.previous, record) != row.hash:
        verdict.add(row.seq, "was changed: its hash is another")
    elif public is not None and not signed_by(public, row.signature, row.hash):
        verdict.add(row.seq, "was changed or added: its signature is not this node's")


def _sound_mark(verdict: Verdict, mark: Any, public: bytes | None) -> Any:
    """The mark, or None with a finding."""
    if mark is None or public is None:
        return mark
    what = mark_digest(mark.node, mark.mark, mark.seq, mark.hash, mark.at)
    if signed_by(public, mark.signature, what):
        return mark
    verdict.add(None, f"the mark of its {_END[mark.mark]} was changed: its signature is not this node's")
    return None


_END = {HEAD: "end", BASE: "beginning"}


def _verify_end(verdict: Verdict, head: Any, records: int, marks: Mapping[str, Any]) -> None:
    if head is None:
        if records and HEAD not in marks:
            verdict.add(None, "the signed mark of its end is missing")
        if BASE in marks and HEAD not in marks and not records:
            verdict.add(None, "the signed mark of its end is missing")
        return
    if head.seq > verdict.last:
        verdict.add(
            None, f"ends at record {verdict.last}; the signed end is record {head.seq}: the rest is missing"
        )
    elif head.seq < verdict.last:
        verdict.add(None, f"goes on to record {verdict.last} past its signed end, record {head.seq}")
    elif head.hash != verdict.last_hash:
        verdict.add(head.seq, "is not the one that the signed end names")
