"""Logging: structlog over the standard library, one event a line, as coloured text or JSON, times in RFC 3339
UTC.

An event is a dotted name and its facts: `get_logger(__name__).info("supervision.refused", user="fw1",
call="c-17")`. What other libraries log goes the same way. Safe to call from any thread; writes to standard
error.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_CHATTY = ("asyncio", "amqtt", "transitions", "websockets", "httpx", "httpcore", "mqtt", "alembic")
"""Libraries whose debug and info lines are not ours to show."""


def rfc3339(at: datetime) -> str:
    """`2026-11-22T10:48:03.125Z`: UTC, milliseconds (RFC 3339 §5.6)."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def set_up(level: str = "info", format: str = "console", stream: TextIO | None = None) -> None:
    """Start logging; a second call replaces the first. `format`: `console` or `json`; `stream`: standard
    error by default."""
    out = stream or sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        _stamp,
    ]
    last: list[structlog.typing.Processor]
    if format == "json":
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    else:
        # plain tracebacks: the rich ones print local variables, and a token may be among them
        plain = structlog.dev.plain_traceback
        last = [structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=plain)]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(_LEVELS[level], logging.WARNING))
    logging.captureWarnings(True)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of one module; works before `set_up`, too."""
    return structlog.stdlib.get_logger(name)


def _stamp(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    record = event.get("_record")
    at = datetime.fromtimestamp(record.created, UTC) if record is not None else datetime.now(UTC)
    event.setdefault("timestamp", rfc3339(at))
    return event
