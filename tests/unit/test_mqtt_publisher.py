"""The publisher and the embedded broker: what a wallboard sees, what a button may do, a late broker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiomqtt
import pytest
from feed_fakes import ADVISOR, FLOORWALKER, FakeControl

from gateway.alerts.embedded import EmbeddedBroker
from gateway.alerts.publisher import Publisher
from gateway.config.model import Mqtt

PEOPLE = {user.id: user for user in (ADVISOR, FLOORWALKER)}


def make(control: FakeControl, url: str) -> Publisher:
    return Publisher(Mqtt(url=url), "node1", "leeds", control, PEOPLE.get, environ={})


@asynccontextmanager
async def wallboard(broker: EmbeddedBroker, topic: str = "gateway/leeds/#") -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client(broker.host, broker.port) as client:
        await client.subscribe(topic, qos=1)
        yield client


@asynccontextmanager
async def leading_to(broker: EmbeddedBroker, port: int) -> AsyncIterator[None]:
    """From now on the broker is to be reached on `port`, too."""

    async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
        target.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(broker.host, broker.port)
        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer), return_exceptions=True)

    async with await asyncio.start_server(connected, "127.0.0.1", port):
        yield


async def until(client: aiomqtt.Client, topic: str, **facts: object) -> dict:
    """The next message on `topic` that says all of `facts`; an empty payload is {}."""
    async with asyncio.timeout(10):
        async for message in client.messages:
            if str(message.topic) == f"gateway/leeds/{topic}":
                found = json.loads(message.payload) if message.payload else {}
                if facts.items() <= found.items():
                    return found
    raise AssertionError


@pytest.fixture
async def broker() -> AsyncIterator[EmbeddedBroker]:
    async with EmbeddedBroker() as running:
        yield running


async def test_states_alerts_and_farewell(broker: EmbeddedBroker) -> None:
    control = FakeControl()
    publisher = make(control, broker.url)
    await publisher.start()
    async with wallboard(broker) as board:
        online = await until(board, "gateway/node1/status", state="online")
        assert online["schema"] == 1
        assert online["since"].endswith("Z")
        state = await until(board, "call/c-1/state")
        assert state["node"] == "node1"
        assert state["state"] == "talking"

        control.raise_alert(ADVISOR, "c-1", "phone", "panic")
        raised = await until(board, "alert/a-1/state")
        assert (raised["state"], raised["revision"], raised["call"]) == ("raised", 1, "c-1")
        control.acknowledge_alert(FLOORWALKER, "a-1")
        assert (await until(board, "alert/a-1/state"))["revision"] == 2
        control.resolve_alert(FLOORWALKER, "a-1")
        assert (await until(board, "alert/a-1/state"))["state"] == "resolved"
        assert await until(board, "alert/a-1/state") == {}

        control.call_list.pop(0)
        control.publish("call.ended", "c-1")
        assert await until(board, "call/c-1/state") == {}
        await publisher.stop()
        await until(board, "gateway/node1/status", state="offline")


async def test_button_raises_once_and_wallboard_settles_it(broker: EmbeddedBroker) -> None:
    control = FakeControl()
    publisher = make(control, broker.url)
    await publisher.start()
    async with wallboard(broker) as board:
        await until(board, "gateway/node1/status", state="online")
        press = json.dumps({"advisor": "adv1", "reason": "button", "id": "press-7"})
        for _ in range(3):
            await board.publish("gateway/leeds/alert/raise", press, qos=1)
        raised = await until(board, "alert/a-1/state")
        assert raised["requests"] == ["press-7"]
        await board.publish("gateway/leeds/alert/a-1/acknowledge", json.dumps({"user": "fw1"}), qos=1)
        await until(board, "alert/a-1/state", state="acknowledged")
        await board.publish("gateway/leeds/alert/a-1/resolve", json.dumps({"user": "fw1"}), qos=1)
        await until(board, "alert/a-1/state", state="resolved")
    assert [entry[0] for entry in control.asked] == ["raise", "acknowledged", "resolved"]
    await publisher.stop()


@pytest.mark.parametrize(
    ("topic", "payload", "why"),
    [
        ("alert/raise", b"\xff\x00", "not JSON"),
        ("alert/raise", b"[1]", "expected a JSON object"),
        ("alert/raise", b'{"reason":"x"}', "advisor or call must be given"),
        ("alert/raise", b'{"advisor":"nobody"}', "nobody with the id"),
        ("alert/raise", b'{"call":"c-99"}', "no live call c-99"),
        ("alert/a-1/acknowledge", b"{}", "user must be given"),
        ("alert/a-1/resolve", b'{"user":"adv1"}', "may not acknowledge"),
    ],
)
async def test_refusal_is_told(broker: EmbeddedBroker, topic: str, payload: bytes, why: str) -> None:
    control = FakeControl()
    publisher = make(control, broker.url)
    await publisher.start()
    async with wallboard(broker) as board:
        await until(board, "gateway/node1/status", state="online")
        await board.publish(f"gateway/leeds/{topic}", payload, qos=1)
        refused = await until(board, "alert/refused")
        assert why in refused["error"]
        assert refused["topic"] == f"gateway/leeds/{topic}"
    assert control.asked == []
    await publisher.stop()


async def test_broker_that_comes_late_gets_everything_in_order(unused_tcp_port: int) -> None:
    control = FakeControl()
    publisher = make(control, f"mqtt://127.0.0.1:{unused_tcp_port}")
    await publisher.start()
    for _ in range(3):
        control.raise_alert(ADVISOR, "c-1", "phone")
    control.acknowledge_alert(FLOORWALKER, "a-2")
    assert publisher.waiting_alerts == 4
    # The wallboard is there before the publisher can be: else it would be given what is retained, not what came.
    async with (
        EmbeddedBroker() as broker,
        wallboard(broker, "gateway/leeds/alert/#") as board,
        leading_to(broker, unused_tcp_port),
    ):
        seen = []
        async with asyncio.timeout(15):
            async for message in board.messages:
                facts = json.loads(message.payload)
                seen.append((facts["id"], facts["revision"]))
                if len(seen) == 4:
                    break
        assert seen == [("a-1", 1), ("a-2", 1), ("a-3", 1), ("a-2", 2)]
        await publisher.stop()
    assert publisher.waiting_alerts == 0
