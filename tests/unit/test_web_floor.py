"""`/api/duty`, `/api/help`, `/api/me` and the snapshot of events, on a real port with the real call logic."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from exchange_fakes import CONFIG, House
from websockets.asyncio.client import connect

from gateway.config.model import Config
from gateway.config.people import Directory
from gateway.feeds.hub import Hub
from gateway.web.server import WebServer, serve_web


class Floor:
    def __init__(self, house: House, web: WebServer) -> None:
        self.house = house
        self.web = web

    async def ask(self, who: str | None, verb: str, path: str, body: object = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer tok-{who}"} if who else {}
        async with httpx.AsyncClient(base_url=self.web.url, headers=headers) as client:
            return await client.request(verb, path, json=body)


@pytest.fixture
async def floor() -> AsyncIterator[Floor]:
    house = House()
    people = Directory(Config.model_validate(CONFIG), {})
    tokens = {f"tok-{name}": people.by_id(name) for name in ("fiona", "frank", "arthur", "ann", "ben")}
    hub = Hub(house.exchange, stall_limit_s=30)
    web = await serve_web(("127.0.0.1", 0), house.exchange, tokens.get, hub, floor=house.exchange.floor)
    yield Floor(house, web)
    hub.stop()
    await web.stop()


async def test_duty_by_http_and_in_the_events(floor: Floor) -> None:
    came = await floor.ask("frank", "PUT", "/api/duty", {"on": True, "clinical": True})
    assert (came.status_code, came.json()["teams"]) == (200, ["north"])
    shown = (await floor.ask("fiona", "GET", "/api/duty")).json()
    assert (shown["own"]["on"], [one["user"] for one in shown["on_duty"]]) == (False, ["frank"])
    url = f"ws://127.0.0.1:{floor.web.port}/api/events"
    async with (
        asyncio.timeout(10),
        connect(url, additional_headers={"Authorization": "Bearer tok-fiona"}) as socket,
    ):
        snapshot = json.loads(await socket.recv())
        assert snapshot["duty"] == shown["on_duty"] and snapshot["help"] == []
        await floor.ask("frank", "PUT", "/api/duty", {"on": False})
        event = json.loads(await socket.recv())
        assert (event["kind"], event["data"]["on"]) == ("duty.changed", False)


async def test_help_is_shown_to_the_teams_and_to_whoever_asked(floor: Floor) -> None:
    call = floor.house.conversation(to="2002")
    asked = await floor.ask("ben", "POST", "/api/help", {"reason": "which pathway?", "call": call})
    assert (asked.status_code, asked.json()["call"]) == (201, call)
    assert (await floor.ask("ben", "GET", "/api/me")).json()["help"] == [asked.json()]
    for who, seen in (("fiona", 1), ("frank", 0), ("ben", 1), ("ann", 0)):
        assert len((await floor.ask(who, "GET", "/api/help")).json()) == seen, who
    path = f"/api/help/{asked.json()['id']}"
    assert (await floor.ask("fiona", "POST", f"{path}/answer")).json()["answered_by"] == "fiona"
    assert (await floor.ask("ben", "DELETE", path)).status_code == 204
    assert (await floor.ask("ben", "DELETE", path)).status_code == 404


@pytest.mark.parametrize(
    ("who", "verb", "path", "body", "status", "error"),
    [
        (None, "GET", "/api/duty", None, 401, "no token given"),
        (None, "GET", "/api/me", None, 401, "no token given"),
        (None, "POST", "/api/help", {}, 401, "no token given"),
        ("ann", "GET", "/api/duty", None, 403, "ann may not watch"),
        ("arthur", "PUT", "/api/duty", {"on": True}, 403, "arthur may not duty"),
        ("frank", "PUT", "/api/duty", {"on": True, "teams": ["south"]}, 422, "teams: south is not yours"),
        ("frank", "PUT", "/api/duty", {"on": True, "teams": []}, 422, "teams: at least one"),
        ("frank", "PUT", "/api/duty", {}, 422, "on: Field required"),
        ("arthur", "POST", "/api/help", {}, 403, "arthur may not help"),
        ("ann", "POST", "/api/help", {"kind": "chat"}, 422, "kind: Input should be"),
        ("ann", "POST", "/api/help", {"call": "c-other"}, 403, "ann may ask for help on their own call only"),
        ("fiona", "POST", "/api/help/h-none/answer", None, 404, "no open help request h-none"),
        ("ann", "GET", "/api/calls", None, 403, "ann may not watch"),
    ],
)
async def test_refusals(
    floor: Floor, who: str | None, verb: str, path: str, body: object, status: int, error: str
) -> None:
    answer = await floor.ask(who, verb, path, body)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(error)
