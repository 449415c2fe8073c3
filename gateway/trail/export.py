"""The trail for people who look into it: CSV or JSON lines of a time range, oldest first."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import and_, or_, select

from gateway.store import Database
from gateway.store.tables.trail import trail

COLUMNS = ("at", "node", "seq", "kind", "user", "call", "source", "duration_s", "data", "hash")
PAGE = 500


async def exported(
    database: Database, since: str | None, until: str | None, call: str | None = None, user: str | None = None
) -> AsyncIterator[dict[str, Any]]:
    """Records from `since` on, up to but not including `until`; both RFC 3339 UTC with milliseconds, None: no
    bound.
    """
    bounds = [
        *([trail.c.at >= since] if since else []),
        *([trail.c.at < until] if until else []),
        *([trail.c.call == call] if call else []),
        *([trail.c.user == user] if user else []),
    ]
    order = (trail.c.at, trail.c.node, trail.c.seq)
    last: Any = None
    while True:
        asked = select(trail).where(*bounds).order_by(*order).limit(PAGE)
        if last is not None:
            same_at = and_(trail.c.at == last.at, trail.c.node == last.node, trail.c.seq > last.seq)
            next_node = and_(trail.c.at == last.at, trail.c.node > last.node)
            asked = asked.where(or_(trail.c.at > last.at, next_node, same_at))
        async with database.read() as connection:
            page = (await connection.execute(asked)).all()
        for row in page:
            data = json.loads(row.data)
            yield {
                "at": row.at,
                "node": row.node,
                "seq": row.seq,
                "kind": row.kind,
                "user": row.user,
                "call": row.call,
                "source": row.source,
                "duration_s": data.get("duration_s"),
                "data": data,
                "hash": row.hash.hex(),
            }
        if len(page) < PAGE:
            return
        last = page[-1]


def csv_line(values: list[Any] | tuple[str, ...]) -> str:
    """One line. A text that a spreadsheet would take for a formula is given an apostrophe in front."""
    buffer = io.StringIO()
    csv.writer(buffer).writerow(
        f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
        for value in values
    )
    return buffer.getvalue()


def as_csv(record: dict[str, Any]) -> str:
    """One line of the export, with its line end; safe for spreadsheets."""
    data = json.dumps(record["data"], ensure_ascii=False, sort_keys=True)
    return csv_line([data if name == "data" else record[name] for name in COLUMNS])
