"""The whole gateway at one look: `/api/system` for people, `/metrics` for Prometheus.

Everything is asked for when somebody looks; nothing here runs by itself but the counting of news.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from gateway import __version__
from gateway.accounts.sessions import Sessions
from gateway.accounts.users import Users
from gateway.alerts.publisher import Publisher
from gateway.calls.exchange import Exchange
from gateway.config.model import Config, Trunk
from gateway.core.events import News
from gateway.core.model import Mode
from gateway.core.permissions import User
from gateway.feeds.hub import Hub
from gateway.log import rfc3339
from gateway.sip import SipEndpoint
from gateway.store.errors import StoreUnavailable
from gateway.store.keeper import Keeper
from gateway.trail.writer import Writer
from gateway.web.server import WebServer


class Overview:
    """Loop's thread only. `web` and `publisher` are set once they run; None: not yet, or not configured."""

    def __init__(
        self,
        config: Config,
        exchange: Exchange,
        sip: SipEndpoint,
        hub: Hub,
        store: Keeper,
        users: Users,
        sessions: Sessions,
        trail: Writer,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.web: WebServer | None = None
        self.publisher: Publisher | None = None
        self._config = config
        self._exchange = exchange
        self._sip = sip
        self._hub = hub
        self._store = store
        self._users = users
        self._sessions = sessions
        self._trail = trail
        self._wall = wall
        self._started = wall()
        self._news: Counter[str] = Counter()
        self._missed_ms = 0
        exchange.subscribe(self._count)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    # ── for people ──

    async def system(self) -> dict[str, Any]:
        """Ready for JSON. A store that is down is told, and costs only what it would know."""
        calls, alerts = self._exchange.calls(), self._exchange.alerts()
        accounts, signed_in, why = await self._asked_store()
        return {
            "node": self._config.node.name,
            "site": self._config.node.site,
            "version": __version__,
            "started_at": rfc3339(self._started),
            "uptime_s": round((self._wall() - self._started).total_seconds(), 1),
            "health": {
                "ready": self._exchange.why_not_ready() is None,
                "why_not": self._exchange.why_not_ready(),
                "store": {"ok": why is None, "place": self._store.database.place, "why": why},
                "trail": {
                    "ok": self._trail.why_not() is None,
                    "why": self._trail.why_not(),
                    "waiting": self._trail.waiting,
                },
                "mqtt": self._mqtt(),
                "drill": self.drill(),
            },
            "calls": {
                "live": len(calls),
                "most": self._config.limits.max_calls,
                "supervised": sum(bool(call["supervisors"]) for call in calls),
            },
            "alerts": {"open": len(alerts), "oldest_s": self._oldest_s(alerts)},
            "sip": {"legs": self._sip.stats.active_legs, "capacity": self._sip.stats.capacity},
            "trunks": [
                {"name": trunk.name, "uri": trunk.uri, "transport": trunk.transport, **self._health(trunk)}
                for trunk in self._config.trunks
            ],
            "users": self._people(accounts, signed_in),
            "signed_in": signed_in,
            "connected": self._connected(),
            "on_duty": self._exchange.floor.duty(),
        }

    def drill(self) -> dict[str, Any] | None:
        """How the last drill went; None without a broker."""
        return self.publisher.drill.verdict() if self.publisher else None

    async def _asked_store(self) -> tuple[list[Any], list[dict[str, Any]], str | None]:
        try:
            return await self._users.all(), await self._sessions.signed_in(), None
        except StoreUnavailable as error:
            return [], [], str(error)

    def _health(self, trunk: Trunk) -> dict[str, Any]:
        health = asdict(self._exchange.trunks.health[trunk.name])
        return {**health, "options_interval": trunk.options_interval}

    def _mqtt(self) -> dict[str, Any] | None:
        if self.publisher is None or self._config.mqtt is None:
            return None
        waiting = self.publisher.waiting_alerts
        return {
            "url": self._config.mqtt.url,
            "connected": self.publisher.connected,
            "waiting_alerts": waiting,
        }

    def _people(
        self, accounts: Iterable[Any], signed_in: Iterable[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        here = {one["user"] for one in signed_in} | {one["user"] for one in self._connected()}
        known = {entry.id: (entry.person(), "configuration", False) for entry in self._config.users}
        for account in accounts:
            known[account.user.id] = (account.user, "store", account.disabled)
        return [
            {
                "id": user.id,
                "name": user.name,
                "roles": sorted(user.roles),
                "teams": sorted(user.teams),
                "from": source,
                "disabled": disabled,
                "here": user.id in here,
            }
            for user, source, disabled in known.values()
        ]

    def _connected(self) -> list[dict[str, Any]]:
        """Whose browser or tool is connected now, and by what."""
        found = [{"user": user.id, "by": "events"} for user in self._watchers()]
        for call in self._exchange.calls():
            found += [{"user": one["user"], "by": "audio", "call": call["id"]} for one in call["feeds"]]
            found += [
                {"user": one["user"], "by": one["mode"], "call": call["id"]} for one in call["supervisors"]
            ]
        return found

    def _watchers(self) -> list[User]:
        return self.web.watchers if self.web else []

    def _oldest_s(self, alerts: Iterable[Mapping[str, Any]]) -> float | None:
        """Of the oldest alert that nobody has acknowledged."""
        waiting = [
            datetime.fromisoformat(alert["raised_at"]) for alert in alerts if alert["state"] == "raised"
        ]
        return round((self._wall() - min(waiting)).total_seconds(), 1) if waiting else None

    # ── for Prometheus ──

    def metrics(self) -> bytes:
        """The text format that Prometheus scrapes (version 0.0.4)."""
        return generate_latest(self._registry)

    def _count(self, news: News) -> None:
        self._news[news.kind] += 1
        if news.kind == "feed.ended":
            self._missed_ms += int(news.data.get("missed_ms", 0))

    def collect(self) -> Iterator[Metric]:
        """Called by the registry. Every figure has its unit in its name."""
        calls, alerts, sip = self._exchange.calls(), self._exchange.alerts(), self._sip.stats
        yield _gauge(
            "gateway_up_info", "Always 1", {(self._config.node.name, __version__): 1}, "node", "version"
        )
        yield _gauge("gateway_calls", "Calls by state", Counter((call["state"],) for call in calls), "state")
        yield _one("gateway_calls_most", "[limits] max_calls", self._config.limits.max_calls)
        modes = Counter((one["mode"],) for call in calls for one in call["supervisors"])
        every_mode = {(mode.value,): modes[(mode.value,)] for mode in Mode}
        yield _gauge("gateway_supervisors", "Supervisors on calls, by mode", every_mode, "mode")
        trunks = {
            (name,): health.up
            for name, health in self._exchange.trunks.health.items()
            if health.up is not None
        }
        yield _gauge("gateway_trunk_up", "Does the trunk answer OPTIONS?", trunks, "trunk")
        yield _one("gateway_feeds", "Listeners by WebSocket", self._hub.listeners())
        yield _one("gateway_watchers", "Watchers of events", len(self._watchers()))
        yield _one("gateway_legs", "SIP dialogs", sip.active_legs)
        yield _one("gateway_legs_most", "SIP dialogs that PJSIP can carry", sip.capacity)
        states = Counter((alert["state"],) for alert in alerts)
        both = {(state,): states[(state,)] for state in ("raised", "acknowledged")}
        yield _gauge("gateway_alerts", "Open alerts by state", both, "state")
        oldest_s = self._oldest_s(alerts) or 0.0
        yield _one(
            "gateway_alert_oldest_seconds", "Age of the oldest unacknowledged alert; 0: none", oldest_s
        )
        yield _one("gateway_on_duty", "People on duty", len(self._exchange.floor.duty()))
        yield _one("gateway_help_requests", "Requests for help not closed", len(self._exchange.floor.help()))
        yield _one("gateway_store_up", "Are the tables of the store ready?", self._store.ready.is_set())
        yield _one("gateway_trail_up", "Can the trail be written?", self._trail.why_not() is None)
        yield _one("gateway_trail_waiting_records", "Records not in the store yet", self._trail.waiting)
        if self.publisher is not None:
            yield _one("gateway_mqtt_up", "Is the broker connected?", self.publisher.connected)
            waiting = self.publisher.waiting_alerts
            yield _one("gateway_mqtt_waiting_alerts", "Alert messages that the broker has not got", waiting)
            drill = self.publisher.drill.verdict()
            if drill["ok"] is not None:
                yield _one("gateway_drill_ok", "Did the last drill come back from the broker?", drill["ok"])
            if drill["round_trip_ms"] is not None:
                took_s = drill["round_trip_ms"] / 1000
                yield _one("gateway_drill_round_trip_seconds", "How long it took", took_s)
        news = {(kind,): count for kind, count in self._news.items()}
        yield _counter("gateway_news", "What happened, by kind of event", news, "kind")
        refused = {(reason,): count for reason, count in self._exchange.packets_refused.items()}
        yield _counter(
            "gateway_packets_refused", "Packets on legs' ports that were dropped", refused, "reason"
        )
        calls_refused = {("overload",): sip.overload_refusals, ("stranger",): sip.strangers_refused}
        yield _counter("gateway_invites_refused", "INVITEs refused at the door", calls_refused, "why")
        dropped = {("sip",): sip.events_dropped, ("watchers",): self.web.events_dropped if self.web else 0}
        yield _counter("gateway_events_dropped", "Events that were too many", dropped, "where")
        missed = {(): self._missed_ms / 1000}
        yield _counter("gateway_feeds_missed_seconds", "Audio that listeners were too slow for", missed)


Values = Mapping[Any, float]
"""By the labels' values, a tuple."""


def _one(name: str, text: str, value: float) -> Metric:
    return _gauge(name, text, {(): float(value)})


def _gauge(name: str, text: str, values: Values, *labels: str) -> Metric:
    return _filled(GaugeMetricFamily(name, text, labels=labels), values)


def _counter(name: str, text: str, values: Values, *labels: str) -> Metric:
    return _filled(CounterMetricFamily(name, text, labels=labels), values)


def _filled(family: Any, values: Values) -> Metric:
    for labels, value in values.items():
        family.add_metric(labels, value)
    metric: Metric = family
    return metric
