"""Who cannot be recorded is refused with 503: streams and supervising from the web."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
from feed_fakes import TOKENS, FakeControl
from websockets.asyncio.client import connect

from gateway.core.errors import Unavailable
from gateway.feeds.hub import Hub
from gateway.web.server import serve_web

BEARER = {"Authorization": "Bearer tok-floorwalker"}


class Record:
    def __init__(self) -> None:
        self.kept: list[tuple[str, str | None, Mapping[str, Any]]] = []
        self.down = False

    async def commit(self, kind: str, call: str | None, facts: Mapping[str, Any]) -> None:
        if self.down:
            raise Unavailable("the trail cannot be written: disk full")
        self.put(kind, call, facts)

    def put(self, kind: str, call: str | None, facts: Mapping[str, Any]) -> None:
        self.kept.append((kind, call, facts))


@pytest.fixture
async def house() -> AsyncIterator[tuple[str, Record, FakeControl]]:
    control = FakeControl(asyncio.get_running_loop().time)
    hub, record = Hub(control), Record()
    web = await serve_web(("127.0.0.1", 0), control, TOKENS.get, hub, record=record)
    yield web.url, record, control
    hub.stop()
    await web.stop()


async def test_a_stream_is_recorded_before_it_is_opened(house: tuple[str, Record, FakeControl]) -> None:
    url, record, _ = house
    async with connect(
        f"{url.replace('http', 'ws')}/api/calls/c-1/audio", additional_headers=BEARER
    ) as socket:
        await socket.recv()
    assert record.kept == [("feed.asked", "c-1", {"user": "fw1", "source": "127.0.0.1"})]


async def test_what_cannot_be_recorded_is_not_opened(house: tuple[str, Record, FakeControl]) -> None:
    url, record, control = house
    record.down = True
    async with connect(
        f"{url.replace('http', 'ws')}/api/calls/c-1/audio", additional_headers=BEARER
    ) as socket:
        async with asyncio.timeout(10):
            await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (4503, "the trail cannot be written: disk full")
    async with httpx.AsyncClient(base_url=url, headers=BEARER) as client:
        answer = await client.post("/api/calls/c-1/supervisors", json={"mode": "listen", "via": "web"})
    assert answer.status_code == 503
    assert control.asked == []
    assert [(kind, facts["asked"]) for kind, _, facts in record.kept] == [
        ("supervision.refused", "feed.asked"),
        ("supervision.refused", "listen"),
    ]


async def test_a_way_to_join_that_this_user_has_not_is_422(
    house: tuple[str, Record, FakeControl], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, _, control = house

    def no_phone(*_: object) -> None:
        raise ValueError("fw1 has no phone that could be rung")

    monkeypatch.setattr(control, "supervise", no_phone, raising=False)
    async with httpx.AsyncClient(base_url=url, headers=BEARER) as client:
        answer = await client.post("/api/calls/c-1/supervisors", json={"mode": "listen", "via": "sip"})
    assert (answer.status_code, answer.json()["error"]) == (422, "fw1 has no phone that could be rung")
