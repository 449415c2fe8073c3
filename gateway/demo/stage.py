"""Everything that the story needs, started in order and stopped in reverse: broker, exchange, gateway,
telephones, watchers.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from gateway.alerts.embedded import EmbeddedBroker
from gateway.demo.process import GatewayProcess
from gateway.demo.settings import (
    ADVISOR,
    ADVISORS_NUMBERS,
    FEATURE_CODES,
    FLOORWALKER,
    PATIENT,
    Person,
    Tokens,
    configuration,
)
from gateway.demo.subscriber import Subscriber
from gateway.demo.watch import Watch
from simulators import Phone
from simulators.pbx import Pbx
from simulators.routing import Route


@dataclass
class Stage:
    """What is running."""

    folder: Path
    tokens: Tokens
    exchange: Pbx
    broker: EmbeddedBroker
    gateway: GatewayProcess
    patient: Phone
    advisor: Phone
    floorwalker: Phone
    watch: Watch
    wallboard: Subscriber
    api: httpx.AsyncClient
    """Sarah's, with her token."""


@asynccontextmanager
async def open_stage(folder: Path) -> AsyncIterator[Stage]:
    """Start everything; everything is stopped when this is left, however that happens.

    folder: for the configuration and the gateway's log. Raises `DemoFailed` where a part does not start.
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)
    tokens = Tokens()
    async with AsyncExitStack() as parts:
        broker = await parts.enter_async_context(EmbeddedBroker())
        exchange = await parts.enter_async_context(Pbx())
        config = folder / "gateway.toml"
        config.write_text(configuration(exchange.uri, broker.url, str(config.parent)), encoding="utf-8")
        gateway = GatewayProcess(config, folder / "gateway.log", tokens.environ())
        parts.push_async_callback(gateway.stop)
        await gateway.start()
        there = f"sip:{gateway.sip[0]}:{gateway.sip[1]}"
        exchange.routes += [Route.make(numbers, there) for numbers in (ADVISORS_NUMBERS, FEATURE_CODES)]

        async def phone(person: Person, *, register: bool) -> Phone:
            made = Phone(person.number, display_name=person.name, registrar=exchange.uri)
            opened = await parts.enter_async_context(made)
            if register:
                await opened.register()
            return opened

        patient = await phone(PATIENT, register=False)
        advisor = await phone(ADVISOR, register=True)
        floorwalker = await phone(FLOORWALKER, register=True)
        api = await parts.enter_async_context(
            httpx.AsyncClient(
                base_url=gateway.url, headers={"Authorization": f"Bearer {tokens.sarah}"}, trust_env=False
            )
        )
        watch = Watch(gateway.url, tokens.sarah)
        parts.push_async_callback(watch.close)
        await watch.open()
        wallboard = Subscriber(broker.host, broker.port)
        parts.push_async_callback(wallboard.close)
        await wallboard.open()
        yield Stage(
            folder,
            tokens,
            exchange,
            broker,
            gateway,
            patient,
            advisor,
            floorwalker,
            watch,
            wallboard,
            api,
        )
