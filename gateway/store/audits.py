"""The book of audits: begun, answered, marked, finished, listed. A finished one is not changed any more.

Who may do what is for `core.permissions` to say and the caller to ask; here an audit belongs to its auditor.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.core.audit import AuditFinished, AuditIncomplete, Form, Given, check, score
from gateway.core.errors import NoRoute, NotPermitted
from gateway.core.permissions import User
from gateway.store.database import Database
from gateway.store.tables.audits import audits, markers
from gateway.store.tables.metadata import utc_now

OPEN, FINISHED = "open", "finished"
MOST_MARKERS = 500
Facts = dict[str, Any]
_COLUMNS = tuple(column.name for column in audits.columns)


class AuditBook:
    """Every method raises `StoreUnavailable` where the store is down, `NoRoute` for an unknown audit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, auditor: User, call: Mapping[str, Any], form: Form) -> Facts:
        """A new audit of a call, given by its snapshot; of the caller nothing is kept."""
        id_, now = f"u-{secrets.token_hex(8)}", utc_now()
        row = {
            "id": id_,
            "auditor": auditor.id,
            "auditor_name": auditor.name,
            "call": str(call["id"]),
            "team": str(call.get("team") or ""),
            "advisor": dict(call["advisor"]),
            "call_started_at": call.get("started_at"),
            "form": form.snapshot(),
            "answers": {},
            "comment": "",
            "state": OPEN,
            "result": score(form, {}).snapshot(),
            "created_at": now,
            "changed_at": now,
        }
        async with self._database.write() as connection:
            await connection.execute(insert(audits).values(**row))
            return await self._shown(connection, id_)

    async def change(
        self, auditor: User, id_: str, answers: Mapping[str, Given | None], comment: str | None
    ) -> Facts:
        """Give answers (None takes one back) and the comment on the whole. Raises `AuditFinished`,
        `NotPermitted`; ValueError for what the form does not know.
        """
        async with self._database.write() as connection:
            row = await self._own_open(connection, auditor, id_)
            form = Form.from_snapshot(row["form"])
            asked = {key: given or Given(None) for key, given in answers.items()}
            check(form, asked, await _numbers(connection, id_))
            held = {**row["answers"]}
            for key, given in answers.items():
                if given is None:
                    held.pop(key, None)
                else:
                    held[key] = given.snapshot()
            changed: Facts = {"answers": held, "result": score(form, _given(held)).snapshot()}
            if comment is not None:
                changed["comment"] = comment
            await connection.execute(
                update(audits).where(audits.c.id == id_).values(**changed, changed_at=utc_now())
            )
            return await self._shown(connection, id_)

    async def mark(self, auditor: User, id_: str, media_time_ms: int, note: str) -> Facts:
        """Mark a moment; returns the marker."""
        async with self._database.write() as connection:
            await self._own_open(connection, auditor, id_)
            taken = await _numbers(connection, id_)
            if len(taken) >= MOST_MARKERS:
                raise ValueError(f"an audit has at most {MOST_MARKERS} markers")
            number = max(taken, default=0) + 1
            row = {"number": number, "media_time_ms": media_time_ms, "note": note, "made_at": utc_now()}
            await connection.execute(insert(markers).values(audit=id_, **row))
        return _marker(row)

    async def finish(self, auditor: User, id_: str) -> Facts:
        """The result is final from now on. Raises `AuditIncomplete`."""
        async with self._database.write() as connection:
            row = await self._own_open(connection, auditor, id_)
            result = score(Form.from_snapshot(row["form"]), _given(row["answers"]))
            if result.missing:
                raise AuditIncomplete(
                    f"not answered, or without the comment needed: {', '.join(result.missing)}"
                )
            now = utc_now()
            await connection.execute(
                update(audits)
                .where(audits.c.id == id_)
                .values(state=FINISHED, result=result.snapshot(), changed_at=now, finished_at=now)
            )
            return await self._shown(connection, id_)

    async def find(self, id_: str) -> Facts:
        async with self._database.read() as connection:
            return await self._shown(connection, id_)

    async def list_(
        self,
        *,
        own: str | None,
        teams: Collection[str] = (),
        state: str | None = None,
        form: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 500,
    ) -> list[Facts]:
        """Newest first: those of auditor `own`, and all of `teams` (`*`: of every team)."""
        seen = []
        if own is not None:
            seen.append(audits.c.auditor == own)
        if "*" in teams:
            seen.append(audits.c.id.is_not(None))
        elif teams:
            seen.append(audits.c.team.in_(sorted(teams)))
        wanted = [or_(*seen)]
        if state is not None:
            wanted.append(audits.c.state == state)
        if form is not None:
            wanted.append(audits.c.form["id"].as_string() == form)
        if since is not None:
            wanted.append(audits.c.created_at >= since)
        if until is not None:
            wanted.append(audits.c.created_at < until)
        query = select(audits).where(and_(*wanted)).order_by(audits.c.created_at.desc(), audits.c.id)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.limit(limit))).mappings().all()
            marked: dict[str, list[Facts]] = {}
            for start in range(0, len(rows), 500):
                ids = [row["id"] for row in rows[start : start + 500]]
                found = await connection.execute(
                    select(markers)
                    .where(markers.c.audit.in_(ids))
                    .order_by(markers.c.audit, markers.c.number)
                )
                for marker in found.mappings():
                    marked.setdefault(marker["audit"], []).append(_marker(marker))
        return [_audit(row, marked.get(row["id"], [])) for row in rows]

    async def _own_open(self, connection: AsyncConnection, auditor: User, id_: str) -> RowMapping:
        """The row, held until the transaction ends."""
        query = select(audits).where(audits.c.id == id_).with_for_update()
        row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            raise NoRoute(f"no audit {id_}")
        if row["auditor"] != auditor.id:
            raise NotPermitted(f"{auditor.id} may not change the audit of {row['auditor']}")
        if row["state"] == FINISHED:
            raise AuditFinished(
                f"audit {id_} was finished at {_at(row['finished_at'])}: it is not changed any more"
            )
        return row

    async def _shown(self, connection: AsyncConnection, id_: str) -> Facts:
        row = (await connection.execute(select(audits).where(audits.c.id == id_))).mappings().one_or_none()
        if row is None:
            raise NoRoute(f"no audit {id_}")
        found = await connection.execute(
            select(markers).where(markers.c.audit == id_).order_by(markers.c.number)
        )
        return _audit(row, [_marker(marker) for marker in found.mappings()])


async def _numbers(connection: AsyncConnection, id_: str) -> set[int]:
    found = await connection.execute(select(markers.c.number).where(markers.c.audit == id_))
    return set(found.scalars())


def _given(answers: Mapping[str, Any]) -> dict[str, Given]:
    return {key: Given(one["value"], one["comment"], tuple(one["markers"])) for key, one in answers.items()}


def _at(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _marker(row: Mapping[Any, Any]) -> Facts:
    return {
        "number": row["number"],
        "media_time_ms": row["media_time_ms"],
        "note": row["note"],
        "at": _at(row["made_at"]),
    }


def _audit(row: RowMapping, marked: list[Facts]) -> Facts:
    facts = {name: row[name] for name in _COLUMNS}
    times = {name: _at(row[name]) for name in ("created_at", "changed_at", "finished_at")}
    return {**facts, **times, "markers": marked}


__all__ = ["FINISHED", "OPEN", "AuditBook"]
