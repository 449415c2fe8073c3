"""Publishes alerts and call states, and takes commands, for as long as the gateway runs; the broker may come
and go.

Runs on the asyncio loop; the call logic is only listened to (`Control.subscribe`), so that a broker that is
down, slow or killed disturbs nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Literal

import aiomqtt

from gateway.alerts.backoff import Backoff
from gateway.alerts.connection import connection
from gateway.alerts.drill import EVERY_S, FIRST_S, TOO_LATE_S, Drill
from gateway.alerts.inbound import Inbound
from gateway.alerts.outbox import AlertOutbox, CallStates, HelpOutbox
from gateway.alerts.session import FAREWELL_S, Session, Work, now
from gateway.alerts.topics import Message, Origin, Topics
from gateway.config.model import Mqtt
from gateway.config.secrets import secret
from gateway.core.control import Control, Floor
from gateway.core.events import News
from gateway.core.permissions import User
from gateway.log import get_logger

log = get_logger(__name__)

HELD_S = 10.0
"""A connection that held so long was a good one: the next failure is retried at once."""
TELL_AGAIN_S = 60.0
"""A broker that stays away is logged so often."""


async def _at_once() -> None:
    """Nothing is stored."""


class Publisher:
    """`start`, then `stop`. find_user: id of an advisor or user → `User`; None for nobody known. stored:
    awaited before an alert is published, so that what was told is not forgotten.
    """

    def __init__(
        self,
        settings: Mqtt,
        node: str,
        site: str,
        control: Control,
        find_user: Callable[[str], User | None],
        floor: Floor | None = None,
        *,
        environ: Mapping[str, str] = os.environ,
        first_drill_s: float = FIRST_S,
        stored: Callable[[], Awaitable[object]] = _at_once,
        protocol: Literal["3.1.1", "5"] = "3.1.1",
    ) -> None:
        topics, origin = Topics(settings.topic_root, site, node), Origin(site, node)
        self._topics, self._origin = topics, origin
        self.drill = Drill(time.monotonic, now)
        self._first_drill_s = first_drill_s
        self._drills: asyncio.Task[None] | None = None
        self._settings = settings
        self._control = control
        self._floor = floor
        self._alerts = AlertOutbox(topics, origin)
        self._help = HelpOutbox(topics, origin)
        self._calls = CallStates(topics, origin)
        self._inbound = Inbound(topics, origin, control, find_user)
        self._alert_work, self._help_work, self._call_work = Work(), Work(), Work()
        self._stopping = asyncio.Event()
        self._connect = partial(
            connection,
            settings,
            secret(settings.password_env, environ),
            identifier=f"gateway-{site}-{node}",
            status_topic=topics.status,
            will=origin.payload({"state": "offline"}),
            protocol=protocol,
        )
        self._session = partial(
            Session,
            topics=topics,
            origin=origin,
            control=control,
            alerts=self._alerts,
            help_=self._help,
            calls=self._calls,
            inbound=self._inbound,
            drill=self.drill,
            stored=stored,
            alert_work=self._alert_work,
            help_work=self._help_work,
            call_work=self._call_work,
        )
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self.connected = False

    @property
    def waiting_alerts(self) -> int:
        """Alert messages that the broker has not acknowledged."""
        return len(self._alerts)

    async def start(self) -> None:
        """Listen to the call logic and keep connecting from now on; returns at once, broker or not."""
        for alert in self._control.alerts():
            self._alerts.changed(alert, now())
        for request in self._floor.help() if self._floor else ():
            self._help.changed(request, now())
        self._unsubscribe = self._control.subscribe(self._on_news)
        self._task = asyncio.create_task(self._run(), name="mqtt")
        self._drills = asyncio.create_task(self._hold_drills(), name="drills")

    async def stop(self) -> None:
        """Publish what waits and `offline`, at most for a few seconds, then disconnect. Safe twice."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._stopping.set()
        if self._drills is not None:
            self._drills.cancel()
            await asyncio.gather(self._drills, return_exceptions=True)
            self._drills = None
        if self._task is not None:
            await asyncio.wait([self._task], timeout=2 * FAREWELL_S if self.connected else 0.1)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _hold_drills(self) -> None:
        """One a minute, and each judged within `TOO_LATE_S`."""
        back = asyncio.Event()
        self.drill.returned = back.set
        await asyncio.sleep(self._first_drill_s)
        while True:
            back.clear()
            was_ok = self.drill.verdict()["ok"]
            # Its News comes back to `_on_news` at once, which puts it into the outbox.
            self.drill.begin(self._control.raise_drill())
            try:
                await asyncio.wait_for(back.wait(), TOO_LATE_S)
            except TimeoutError:
                why = "no way back from the broker" if self.connected else "the broker is away"
                self.drill.failed(f"{why}: the drill was not seen within {TOO_LATE_S:g} s")
            verdict = self.drill.verdict()
            if verdict["ok"] is not was_ok:
                (log.info if verdict["ok"] else log.warning)("drill.held", **verdict)
            await asyncio.sleep(EVERY_S)

    def _on_news(self, news: News) -> None:
        if news.kind == "drill.raised":
            payload = self._origin.payload({"drill": news.data["drill"], "at": news.at})
            self._alerts.drill(Message(self._topics.drill, payload, retain=False))
            self._alert_work.wake()
        if news.kind.startswith("alert.") and "state" in news.data and "id" in news.data:
            self._alerts.changed(news.data, news.at, self._inbound.request_being_raised)
            self._alert_work.wake()
        if news.kind.startswith("help.") and "state" in news.data:
            self._help.changed(news.data, news.at)
            self._help_work.wake()
        if news.call is not None:
            self._calls.changed(news.call, news.at)
            self._call_work.wake()

    async def _run(self) -> None:
        backoff = Backoff()
        loop = asyncio.get_running_loop()
        told_s = -TELL_AGAIN_S
        while not self._stopping.is_set():
            connected_s: float | None = None
            why = "the connection ended"
            try:
                async with self._connect() as client:
                    connected_s, told_s = loop.time(), -TELL_AGAIN_S
                    self.connected = True
                    log.info("mqtt.connected", url=self._settings.url, waiting_alerts=self.waiting_alerts)
                    await self._session(client).run(self._stopping)
            except (aiomqtt.MqttError, OSError, ValueError) as error:
                why = str(error)
            finally:
                self.connected = False
            if self._stopping.is_set():
                return
            if connected_s is not None and loop.time() - connected_s >= HELD_S:
                backoff.reset()
            if loop.time() - told_s >= TELL_AGAIN_S:
                log.warning(
                    "mqtt.disconnected", url=self._settings.url, why=why, waiting_alerts=self.waiting_alerts
                )
                told_s = loop.time()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), backoff.next_s())
