"""HTTP and both WebSockets as a tool meets them, on a real port."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
from feed_fakes import TOKENS, FakeControl
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.core.errors import Overloaded
from gateway.feeds.frames import Channels, Encoding, Format, parse_frame
from gateway.feeds.hub import Hub
from gateway.log import set_up
from gateway.web.server import WebServer, serve_web

FLOORWALKER, AUDITOR, ADVISOR = "tok-floorwalker", "tok-auditor", "tok-advisor"


@dataclass
class House:
    control: FakeControl
    hub: Hub
    web: WebServer
    ready: list[str] = field(default_factory=list)

    def http(self, token: str | None = FLOORWALKER) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(base_url=self.web.url, headers=headers)

    def socket(self, path: str, token: str | None = FLOORWALKER, **options: object) -> connect:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"ws://127.0.0.1:{self.web.port}{path}"
        return connect(url, additional_headers=headers, compression=None, **options)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    control = FakeControl(asyncio.get_running_loop().time)
    hub = Hub(control, stall_limit_s=30)
    why_not: list[str] = []
    web = await serve_web(
        ("127.0.0.1", 0), control, TOKENS.get, hub, ready=lambda: why_not[0] if why_not else None
    )
    yield House(control, hub, web, why_not)
    hub.stop()
    await web.stop()


async def next_json(socket: ClientConnection, **facts: object) -> dict:
    """The next text message that says all of `facts`."""
    async with asyncio.timeout(10):
        while True:
            message = await socket.recv()
            if isinstance(message, str) and facts.items() <= (found := json.loads(message)).items():
                return found


async def close_of(socket: ClientConnection) -> tuple[int, str]:
    async with asyncio.timeout(10):
        await socket.wait_closed()
    return socket.close_code or 0, socket.close_reason or ""


# ── HTTP ──


async def test_calls_are_those_of_the_users_teams(house: House) -> None:
    async with house.http(AUDITOR) as auditor, house.http() as floorwalker:
        assert [call["id"] for call in (await auditor.get("/api/calls")).json()] == ["c-1"]
        assert [call["id"] for call in (await floorwalker.get("/api/calls")).json()] == ["c-1", "c-2"]
        assert (await auditor.get("/api/calls/c-1")).json()["state"] == "talking"
        hidden = await auditor.get("/api/calls/c-2")
        assert hidden.status_code == 404
        assert hidden.json()["error"] == "no live call c-2"


@pytest.mark.parametrize(
    ("token", "verb", "path", "body", "status", "error"),
    [
        (None, "GET", "/api/calls", None, 401, "no token given"),
        ("wrong", "GET", "/api/calls", None, 401, "unknown token"),
        (ADVISOR, "GET", "/api/calls", None, 403, "adv1 may not watch"),
        (
            AUDITOR,
            "PATCH",
            "/api/calls/c-1/supervisors/s-1",
            {"mode": "whisper"},
            403,
            "aud1 may not whisper",
        ),
        (
            FLOORWALKER,
            "PATCH",
            "/api/calls/c-1/supervisors/s-1",
            {"mode": "shout"},
            422,
            "mode: Input should be",
        ),
        (FLOORWALKER, "PATCH", "/api/calls/c-1/supervisors/s-1", {}, 422, "mode: Field required"),
        (FLOORWALKER, "DELETE", "/api/calls/c-9/supervisors/s-1", None, 404, "no live call c-9"),
        (AUDITOR, "POST", "/api/alerts", {"call": "c-1"}, 403, "aud1 may not raise"),
        (FLOORWALKER, "POST", "/api/alerts", {"whom": "me"}, 422, "whom: Extra inputs"),
        (FLOORWALKER, "POST", "/api/alerts/a-9/resolve", None, 404, "no open alert a-9"),
        (FLOORWALKER, "GET", "/api/nothing", None, 404, "GET /api/nothing: Not Found"),
        (FLOORWALKER, "PUT", "/api/calls", None, 405, "PUT /api/calls: Method Not Allowed"),
    ],
)
async def test_refusals_in_plain_words(
    house: House, token: str | None, verb: str, path: str, body: dict | None, status: int, error: str
) -> None:
    async with house.http(token) as client:
        answer = await client.request(verb, path, json=body)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(error)
    assert answer.json()["hint"]
    assert (answer.headers.get("www-authenticate") == "Bearer") is (status == 401)
    assert house.control.asked == []


async def test_garbage_as_body(house: House) -> None:
    async with house.http() as client:
        answer = await client.post(
            "/api/alerts", content=b"\xff{", headers={"content-type": "application/json"}
        )
    assert answer.status_code == 400
    assert "error" in answer.json()


async def test_body_without_end_is_refused(house: House) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 10_000

    async with house.http(None) as client:
        announced = await client.post("/api/alerts", content=b" " * 70_000)
        assert (announced.status_code, announced.json()["error"][:20]) == (413, "the body is too long")
        with contextlib.suppress(httpx.WriteError):
            assert (await client.post("/api/alerts", content=endless())).status_code == 413


async def test_supervision_and_alerts(house: House) -> None:
    async with house.http() as client:
        changed = await client.patch("/api/calls/c-1/supervisors/s-1", json={"mode": "barge"})
        assert (changed.status_code, changed.json()["id"]) == (200, "c-1")
        assert (await client.delete("/api/calls/c-1/supervisors/s-1")).status_code == 204
        raised = await client.post("/api/alerts", json={"call": "c-1", "reason": "help"})
        assert (raised.status_code, raised.json()["id"]) == (201, "a-1")
        assert [alert["state"] for alert in (await client.get("/api/alerts")).json()] == ["raised"]
        assert (await client.post("/api/alerts/a-1/acknowledge")).json()["state"] == "acknowledged"
        assert (await client.post("/api/alerts/a-1/resolve")).json()["state"] == "resolved"
        assert (await client.get("/api/alerts")).json() == []
    assert [entry[0] for entry in house.control.asked] == [
        "set_mode",
        "dismiss",
        "raise",
        "acknowledged",
        "resolved",
    ]


async def test_overload_is_503(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> dict:
        raise Overloaded("too many alerts")

    monkeypatch.setattr(house.control, "raise_alert", refuse)
    async with house.http() as client:
        answer = await client.post("/api/alerts", json={})
    assert (answer.status_code, answer.json()["error"]) == (503, "too many alerts")


@pytest.mark.parametrize("path", ["/api/calls", "/api/calls/c-1/audio", "/api/events"])
async def test_fault_of_ours_is_told_and_logged_without_the_token(
    house: House, path: str, monkeypatch: pytest.MonkeyPatch, logging_kept: None
) -> None:
    log = io.StringIO()
    set_up("info", "console", log)

    def fail(*_: object, **__: object) -> None:
        raise KeyError("boom")

    for name in ("calls", "open_feed"):
        monkeypatch.setattr(house.control, name, fail)
    if path == "/api/calls":
        async with house.http() as client:
            answer = await client.get(path)
        assert (answer.status_code, answer.json()["error"]) == (
            500,
            "the gateway failed at this; calls go on",
        )
    else:
        async with house.socket(path) as socket:
            assert (await close_of(socket))[0] == 1011
    logged = log.getvalue()
    assert "KeyError" in logged
    assert FLOORWALKER not in logged
    assert len(logged) < 20_000
    assert house.hub.listeners() == 0


async def test_health_readiness_and_docs_need_no_token(house: House) -> None:
    async with house.http(None) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        house.ready.append("all 200 calls are taken")
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["error"]) == (503, "all 200 calls are taken")
        page = (await client.get("/api/docs")).text
        assert "PATCH /api/calls/{call}/supervisors/{supervisor}" in page
        assert "http://" not in page
        assert "https://" not in page


# ── events ──


async def test_events_start_with_a_snapshot_of_the_users_teams(house: House) -> None:
    async with house.socket("/api/events", AUDITOR) as auditor, house.socket("/api/events") as floorwalker:
        assert [call["id"] for call in (await next_json(auditor, type="snapshot"))["calls"]] == ["c-1"]
        assert len((await next_json(floorwalker, type="snapshot"))["calls"]) == 2
        house.control.publish("supervisor.joined", "c-2", user="fw1")
        house.control.publish("supervisor.joined", "c-1", user="fw1")
        event = await next_json(auditor, type="event")
        assert (event["kind"], event["call"], event["data"]) == ("supervisor.joined", "c-1", {"user": "fw1"})
        assert (await next_json(floorwalker, type="event"))["call"] == "c-2"


async def test_alert_reaches_watchers(house: House) -> None:
    async with house.socket("/api/events", AUDITOR) as auditor, house.http() as client:
        await next_json(auditor, type="snapshot")
        await client.post("/api/alerts", json={"call": "c-1"})
        event = await next_json(auditor, kind="alert.raised")
        assert event["data"]["id"] == "a-1"


# ── audio ──


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", Format()),
        ("?channels=mix&encoding=pcmu", Format(Channels.MIX, Encoding.PCMU)),
        ("?channels=caller%2Cadvisor&rate=8000", Format()),
    ],
)
async def test_header_first_then_frames_in_order(house: House, query: str, wanted: Format) -> None:
    async with house.socket(f"/api/calls/c-1/audio{query}", AUDITOR) as listener:
        start = json.loads(await listener.recv())
        assert (start["type"], start["call"], start["encoding"]) == ("start", "c-1", wanted.encoding)
        assert start["channels"] == wanted.channels.names
        frames = [parse_frame(await listener.recv(), wanted) for _ in range(5)]
        assert [frame.sequence for frame in frames] == [1, 2, 3, 4, 5]
        assert [frame.media_time_ms for frame in frames] == [0, 20, 40, 60, 80]
        house.control.publish("call.ended", "c-1")
        assert await next_json(listener, type="end") == {"type": "end", "reason": "call ended"}
        assert await close_of(listener) == (1000, "call ended")
    assert house.hub.listeners() == 0


@pytest.mark.parametrize(
    ("path", "token", "code", "reason"),
    [
        ("/api/calls/c-1/audio", None, 4401, "no token given"),
        ("/api/calls/c-1/audio?token=wrong", None, 4401, "unknown token"),
        ("/api/calls/c-1/audio", ADVISOR, 4403, "adv1 may not stream"),
        ("/api/calls/c-2/audio", AUDITOR, 4403, "aud1 may not stream on calls of team south"),
        ("/api/calls/c-9/audio", AUDITOR, 4404, "no live call c-9"),
        ("/api/calls/c-1/audio?encoding=mp3", AUDITOR, 4422, "encoding=mp3: allowed"),
        ("/api/events", None, 4401, "no token given"),
        ("/api/events", ADVISOR, 4403, "adv1 may not watch"),
    ],
)
async def test_refused_socket(house: House, path: str, token: str | None, code: int, reason: str) -> None:
    async with house.socket(path, token) as socket:
        found, why = await close_of(socket)
    assert found == code
    assert why.startswith(reason)
    assert house.hub.listeners() == 0


async def test_browser_sends_its_token_as_subprotocol(house: House) -> None:
    offered = ["supervision.v1", "bearer.tok-auditor"]
    async with house.socket("/api/calls/c-1/audio", None, subprotocols=offered) as listener:
        assert listener.subprotocol == "supervision.v1"
        await next_json(listener, type="start")


@pytest.mark.parametrize("path", ["/api/calls/c-1/audio", "/api/events"])
@pytest.mark.parametrize(
    ("message", "code"),
    [(b"\x00\x01", 1003), ("hello", 1003), (b"\x00" * 5000, 1009), ("x" * 70_000, 1009)],
)
async def test_message_from_a_listener_is_refused_and_nobody_else_notices(
    house: House, path: str, message: str | bytes, code: int
) -> None:
    async with house.socket("/api/calls/c-1/audio") as other, house.socket(path) as talker:
        await next_json(other, type="start")
        await talker.recv()
        await talker.send(message)
        with contextlib.suppress(ConnectionClosed):
            async with asyncio.timeout(5):
                while True:
                    await talker.recv()
        assert talker.close_code == code
        first = parse_frame(await other.recv(), Format())
        second = parse_frame(await other.recv(), Format())
        assert second.sequence == first.sequence + 1


async def test_listener_that_vanishes_is_forgotten(house: House) -> None:
    socket = await house.socket("/api/calls/c-1/audio")
    await socket.recv()
    socket.transport.abort()
    async with asyncio.timeout(5):
        while house.hub.listeners():  # noqa: ASYNC110 (told by the operating system)
            await asyncio.sleep(0.01)
    assert house.control.taps[0].closed


async def test_stopping_says_goodbye(house: House) -> None:
    async with house.socket("/api/calls/c-1/audio") as listener, house.socket("/api/events") as watcher:
        await next_json(watcher, type="snapshot")
        await next_json(listener, type="start")
        house.hub.stop()
        stopping = asyncio.create_task(house.web.stop())
        assert (await next_json(listener, type="end"))["reason"] == "the gateway is stopping"
        assert await close_of(listener) == (1001, "the gateway is stopping")
        assert (await close_of(watcher))[0] == 1001
        async with asyncio.timeout(5):
            await stopping


async def test_port_in_use_is_told(house: House) -> None:
    with pytest.raises(OSError, match="in use"):
        await serve_web(("127.0.0.1", house.web.port), house.control, TOKENS.get, house.hub)
