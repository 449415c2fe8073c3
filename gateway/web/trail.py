"""`GET /api/trail`: who did what, for information governance. Reading it is itself on record."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from gateway.core.errors import NotPermitted
from gateway.core.permissions import Action, decide
from gateway.store import Database
from gateway.trail.export import COLUMNS, as_csv, csv_line, exported
from gateway.web.recorded import recorded
from gateway.web.routes import Asking, unprocessable

EVERY_TEAM = "*"
Text = Annotated[str | None, Query(max_length=64, pattern=r"^[^\x00]*$")]


def trail_router(database: Database) -> APIRouter:
    router = APIRouter(prefix="/api/trail", tags=["trail"])

    @router.get("", response_class=StreamingResponse)
    async def export(
        request: Request,
        user: Asking,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        call: Text = None,
        who: Text = None,
        format: Literal["csv", "json"] = "csv",
    ) -> StreamingResponse:
        """The trail's records of a time range, oldest first: CSV, or one JSON object a line. For people of
        all teams.
        """
        decision = decide(user, Action.EXPORT_TRAIL, EVERY_TEAM)
        if not decision.allowed:
            raise NotPermitted(decision.why)
        bounds = _text(since), _text(until)
        await recorded(request, "trail.exported", call, user, since=bounds[0], until=bounds[1], who=who)
        lines = _lines(database, bounds, call, who, format)
        kind = "text/csv; charset=utf-8" if format == "csv" else "application/x-ndjson"
        headers = {
            "Content-Disposition": f'attachment; filename="trail.{format}"',
            "Cache-Control": "no-store",
        }
        return StreamingResponse(lines, media_type=kind, headers=headers)

    return router


async def _lines(
    database: Database, bounds: tuple[str | None, str | None], call: str | None, who: str | None, form: str
) -> AsyncIterator[str]:
    if form == "csv":
        yield csv_line(COLUMNS)
    async for record in exported(database, *bounds, call, who):
        yield as_csv(record) if form == "csv" else json.dumps(record) + "\n"


def _text(at: datetime | None) -> str | None:
    """As the trail keeps times: they are compared as text."""
    if at is None:
        return None
    try:
        return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except OverflowError:
        raise unprocessable(ValueError(f"{at.isoformat()}: out of range")) from None
