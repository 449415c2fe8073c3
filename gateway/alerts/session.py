"""What goes on over one connection to the broker, in lanes side by side.

Alerts go one by one, each after the PUBACK of the one before, so that their order holds; call states several
at once. A lane ends with `MqttError` when the connection breaks, and the others with it; what was not
acknowledged stays in the outbox.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import aiomqtt

from gateway.alerts.connection import IN_FLIGHT
from gateway.alerts.drill import Drill
from gateway.alerts.inbound import Inbound
from gateway.alerts.outbox import AlertOutbox, CallStates, HelpOutbox
from gateway.alerts.topics import Message, Origin, Topics
from gateway.core.control import Control
from gateway.log import get_logger, rfc3339

log = get_logger(__name__)

CALLS_AT_ONCE = IN_FLIGHT // 2
CALLS_EVERY_S = 0.1
"""States that change faster are told by their latest only."""
RETAINED_GRACE_S = 0.25
"""Brokers may send what they retain after the answer to the subscription."""
FAREWELL_S = 2.0
"""When stopping: for what still waits."""
REFUSED_CODE = 0x80
"""From here on a SUBACK's codes are refusals (MQTT 3.1.1 §3.9.3)."""


class Work:
    """Tells a lane that there is something to do, and others that it has done everything."""

    def __init__(self) -> None:
        self._wanted = asyncio.Event()
        self.idle = asyncio.Event()

    def wake(self) -> None:
        self._wanted.set()
        self.idle.clear()

    async def wait(self) -> None:
        if not self._wanted.is_set():
            self.idle.set()
        await self._wanted.wait()
        self._wanted.clear()


class Session:
    def __init__(
        self,
        client: aiomqtt.Client,
        topics: Topics,
        origin: Origin,
        control: Control,
        alerts: AlertOutbox,
        help_: HelpOutbox,
        calls: CallStates,
        inbound: Inbound,
        drill: Drill,
        stored: Callable[[], Awaitable[object]],
        alert_work: Work,
        help_work: Work,
        call_work: Work,
    ) -> None:
        self._client = client
        self._topics = topics
        self._origin = origin
        self._control = control
        self._alerts = alerts
        self._help = help_
        self._calls = calls
        self._inbound = inbound
        self._drill = drill
        self._stored = stored
        self._alert_work = alert_work
        self._help_work = help_work
        self._call_work = call_work
        self._found: dict[str, bytes] = {}
        """States that the broker retains, as far as it has told."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Until the connection breaks (`MqttError`), or `stopping` and everything is said."""
        self._alert_work.wake()
        self._help_work.wake()
        self._call_work.wake()
        lanes = [
            asyncio.create_task(lane)
            for lane in (
                self._inbound_lane(),
                self._outbox_lane(self._alerts, self._alert_work),
                self._outbox_lane(self._help, self._help_work),
                self._call_lane(),
                self._farewell(stopping),
            )
        ]
        try:
            done, _ = await asyncio.wait(lanes, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
        for lane in done:
            lane.result()

    async def _outbox_lane(self, outbox: AlertOutbox, work: Work) -> None:
        while True:
            await work.wait()
            while (message := outbox.head) is not None:
                await self._stored()
                await self._publish(message)
                outbox.done(message)

    async def _call_lane(self) -> None:
        online = self._origin.payload({"state": "online", "since": now()})
        await self._publish(Message(self._topics.status, online))
        await self._compare()
        while True:
            await self._call_work.wait()
            await self._publish_calls()
            for refusal in self._inbound.take_refusals():
                await self._publish(Message(self._topics.refused, refusal, retain=False, qos=0))
            await asyncio.sleep(CALLS_EVERY_S)

    async def _publish_calls(self) -> None:
        messages = self._calls.take(self._live_calls())
        try:
            for start in range(0, len(messages), CALLS_AT_ONCE):
                together = messages[start : start + CALLS_AT_ONCE]
                await asyncio.gather(*(self._publish(message) for message in together))
        except BaseException:
            self._calls.failed()
            raise
        self._calls.done()

    async def _compare(self) -> None:
        """Find out what the broker retains, and mend it: it may have lost its memory, or we have died."""
        self._found = {}
        self._alerts.begin_comparison()
        self._help.begin_comparison()
        await self._client.subscribe([(topic, 0) for topic in self._topics.states])
        await self._client.unsubscribe(list(self._topics.states))
        await asyncio.sleep(RETAINED_GRACE_S)
        for topic in self._alerts.reconcile(self._found):
            log.warning("mqtt.orphaned_alert", topic=topic, why="raised before a restart, and never resolved")
        for topic in self._help.reconcile(self._found):
            # Ours, and not open: it was closed while the broker was away, or ended with its call.
            await self._publish(Message(topic, b""))
        self._calls.reconcile(self._found, self._live_calls(), now())
        self._found = {}
        self._alert_work.wake()
        self._help_work.wake()
        self._call_work.wake()

    async def _inbound_lane(self) -> None:
        granted = await self._client.subscribe([(topic, 1) for topic in self._topics.inbound])
        if any((code if isinstance(code, int) else code.value) >= REFUSED_CODE for code in granted):
            log.error(
                "mqtt.subscription_refused", topics=self._topics.inbound, why="the broker's access list"
            )
        async for message in self._client.messages:
            topic, payload = str(message.topic), bytes(message.payload or b"")
            if any(of(topic) for of in (self._topics.call_of, self._topics.alert_of, self._topics.help_of)):
                if message.retain and payload:
                    self._found[topic] = payload
            elif topic == self._topics.drill:
                self._drill.came(payload)
            else:
                self._inbound.handle(topic, payload, retained=message.retain)
                self._call_work.wake()

    async def _farewell(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await self._alert_work.idle.wait()
                await self._help_work.idle.wait()
                await self._call_work.idle.wait()
        await self._publish(Message(self._topics.status, self._origin.payload({"state": "offline"})))

    async def _publish(self, message: Message) -> None:
        await self._client.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)

    def _live_calls(self) -> list[dict[str, Any]]:
        return [call for call in self._control.calls() if call.get("state") != "ended"]


def now() -> str:
    return rfc3339(datetime.now(UTC))
