"""The one place where the parts are wired together: store, media, calls, web, MQTT, SIP, started in that
order and stopped in reverse.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter

from gateway import __version__
from gateway.accounts.oidc import Provider
from gateway.accounts.roll import Roll
from gateway.accounts.sessions import Sessions, prune_sessions
from gateway.accounts.signin import SignIn
from gateway.accounts.users import Users
from gateway.alerts.publisher import Publisher
from gateway.calls.admission import SUPERVISORS_PER_CALL
from gateway.calls.exchange import Exchange
from gateway.calls.names import Names
from gateway.calls.strangers import StrangerDoor
from gateway.config.audit_forms import read_forms
from gateway.config.model import Config, Trunk
from gateway.config.people import Directory
from gateway.config.secrets import secret
from gateway.core.audit import Form
from gateway.core.errors import ConfigError, GatewayError
from gateway.core.model import Address
from gateway.core.routing import Router, host_port, with_transport
from gateway.feeds.analysis import Analyst
from gateway.feeds.headsets import HeadsetDesk
from gateway.feeds.hub import Hub
from gateway.feeds.outbound import Outbound
from gateway.log import get_logger
from gateway.media import MediaEngine
from gateway.media.tools import CodecTools
from gateway.overview import Overview
from gateway.sip import SipEndpoint, SipSettings, SipTls, SipTrunk
from gateway.store import Database
from gateway.store.aside import Aside
from gateway.store.audits import AuditBook
from gateway.store.floor import FloorKeeper
from gateway.store.keeper import Keeper
from gateway.store.place import made_state_directory, store_url
from gateway.store.retention import Rule, by_column
from gateway.store.tables.audits import audits
from gateway.store.tables.floor import floor
from gateway.trail.chain import prune
from gateway.trail.configuration import facts_of, remember
from gateway.trail.key import load_or_make
from gateway.trail.recorder import Recorder
from gateway.trail.waiting import Waiting
from gateway.trail.writer import Writer
from gateway.web.audits import audits_router
from gateway.web.oidc import oidc_router
from gateway.web.server import serve_web
from gateway.web.system import system_router
from gateway.web.trail import trail_router

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running gateway listens, with the real ports where the configuration said 0."""

    sip: tuple[tuple[str, str, int], ...]
    """(transport, host, port)."""
    web: Address

    @property
    def url(self) -> str:
        """The root of the HTTP API."""
        return f"http://{host_port(self.web)}"


class StartError(GatewayError):
    """A part cannot start; the text names it, its address and the reason."""


