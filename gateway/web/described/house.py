"""Health, the system, figures, the trail."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from gateway.web.described.calls import UNKNOWN
from gateway.web.described.operation import Answer, Operation
from gateway.web.described.people import ON, Duty


class Alive(BaseModel):
    status: Literal["ok"]


class DrillVerdict(BaseModel):
    ok: bool | None
    at: str | None
    round_trip_ms: float | None
    failing_since: str | None
    why: str | None


class Ready(BaseModel):
    status: Literal["ready"]
    drill: DrillVerdict | None = None


class NotReady(BaseModel):
    status: Literal["not ready"]
    error: str
    hint: str
    drill: DrillVerdict | None = None


class StoreHealth(BaseModel):
    ok: bool
    place: str
    why: str | None


class TrailHealth(BaseModel):
    ok: bool
    why: str | None
    waiting: int


class BrokerHealth(BaseModel):
    url: str
    connected: bool
    waiting_alerts: int


class Health(BaseModel):
    ready: bool
    why_not: str | None
    store: StoreHealth
    trail: TrailHealth
    mqtt: BrokerHealth | None
    drill: DrillVerdict | None


class TrunkShown(BaseModel):
    name: str
    uri: str
    transport: str
    up: bool | None
    since: str | None
    why: str | None


class Person(BaseModel):
    id: str
    name: str
    roles: list[str]
    teams: list[str]
    disabled: bool
    here: bool


class SystemShown(BaseModel):
    node: str
    site: str
    version: str
    started_at: str
    uptime_s: float
    health: Health
    calls: dict[str, int]
    alerts: dict[str, Any]
    sip: dict[str, int]
    trunks: list[TrunkShown]
    users: list[Person]
    signed_in: list[dict[str, Any]]
    connected: list[dict[str, Any]]
    on_duty: list[Duty]


DRILL = {
    "ok": True,
    "at": "2026-11-22T10:50:00.000Z",
    "round_trip_ms": 4.2,
    "failing_since": None,
    "why": None,
}
SYSTEM = {
    "node": "node1",
    "site": "leeds",
    "version": "0.1.0",
    "started_at": "2026-11-22T06:00:00.000Z",
    "uptime_s": 17400.5,
    "health": {
        "ready": True,
        "why_not": None,
        "store": {"ok": True, "place": "sqlite", "why": None},
        "trail": {"ok": True, "why": None, "waiting": 0},
        "mqtt": {"url": "mqtt://broker.example:1883", "connected": True, "waiting_alerts": 0},
        "drill": DRILL,
    },
    "calls": {"live": 12, "most": 400, "supervised": 1},
    "alerts": {"open": 0, "oldest_s": None},
    "sip": {"legs": 25, "capacity": 1000},
    "trunks": [
        {
            "name": "pbx",
            "uri": "sip:10.0.0.5:5060",
            "transport": "udp",
            "up": True,
            "since": "2026-11-22T06:00:01.000Z",
            "why": "200 OK",
        }
    ],
    "users": [
        {
            "id": "fw1",
            "name": "Flo Example",
            "roles": ["floorwalker"],
            "teams": ["north"],
            "from": "store",
            "disabled": False,
            "here": True,
        }
    ],
    "signed_in": [
        {
            "user": "fw1",
            "name": "Flo Example",
            "source": "10.0.0.20",
            "since": "2026-11-22T08:00:00+00:00",
            "seen_at": "2026-11-22T10:50:00+00:00",
        }
    ],
    "connected": [{"user": "fw1", "by": "events"}],
    "on_duty": [ON],
}
NO_SYSTEM = {**UNKNOWN, 403: "fw1 may not system: roles held: floorwalker"}
RECORDS = "at,node,seq,kind,user,call,source,duration_s,data,hash\r\n"
NOT_READY = {
    "status": "not ready",
    "error": "the gateway is stopping",
    "hint": "see the log",
    "drill": DRILL,
}

OPERATIONS = {
    "GET /healthz": Operation(
        "Whether the process answers", {200: Answer("It does", Alive, {"status": "ok"})}
    ),
    "GET /readyz": Operation(
        "Whether new calls can be carried",
        {
            200: Answer("They can", Ready, {"status": "ready", "drill": DRILL}),
            503: Answer("They cannot, and why", NotReady, NOT_READY),
        },
    ),
    "GET /api/system": Operation(
        "How the gateway is, and who is there",
        {200: Answer("All of it", SystemShown, SYSTEM)},
        NO_SYSTEM,
    ),
    "GET /metrics": Operation(
        "Figures for Prometheus",
        {200: Answer("The text format", None, 'gateway_calls{state="talking"} 12.0\n', "text/plain")},
        NO_SYSTEM,
    ),
    "GET /api/trail": Operation(
        "Who did what, oldest first, as CSV or JSON lines",
        {200: Answer("The records", None, RECORDS, "text/csv")},
        {
            **UNKNOWN,
            403: "fw1 may not export_trail: roles held: floorwalker",
            422: "since: Input should be a valid datetime",
            503: "the trail cannot be written",
        },
    ),
}
