"""Tokens: where they may stand, and that they never reach the log."""

from __future__ import annotations

import logging

import pytest
from feed_fakes import AUDITOR, TOKENS
from starlette.requests import HTTPConnection

from gateway.web.auth import HideTokens, choose_subprotocol, identify
from gateway.web.errors import BAD_TOKEN, NO_TOKEN, Refusal, close_reason

TABLE = TOKENS.get


def connection(
    kind: str = "http", query: str = "", header: str | None = None, offered: tuple[str, ...] = ()
) -> HTTPConnection:
    headers = [(b"authorization", header.encode())] if header is not None else []
    return HTTPConnection(
        {
            "type": kind,
            "path": "/",
            "query_string": query.encode(),
            "headers": headers,
            "subprotocols": list(offered),
        }
    )


@pytest.mark.parametrize(
    ("asking", "found"),
    [
        (connection(header="Bearer tok-auditor"), AUDITOR),
        (connection(header="bearer  tok-auditor "), AUDITOR),
        (connection("websocket", header="Bearer tok-auditor"), AUDITOR),
        (connection("websocket", offered=("supervision.v1", "bearer.tok-auditor")), AUDITOR),
        (connection("websocket", query="token=tok-auditor"), AUDITOR),
        (connection(), NO_TOKEN),
        (connection(header="Basic tok-auditor"), NO_TOKEN),
        (connection(query="token=tok-auditor"), NO_TOKEN),
        (connection(header="Bearer "), NO_TOKEN),
        (connection(header="Bearer tok-audito"), BAD_TOKEN),
        (connection("websocket", query="token=%00"), BAD_TOKEN),
    ],
)
async def test_where_a_token_may_stand(asking: HTTPConnection, found: object) -> None:
    assert await identify(asking, TABLE) == found


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("supervision.v1", "bearer.x"), "supervision.v1"),
        (("bearer.x",), "bearer.x"),
        (("chat",), None),
        ((), None),
    ],
)
def test_subprotocol(offered: tuple[str, ...], chosen: str | None) -> None:
    assert choose_subprotocol(offered) == chosen


def test_tokens_are_struck_out_of_log_lines() -> None:
    record = logging.LogRecord(
        "x", logging.INFO, "", 0, '%s - "WebSocket %s"', ("peer", "/api/events?a=1&token=s3cret&b=2"), None
    )
    assert HideTokens().filter(record)
    assert record.getMessage() == 'peer - "WebSocket /api/events?a=1&token=***&b=2"'


def test_close_reason_fits_a_close_frame() -> None:
    assert close_reason("ü" * 100) == "ü" * 61
    assert Refusal(403, "no", "ask").close_code == 4403
