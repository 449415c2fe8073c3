"""Calls, supervision, alerts."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from gateway.core.model import Mode
from gateway.web.described.operation import Answer, Operation


class Advisor(BaseModel):
    id: str
    name: str
    extension: str
    team: str


class OnCall(BaseModel):
    leg: str
    user: str
    name: str
    mode: Mode
    via: Literal["feature-code", "web", "sip", "alert"]
    since: str


class AlertMark(BaseModel):
    id: str
    state: Literal["raised", "acknowledged", "resolved"]


class Listener(BaseModel):
    user: str
    name: str
    since: str


class Way(BaseModel):
    mos: float
    loss: float
    jitter_ms: float


class LineQuality(BaseModel):
    codec: str
    mos: float | None
    rtt_ms: float | None
    from_phone: Way | None
    to_phone: Way | None


class Talk(BaseModel):
    talking: Literal["nobody", "caller", "advisor", "both"]
    dead_air: bool
    seconds: dict[str, float]
    overtalks: int
    interruptions: dict[str, int]
    dead_airs: int
    dead_air_s: float


class Call(BaseModel):
    id: str
    state: Literal["offered", "ringing", "early", "talking", "taken", "ended"]
    caller: str
    advisor: Advisor
    advisor_present: bool
    team: str
    private: bool
    started_at: str
    answered_at: str | None
    on_hold: bool
    codec: str | None
    wideband: bool
    supervisors: list[OnCall]
    alert: AlertMark | None
    talk: Talk | None
    quality: dict[str, LineQuality]
    feeds: list[Listener]


class Joined(BaseModel):
    leg: str
    user: str
    mode: Mode
    via: Literal["web", "sip"]
    audio: str | None


class Tier(BaseModel):
    number: int
    name: str
    at: str


class Alert(BaseModel):
    id: str
    state: Literal["raised", "acknowledged", "resolved"]
    call: str | None
    team: str
    raised_by: str
    via: str
    reason: str
    advisor: Advisor
    raised_at: str
    raised_times: int
    acknowledged_by: str | None
    acknowledged_at: str | None
    also_acknowledged: list[dict[str, Any]]
    resolved_by: str | None
    resolved_at: str | None
    on_duty: int
    restarts: int
    tier: Tier | None


ADA = {"id": "adv1", "name": "Ada Example", "extension": "2001", "team": "north"}
CALL = {
    "id": "c-7f3a",
    "state": "talking",
    "caller": "********123",
    "advisor": ADA,
    "advisor_present": True,
    "team": "north",
    "private": False,
    "started_at": "2026-11-22T10:48:03.125Z",
    "answered_at": "2026-11-22T10:48:07.410Z",
    "on_hold": False,
    "codec": "PCMA",
    "wideband": False,
    "supervisors": [
        {
            "leg": "c-7f3a-91",
            "user": "fw1",
            "name": "Flo Example",
            "mode": "whisper",
            "via": "web",
            "since": "2026-11-22T10:49:00.000Z",
        }
    ],
    "alert": {"id": "a-52c1", "state": "raised"},
    "talk": {
        "talking": "caller",
        "dead_air": False,
        "seconds": {"nobody": 12.1, "caller": 61.4, "advisor": 48.0, "both": 3.2},
        "overtalks": 2,
        "interruptions": {"caller": 0, "advisor": 2},
        "dead_airs": 1,
        "dead_air_s": 6.3,
    },
    "quality": {
        "caller": {
            "codec": "PCMA",
            "mos": 3.1,
            "rtt_ms": 84.2,
            "from_phone": {"mos": 3.1, "loss": 0.05, "jitter_ms": 12.5},
            "to_phone": {"mos": 4.2, "loss": 0.0, "jitter_ms": 3.1},
        }
    },
    "feeds": [],
}
ALERT = {
    "id": "a-52c1",
    "state": "raised",
    "call": "c-7f3a",
    "team": "north",
    "raised_by": "adv1",
    "via": "phone",
    "reason": "",
    "advisor": ADA,
    "raised_at": "2026-11-22T10:50:11.020Z",
    "raised_times": 1,
    "acknowledged_by": None,
    "acknowledged_at": None,
    "also_acknowledged": [],
    "resolved_by": None,
    "resolved_at": None,
    "on_duty": 2,
    "restarts": 0,
    "tier": {"number": 1, "name": "floorwalkers", "at": "2026-11-22T10:50:11.020Z"},
}
COMING = {
    **ALERT,
    "state": "acknowledged",
    "acknowledged_by": "fw1",
    "acknowledged_at": "2026-11-22T10:50:19.300Z",
}
OVER = {**COMING, "state": "resolved", "resolved_by": "fw1", "resolved_at": "2026-11-22T10:58:40.000Z"}
UNKNOWN = {401: "unknown token"}
NO_WATCH = {**UNKNOWN, 403: "adv1 may not watch: roles held: advisor"}
NO_CALL = {404: "no live call c-7f3a"}
NO_ALERT = {404: "no open alert a-52c1"}
LONG = {413: "the body is too long; allowed: 65536 bytes"}
MODE = {422: "mode: Input should be 'listen', 'whisper', 'barge' or 'takeover'"}
NO_WHISPER = {403: "aud1 may not whisper: roles held: auditor"}
NO_SETTLING = {**UNKNOWN, 403: "aud1 may not acknowledge: roles held: auditor", **NO_ALERT}

OPERATIONS = {
    "GET /api/calls": Operation(
        "The live calls of your teams", {200: Answer("The calls", list[Call], [CALL])}, NO_WATCH
    ),
    "GET /api/calls/{call}": Operation(
        "One live call", {200: Answer("The call", Call, CALL)}, {**NO_WATCH, **NO_CALL}
    ),
    "POST /api/calls/{call}/supervisors": Operation(
        "Join a call: listen, whisper, barge or take over",
        {
            201: Answer(
                "You are being connected",
                Joined,
                {
                    "leg": "c-7f3a-91",
                    "user": "fw1",
                    "mode": "whisper",
                    "via": "web",
                    "audio": "/api/supervisors/c-7f3a-91/audio",
                },
            )
        },
        {
            **UNKNOWN,
            **NO_WHISPER,
            **NO_CALL,
            409: "the call is ended",
            **LONG,
            **MODE,
            503: "the trail cannot be written: supervision is refused",
        },
        {"mode": "whisper", "via": "web", "rate": 16000},
    ),
    "PATCH /api/calls/{call}/supervisors/{supervisor}": Operation(
        "Change what a supervisor does on the call",
        {200: Answer("The call as it is now", Call, CALL)},
        {**UNKNOWN, **NO_WHISPER, **NO_CALL, 409: "the supervisor is not on the call yet", **LONG, **MODE},
        {"mode": "whisper"},
    ),
    "DELETE /api/calls/{call}/supervisors/{supervisor}": Operation(
        "Take a supervisor off the call",
        {204: Answer("They are off")},
        {**UNKNOWN, 403: "aud1 may not takeover: roles held: auditor", **NO_CALL},
    ),
    "GET /api/alerts": Operation(
        "The alerts of your teams that are not resolved",
        {200: Answer("The alerts", list[Alert], [ALERT])},
        NO_WATCH,
    ),
    "POST /api/alerts": Operation(
        "Raise an alert",
        {201: Answer("It stands", Alert, ALERT)},
        {
            **UNKNOWN,
            403: "aud1 may not raise: roles held: auditor",
            **NO_CALL,
            **LONG,
            422: "reason: String should have at most 500 characters",
        },
        {"call": "c-7f3a", "reason": "the caller threatens me"},
    ),
    "POST /api/alerts/{alert}/acknowledge": Operation(
        "Say that you are on it",
        {200: Answer("The alert as it is now", Alert, COMING)},
        {**NO_SETTLING, 409: "alert a-52c1 is resolved: acknowledged cannot follow"},
    ),
    "POST /api/alerts/{alert}/resolve": Operation(
        "Say that it is over",
        {200: Answer("The alert as it was at its end", Alert, OVER)},
        {**NO_SETTLING, 409: "alert a-52c1 is resolved: resolved cannot follow"},
    ),
}
