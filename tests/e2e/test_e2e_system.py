"""`/api/system` and `/metrics` of the running gateway, with a call and a supervisor on it."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import pytest
from e2e_gateway import PATIENCE_S, Gateway, Settings, until
from e2e_house import House
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import ClientConnection, connect

TRUNKS = ("home", "home-tcp", "floor")
Figures = dict[tuple[str, tuple[str, ...]], float]


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(options_interval=1)


async def trunks(gateway: Gateway) -> dict[str, dict[str, Any]]:
    """By name."""
    return {one["name"]: one for one in (await gateway.get("/api/system", who="mona"))["trunks"]}


async def figures(gateway: Gateway) -> Figures:
    """By name and the labels' values."""
    answer = await gateway.ask("GET", "/metrics", who="mona")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_what_goes_on_is_seen(house: House, gateway: Gateway) -> None:
    await gateway.ask("PUT", "/api/duty", {"on": True})
    before = await figures(gateway)
    line = await house.conversation()
    await house.supervise("*72")
    system = (await gateway.ask("GET", "/api/system", who="mona")).json()
    assert (system["node"], system["calls"]["live"], system["calls"]["supervised"]) == ("node1", 1, 1)
    assert system["health"]["ready"] is True and system["health"]["store"]["ok"] is True
    assert {"user": "fiona", "by": "whisper", "call": line.id} in system["connected"]
    assert [one["user"] for one in system["on_duty"]] == ["fiona"]
    fiona = next(one for one in system["users"] if one["id"] == "fiona")
    assert (fiona["roles"], fiona["here"]) == (["floorwalker"], True)
    assert {one["name"] for one in system["trunks"]} == {"home", "home-tcp", "floor"}
    seen = await figures(gateway)
    assert seen["gateway_calls", ("talking",)] == 1
    assert seen["gateway_supervisors", ("whisper",)] == 1
    assert seen["gateway_on_duty", ()] == 1
    assert seen["gateway_legs", ()] == 3
    assert seen["gateway_alert_oldest_seconds", ()] == 0
    answered = ("gateway_news_total", ("call.answered",))
    assert seen[answered] == before.get(answered, 0) + 1
    assert seen["process_resident_memory_bytes", ()] > 0
    mark = gateway.mark()
    raised = (await gateway.ask("POST", "/api/alerts", {}, who="mona")).json()
    assert (await figures(gateway))["gateway_alerts", ("raised",)] == 1
    await gateway.ask("POST", f"/api/alerts/{raised['id']}/resolve")
    await gateway.logged("alert.resolved", since=mark)
    assert (await figures(gateway))["gateway_alerts", ("raised",)] == 0
    await gateway.ask("PUT", "/api/duty", {"on": False})


async def test_only_who_may_see_the_system(gateway: Gateway) -> None:
    for path in ("/api/system", "/metrics"):
        for who in ("fiona", "arthur"):
            answer = await gateway.ask("GET", path, who=who)
            assert (answer.status_code, "may not system" in answer.json()["error"]) == (403, True)


async def told(watcher: ClientConnection, kind: str, trunk: str) -> dict[str, Any]:
    """The next such event's data."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            event = json.loads(await watcher.recv())
            if event.get("kind") == kind and event["data"]["trunk"] == trunk:
                return dict(event["data"])


async def test_trunks_that_go_away_and_return(gateway: Gateway) -> None:
    async with AsyncExitStack() as stack:
        async with House(gateway):
            await all_up(gateway)
            mark = gateway.mark()
            watcher = await stack.enter_async_context(connect(gateway.websocket_url("/api/events", "mona")))
        tcp = await gateway.logged("trunk.down", since=mark, trunk="home-tcp")
        assert tcp["level"] == "warning"
        assert tcp["why"].startswith(
            ("cannot be reached: ", "no answer")
        )  # this where the machine was stalled
        udp = await told(watcher, "trunk.down", "home")
        assert udp["why"] == "no answer to OPTIONS for 8 s"
        down = (await trunks(gateway))["home"]
        assert (down["up"], down["why"], down["since"]) == (False, udp["why"], udp["since"])
        seen = await figures(gateway)
        assert seen["gateway_trunk_up", ("home",)] == 0
        assert seen["gateway_news_total", ("trunk.down",)] >= 2
        async with House(gateway):
            assert (await told(watcher, "trunk.up", "home"))["why"] == "200 OK"
            await all_up(gateway)


async def all_up(gateway: Gateway) -> None:
    up = await until(lambda: trunks(gateway), lambda found: all(found[name]["up"] is True for name in TRUNKS))
    assert {one["why"] for one in up.values()} == {"200 OK"}
    seen = await figures(gateway)
    assert [seen["gateway_trunk_up", (name,)] for name in TRUNKS] == [1, 1, 1]
