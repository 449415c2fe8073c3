"""Nobody listens unseen: what must stand in the trail before it may begin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from starlette.requests import HTTPConnection

from gateway.core.errors import Unavailable
from gateway.core.permissions import User
from gateway.log import get_logger

log = get_logger(__name__)


class Record(Protocol):
    """Implemented by `gateway.trail.writer.Writer`."""

    async def commit(self, kind: str, call: str | None, facts: Mapping[str, Any]) -> None:
        """Return when the record is on the disk. Raises `Unavailable`."""

    def put(self, kind: str, call: str | None, facts: Mapping[str, Any]) -> None:
        """Write it when it can be written."""


async def recorded(connection: HTTPConnection, kind: str, call: str | None, user: User, **facts: Any) -> None:
    """Return when it is on the disk that `user` asked for this. Raises `Unavailable`: then refuse it."""
    record: Record | None = getattr(connection.app.state, "record", None)
    if record is not None:
        source = connection.client.host if connection.client else None
        facts = {"user": user.id, "source": source, **facts}
        try:
            await record.commit(kind, call, facts)
        except Unavailable as error:
            log.warning("web.unrecorded", asked=kind, call=call, user=user.id, why=str(error))
            record.put("supervision.refused", call, {"asked": kind, **facts, "why": str(error)})
            raise