async def serve(
    config: Config,
    *,
    ready: Callable[[Addresses], None] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Run the gateway until `stop` is set or the task is cancelled, then refuse new calls, end the live ones
    and close.

    ready: told once everything listens. Raises `GatewayError` where a part cannot start, with the others
    stopped again. A broker that is down is no reason not to start: its publisher tries on.
    """
    async with AsyncExitStack() as parts:
        running = await _start(config, parts)
        log.info(
            "gateway.ready", sip=[f"{t}:{host}:{port}" for t, host, port in running.sip], web=running.url
        )
        if ready is not None:
            ready(running)
        await (stop or asyncio.Event()).wait()
    log.info("gateway.stopped")


def tell_scheduling(scheduling: list[str]) -> None:
    """Log how the media threads go before other programs; where they may not, packets wait behind those."""
    if set(scheduling) == {"real-time"}:
        log.info("media.started", scheduling="real-time")
    else:
        log.warning(
            "media.started",
            scheduling=scheduling[0],
            hint="sound waits for other programs on a busy machine: allow this user real-time priority 10 "
            "(LimitRTPRIO=10 in systemd's unit, or CAP_SYS_NICE)",
        )


async def _start(config: Config, parts: AsyncExitStack) -> Addresses:
    directory = Directory(config)
    database = Database(store_url(config.store))
    state = made_state_directory(config.store)
    key = load_or_make(state)
    rules = [
        Rule("sessions", 1.0, prune_sessions),
        Rule(
            "alerts",
            config.store.retention.alerts_days,
            by_column(floor, "changed_at", floor.c.kind == "alert", floor.c.open.is_(False)),
        ),
        Rule("audits", config.store.retention.audits_days, by_column(audits, "created_at")),
        Rule(
            "trail",
            config.store.retention.trail_days,
            lambda database, before: prune(database, config.node.name, key, before),
        ),
    ]
    store = Keeper(database, rules)
    parts.push_async_callback(store.stop)
    await store.start()
    trail = Writer(database, config.node.name, key, Waiting(state))
    trail.start()
    parts.push_async_callback(trail.stop)
    record_start(config, trail, state)
    users = Users(database)
    roll = Roll(users, directory.set_stored)
    parts.push_async_callback(roll.stop)
    await roll.start()
    sessions = Sessions(database, directory.configured)
    sign_ins = SignIn(users, sessions, directory.by_token, lambda kind, facts: note(trail, kind, facts))
    router = Router(config.routes, config.trunks)
    door = StrangerDoor(router.identify, anybody_may_connect=router.knows_names)
    exchange_box: list[Exchange] = []
    media = MediaEngine(
        bind=config.media.bind,
        advertised=config.media.advertised,
        port_range=config.media.port_range,
        rtp_timeout_ms=config.media.rtp_timeout_ms,
        workers=config.media.workers,
        cpus=config.media.cpus,
        port_quarantine_ms=config.media.port_quarantine_ms,
        history_s=config.media.history_s,
        latch_nat_only=config.media.latching == "nat",
        keepalive_s=config.media.keepalive_s,
        deliver=lambda event: exchange_box[0].on_media(event),
    )
    media.start()
    parts.callback(media.stop)
    tell_scheduling(media.scheduling)
    sip = SipEndpoint(
        sip_settings(config),
        lambda event: exchange_box[0].on_signalling(event),
        refuse_when=lambda active_legs: exchange_box[0].admission.refuse_when(active_legs),
        door=door,
    )
    headsets = HeadsetDesk(
        host=config.media.reachable_here,
        signalling=lambda event: exchange_box[0].on_signalling(event),
        media=lambda event: exchange_box[0].on_media(event),
        is_alone=lambda leg: exchange_box[0].is_all_that_the_patient_has(leg),
    )
    exchange = Exchange(config, sip, media, headsets=headsets, directory=directory, door=door, record=trail)
    exchange_box.append(exchange)
    exchange.subscribe(Recorder(trail.put).on_news)
    exchange.subscribe(headsets.on_news)
    kept = FloorKeeper(store, Aside(state), config.node.name, exchange.subscribe, exchange.restore)
    await kept.start()
    parts.push_async_callback(kept.stop)

    analyses = config.audit.talk_analysis
    hub = Hub(exchange, on_speech=None if analyses else exchange.heard, tools=CodecTools())
    overview = Overview(config, exchange, sip, hub, store, users, sessions, trail)
    try:
        web = await serve_web(
            config.web.bind,
            exchange,
            directory.by_token,
            hub,
            headsets=headsets,
            floor=exchange.floor,
            ready=exchange.why_not_ready,
            drill=overview.drill,
            stored=kept.settled,
            sign_ins=sign_ins,
            trusted_proxies=config.web.trusted_proxies,
            routers=[
                *oidc_routers(config, sign_ins),
                trail_router(database),
                audits_router(exchange, AuditBook(database), audit_forms(config), exchange.tell),
                system_router(overview),
            ],
            record=trail,
        )
    except OSError as error:
        raise StartError(
            f"[web] cannot listen on {host_port(config.web.bind)}: {error.strerror or error}"
        ) from error
    overview.web = web
    parts.push_async_callback(web.stop)
    outbound = Outbound(exchange, hub, config.audit.streams)
    parts.push_async_callback(outbound.stop)
    parts.callback(hub.stop)
    parts.callback(headsets.stop)
    if analyses:
        parts.callback(Analyst(exchange, exchange.heard).stop)

    if config.mqtt is not None:
        publisher = Publisher(
            config.mqtt,
            config.node.name,
            config.node.site,
            exchange,
            directory.by_id,
            exchange.floor,
            stored=kept.settled,
        )
        overview.publisher = publisher
        await publisher.start()
        parts.push_async_callback(publisher.stop)

    await sip.start()
    parts.push_async_callback(sip.stop)
    names = Names(ipv6=":" in config.sip.bind[0])
    parts.callback(names.stop)
    parts.callback(exchange.end_all, "the gateway is stopping")
    exchange.trunks.start(sip.ask_options, names.look_up)
    return Addresses(tuple(sip.bound), (web.host, web.port))


def audit_forms(config: Config) -> Mapping[str, Form]:
    """The forms that calls are scored against. Raises `ConfigError`."""
    if config.audit.forms is None:
        return {}
    forms, mistakes = read_forms(Path(config.audit.forms))
    if fatal := [str(mistake) for mistake in mistakes if mistake.fatal]:
        raise ConfigError(fatal)
    return forms


def note(trail: Writer, kind: str, facts: Mapping[str, Any]) -> None:
    """Who signed in, or tried to."""
    tell = log.info if kind in ("signin.ok", "signin.ended") else log.warning
    tell(kind, **facts)
    trail.put(kind, None, facts)


def oidc_routers(config: Config, sign_ins: SignIn) -> list[APIRouter]:
    """Signing in by an identity provider, where one is configured."""
    oidc = config.web.oidc
    if oidc is None:
        return []
    return [oidc_router(Provider(oidc, secret(oidc.client_secret_env)), sign_ins)]


def record_start(config: Config, trail: Writer, state: Path) -> None:
    """The trail says that the gateway has started, with which configuration, and what is another in it."""
    table = config.model_dump(mode="json", by_alias=True)
    facts = facts_of(table, state)
    trail.put("config.loaded", None, {**facts, "version": __version__})
    if facts["changed"]:
        log.info("config.changed", keys=facts["changed"])
    try:
        remember(table, state)
    except OSError as error:
        log.warning("config.not_remembered", why=error.strerror or str(error))


def sip_settings(config: Config) -> SipSettings:
    """The `[sip]`, `[[trunk]]` and `[limits]` of a configuration as the SIP adapter takes them."""
    host, port = config.sip.bind
    return SipSettings(
        bind_host=host,
        port=port,
        transports=config.sip.transports,
        tls=SipTls(**config.sip.tls.model_dump()) if config.sip.tls else None,
        advertised_address=config.sip.advertised_address,
        max_legs=config.limits.max_calls * (2 + SUPERVISORS_PER_CALL),
        retry_after_s=config.limits.retry_after_s,
        trunks={
            trunk.name: SipTrunk(
                proxy=_proxy(config, trunk),
                transport=trunk.transport,
                address=(trunk.address[0].lower(), trunk.address[1]),
                verify=trunk.verify,
                names=trunk.certified,
            )
            for trunk in config.trunks
        },
    )


def _proxy(config: Config, trunk: Trunk) -> str | None:
    """Requests go where their URI says; only where a route's names another host must the trunk be said."""
    routes = (route.to for route in config.routes if trunk.name in route.to.trunks)
    elsewhere = any("{trunk}" not in to.uri for to in routes)
    return with_transport(f"sip:{host_port(trunk.address)};lr", trunk.transport) if elsewhere else None
