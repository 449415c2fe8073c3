"""Mosquitto, as a site runs it: killed and restarted, forgetful, strict, slow. MQTT 3.1.1 and 5."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from feed_fakes import ADVISOR, FLOORWALKER, FakeControl
from mosquitto import Mosquitto, needs_mosquitto

from gateway.alerts.publisher import Publisher
from gateway.config.model import Mqtt

pytestmark = [pytest.mark.interop, needs_mosquitto]
PEOPLE = {user.id: user for user in (ADVISOR, FLOORWALKER)}


class Wallboard:
    """A subscriber that stays through everything: reconnects, keeps every message in order."""

    def __init__(self, port: int) -> None:
        self.seen: list[tuple[str, dict[str, Any], bool]] = []
        self._port = port
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            try:
                async with aiomqtt.Client(
                    "127.0.0.1", self._port, identifier="wallboard", clean_session=False, timeout=5
                ) as client:
                    await client.subscribe("gateway/leeds/#", qos=1)
                    async for message in client.messages:
                        facts = json.loads(message.payload) if message.payload else {}
                        topic = str(message.topic).removeprefix("gateway/leeds/")
                        self.seen.append((topic, facts, message.retain))
                        self._news.set()
            except aiomqtt.MqttError:
                await asyncio.sleep(0.05)

    def alerts(self) -> list[tuple[str, int]]:
        return [
            (facts["id"], facts["revision"])
            for topic, facts, _ in self.seen
            if topic.endswith("/state") and "revision" in facts
        ]

    async def until(self, holds: Any, within_s: float = 20) -> None:
        async with asyncio.timeout(within_s):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def until_status(self, state: str) -> None:
        def holds() -> bool:
            statuses = [
                facts.get("state") for topic, facts, _ in self.seen if topic == "gateway/node1/status"
            ]
            return bool(statuses) and statuses[-1] == state

        await self.until(holds)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture
async def broker(tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[Mosquitto]:
    async with Mosquitto(tmp_path, unused_tcp_port) as running:
        yield running


@asynccontextmanager
async def publishing(
    broker: Mosquitto, control: FakeControl, protocol: Any = "3.1.1"
) -> AsyncIterator[Publisher]:
    publisher = Publisher(
        Mqtt(url=broker.url), "node1", "leeds", control, PEOPLE.get, environ={}, protocol=protocol
    )
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


@asynccontextmanager
async def watching(broker: Mosquitto) -> AsyncIterator[Wallboard]:
    board = Wallboard(broker.port)
    try:
        yield board
    finally:
        await board.close()


async def retained(broker: Mosquitto) -> dict[str, dict[str, Any]]:
    """What a newcomer is told at once."""
    found: dict[str, dict[str, Any]] = {}
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await client.subscribe("gateway/leeds/#")
        await client.subscribe("end")
        await client.publish("end", b"", qos=1)
        async for message in client.messages:
            if str(message.topic) == "end":
                return found
            if message.payload:
                found[str(message.topic).removeprefix("gateway/leeds/")] = json.loads(message.payload)
    raise AssertionError


async def eventually(holds: Callable[[], Awaitable[bool]], within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while not await holds():  # noqa: ASYNC110 (what is waited for is in another process)
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
async def test_whole_life(broker: Mosquitto, protocol: str) -> None:
    control = FakeControl()
    async with watching(broker) as board:
        async with publishing(broker, control, protocol):
            await board.until_status("online")
            control.raise_alert(ADVISOR, "c-1", "phone")
            await board.until(
                lambda: {"call/c-1/state", "alert/a-1/state"} <= {entry[0] for entry in board.seen}
            )
            newcomer = await retained(broker)
            assert newcomer["alert/a-1/state"]["state"] == "raised"
            assert newcomer["call/c-1/state"]["state"] == "talking"
            control.acknowledge_alert(FLOORWALKER, "a-1")
            control.resolve_alert(FLOORWALKER, "a-1")
            await board.until(lambda: ("alert/a-1/state", {}, False) in board.seen)
            assert board.alerts() == [("a-1", 1), ("a-1", 2), ("a-1", 3)]
            control.call_list.clear()
            control.publish("call.ended", "c-1")
            control.publish("call.ended", "c-2")
        await board.until_status("offline")
        assert set(await retained(broker)) == {"gateway/node1/status"}


async def test_killed_broker_gets_every_alert_raised_meanwhile_once_and_in_order(broker: Mosquitto) -> None:
    control = FakeControl()
    async with watching(broker) as board, publishing(broker, control) as publisher:
        await board.until_status("online")
        control.raise_alert(ADVISOR, "c-1", "phone")
        await board.until(lambda: board.alerts() == [("a-1", 1)])

        async def board_is_remembered() -> bool:
            return broker.memory.exists() and b"wallboard" in broker.memory.read_bytes()

        await eventually(board_is_remembered)
        await broker.kill()
        for _ in range(5):
            control.raise_alert(ADVISOR, "c-1", "phone")
        control.acknowledge_alert(FLOORWALKER, "a-3")
        control.resolve_alert(FLOORWALKER, "a-3")
        control.acknowledge_alert(FLOORWALKER, "a-2")
        await broker.start()
        await board.until(lambda: ("a-2", 2) in board.alerts())
        expected = [(f"a-{n}", 1) for n in range(2, 7)] + [("a-3", 2), ("a-3", 3), ("a-2", 2)]
        told = [entry for entry in board.alerts() if entry[0] != "a-1"]
        assert told == expected

        async def exactly_the_open_alerts_are_retained() -> bool:
            found = {topic for topic in await retained(broker) if topic.startswith("alert/")}
            return found == {f"alert/a-{n}/state" for n in (1, 2, 4, 5, 6)}

        await eventually(exactly_the_open_alerts_are_retained)
        assert publisher.waiting_alerts == 0


async def test_broker_that_lost_its_memory_gets_open_alerts_and_live_calls_again(broker: Mosquitto) -> None:
    control = FakeControl()
    async with publishing(broker, control) as publisher:
        control.raise_alert(ADVISOR, "c-1", "phone")

        async def everything_is_retained() -> bool:
            return {"alert/a-1/state", "call/c-1/state", "call/c-2/state"} <= set(await retained(broker))

        await eventually(everything_is_retained)
        await broker.kill()
        broker.memory.unlink(missing_ok=True)
        await broker.start()
        await eventually(everything_is_retained)
        assert publisher.connected


async def test_call_states_of_a_gateway_that_died_are_cleared(broker: Mosquitto) -> None:
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        ours = json.dumps({"schema": 1, "site": "leeds", "node": "node1", "id": "old"})
        others = json.dumps({"schema": 1, "site": "leeds", "node": "node2", "id": "alive"})
        await client.publish("gateway/leeds/call/old/state", ours, qos=1, retain=True)
        await client.publish("gateway/leeds/call/alive/state", others, qos=1, retain=True)
        await client.publish("gateway/leeds/alert/a-0/state", ours, qos=1, retain=True)
    async with publishing(broker, FakeControl()):

        async def old_call_is_gone() -> bool:
            return "call/old/state" not in await retained(broker)

        await eventually(old_call_is_gone)
        left = await retained(broker)
        assert "call/alive/state" in left
        assert "alert/a-0/state" in left


async def test_press_while_the_gateway_is_away_is_raised_when_it_returns(broker: Mosquitto) -> None:
    async with publishing(broker, FakeControl()):

        async def calls_are_told() -> bool:
            return "call/c-1/state" in await retained(broker)

        await eventually(calls_are_told)
    async with aiomqtt.Client("127.0.0.1", broker.port) as button:
        await button.publish("gateway/leeds/alert/raise", json.dumps({"advisor": "adv1", "id": "p1"}), qos=1)
    control = FakeControl()
    async with publishing(broker, control):

        async def raised() -> bool:
            return bool(control.asked)

        await eventually(raised)
    assert control.asked == [("raise", "adv1", None, "mqtt", "")]


GATEWAY_THAT_DIES = """
import asyncio, sys
sys.path[:0] = [sys.argv[2]]
from feed_fakes import FakeControl
from gateway.alerts.publisher import Publisher
from gateway.config.model import Mqtt

