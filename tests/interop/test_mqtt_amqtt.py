"""amqtt, the broker that the demo embeds: restarted under a publisher and a wallboard, MQTT 3.1.1."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import aiomqtt
import pytest

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from feed_fakes import ADVISOR, FLOORWALKER, FakeControl

from gateway.alerts.embedded import EmbeddedBroker
from gateway.alerts.publisher import Publisher
from gateway.config.model import Mqtt

pytestmark = pytest.mark.interop


async def retained(broker: EmbeddedBroker, wanted: set[str]) -> dict[str, dict]:
    """What a newcomer is told, until it is `wanted`."""
    found: dict[str, dict] = {}
    async with aiomqtt.Client(broker.host, broker.port) as client, asyncio.timeout(15):
        await client.subscribe("gateway/leeds/#", qos=1)
        async for message in client.messages:
            topic = str(message.topic).removeprefix("gateway/leeds/")
            if message.payload:
                found[topic] = json.loads(message.payload)
            if wanted <= set(found):
                return found
    raise AssertionError


async def test_restarted_broker_knows_everything_again(unused_tcp_port: int) -> None:
    control = FakeControl()
    people = {user.id: user for user in (ADVISOR, FLOORWALKER)}
    url = f"mqtt://127.0.0.1:{unused_tcp_port}"
    publisher = Publisher(Mqtt(url=url), "node1", "leeds", control, people.get, environ={})
    await publisher.start()
    calls = {"call/c-1/state", "call/c-2/state", "gateway/node1/status"}
    async with EmbeddedBroker(unused_tcp_port) as broker:
        control.raise_alert(ADVISOR, "c-1", "phone")
        await retained(broker, calls | {"alert/a-1/state"})
    control.raise_alert(ADVISOR, "c-1", "phone")
    control.acknowledge_alert(FLOORWALKER, "a-2")
    control.raise_alert(ADVISOR, "c-1", "phone")
    assert publisher.waiting_alerts == 3
    async with EmbeddedBroker(unused_tcp_port) as broker:
        found = await retained(broker, calls | {f"alert/a-{n}/state" for n in (1, 2, 3)})
        assert found["gateway/node1/status"]["state"] == "online"
        assert found["alert/a-1/state"]["state"] == "raised"
        await publisher.stop()
    assert publisher.waiting_alerts == 0


async def test_two_brokers_in_one_process_have_ports_of_their_own() -> None:
    async with EmbeddedBroker() as first, EmbeddedBroker() as second:
        assert first.port != second.port
        assert second.url == f"mqtt://127.0.0.1:{second.port}"


async def test_last_will_of_a_client_that_vanishes() -> None:
    async with EmbeddedBroker() as broker, aiomqtt.Client(broker.host, broker.port) as board:
        await board.subscribe("will", qos=1)
        dying = aiomqtt.Client(broker.host, broker.port, will=aiomqtt.Will("will", b"offline", qos=1))
        await dying.__aenter__()
        dying._client.socket().close()
        async with asyncio.timeout(10):
            async for message in board.messages:
                assert message.payload == b"offline"
                break