async def main():
    await Publisher(Mqtt(url=sys.argv[1]), "node1", "leeds", FakeControl(), {}.get, environ={}).start()
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_last_will_says_offline(broker: Mosquitto) -> None:
    tests = Path(__file__).parents[1]
    async with watching(broker) as board:
        gateway = await asyncio.create_subprocess_exec(
            sys.executable, "-c", GATEWAY_THAT_DIES, broker.url, str(tests / "unit"), cwd=tests.parent
        )
        try:
            await board.until_status("online")
        finally:
            gateway.kill()
            await gateway.wait()
        await board.until_status("offline")


async def test_frozen_broker_disturbs_nothing_and_loses_nothing(broker: Mosquitto) -> None:
    control = FakeControl()
    loop = asyncio.get_running_loop()
    async with watching(broker) as board, publishing(broker, control) as publisher:
        await board.until_status("online")
        broker.freeze()
        worst_s = 0.0
        for number in range(200):
            control.publish("call.changed", "c-1", number=number)
            if number % 10 == 0:
                control.raise_alert(ADVISOR, "c-1", "phone")
            before_s = loop.time()
            await asyncio.sleep(0.005)
            worst_s = max(worst_s, loop.time() - before_s)
        assert publisher.waiting_alerts == 20
        assert worst_s < 3, "aiomqtt waits 10 s for a broker that does not answer"
        broker.thaw()
        await board.until(lambda: len(board.alerts()) >= 20)
        assert board.alerts() == [(f"a-{n}", 1) for n in range(1, 21)]
