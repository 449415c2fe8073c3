"""Signing in, duty, help, an advisor's own."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from gateway.web.described.calls import ADA, CALL, COMING, LONG, NO_WATCH, UNKNOWN, Advisor
from gateway.web.described.operation import Answer, Operation


class Myself(BaseModel):
    id: str
    name: str
    roles: list[str]
    teams: list[str]
    actions: Any
    csrf: str | None


class Duty(BaseModel):
    user: str
    name: str
    on: bool
    clinical: bool
    teams: list[str]
    since: str | None


class Floor(BaseModel):
    own: Duty
    on_duty: list[Duty]


class Help(BaseModel):
    id: str
    state: Literal["asked", "answered", "closed"]
    kind: Literal["help", "break"]
    call: str | None
    team: str
    by: str
    reason: str
    advisor: Advisor
    asked_at: str
    answered_by: str | None
    answered_by_name: str | None
    answered_at: str | None
    closed_by: str | None
    closed_at: str | None


class Own(BaseModel):
    id: str
    name: str
    extension: str | None
    teams: list[str]
    call: dict[str, Any] | None
    alert: dict[str, Any] | None
    help: list[Help]
    on_duty: int
    duty: Duty | None


MYSELF = {
    "id": "fw1",
    "name": "Flo Example",
    "roles": ["floorwalker"],
    "teams": ["north"],
    "actions": ["acknowledge", "watch", "whisper"],
    "csrf": "q2Vt0M",
}
ON = {
    "user": "fw1",
    "name": "Flo Example",
    "on": True,
    "clinical": True,
    "teams": ["north"],
    "since": "2026-11-22T08:00:00.000Z",
}
HELP = {
    "id": "h-91c2",
    "state": "asked",
    "kind": "help",
    "call": "c-7f3a",
    "team": "north",
    "by": "adv1",
    "reason": "which pathway?",
    "advisor": ADA,
    "asked_at": "2026-11-22T10:50:11.020Z",
    "answered_by": None,
    "answered_by_name": None,
    "answered_at": None,
    "closed_by": None,
    "closed_at": None,
}
TAKEN = {
    **HELP,
    "state": "answered",
    "answered_by": "fw1",
    "answered_by_name": "Flo Example",
    "answered_at": "2026-11-22T10:50:20.000Z",
}
OWN_CALL = {
    name: CALL[name] for name in ("id", "state", "caller", "started_at", "answered_at", "on_hold", "alert")
}
OWN = {
    "id": "adv1",
    "name": "Ada Example",
    "extension": "2001",
    "teams": ["north"],
    "call": OWN_CALL,
    "alert": {**COMING, "acknowledged_by_name": "Flo Example"},
    "help": [TAKEN],
    "on_duty": 2,
    "duty": None,
}
NO_HELP = {404: "no open help request h-91c2"}
STORE_DOWN = {503: "the store does not answer"}

OPERATIONS = {
    "POST /api/session": Operation(
        "Sign in with a password",
        {200: Answer("Signed in; the cookie `session` is set", Myself, MYSELF)},
        {
            401: "wrong name or password",
            403: "a page from elsewhere asks in your name",
            **LONG,
            422: "user: Field required",
            429: "too many attempts",
            **STORE_DOWN,
        },
        {"user": "fw1", "password": "correct horse battery"},
    ),
    "GET /api/session": Operation(
        "Who you are and what you may do", {200: Answer("You", Myself, MYSELF)}, UNKNOWN
    ),
    "DELETE /api/session": Operation(
        "Sign out",
        {204: Answer("Signed out")},
        {**UNKNOWN, 403: "the X-CSRF-Token is missing or wrong", **STORE_DOWN},
    ),
    "GET /api/session/oidc": Operation(
        "Sign in at the identity provider", {302: Answer("Go there")}, STORE_DOWN
    ),
    "GET /api/session/oidc/callback": Operation(
        "Come back from the identity provider",
        {303: Answer("Signed in; on to the console")},
        {
            401: "this sign-in was begun by another browser, or too long ago",
            422: "code: String should have at most 4096 characters",
            **STORE_DOWN,
        },
    ),
    "GET /api/duty": Operation(
        "Your own duty, and who is on duty",
        {200: Answer("Yours and theirs", Floor, {"own": ON, "on_duty": [ON]})},
        NO_WATCH,
    ),
    "PUT /api/duty": Operation(
        "Come on duty, change what for, or go off",
        {200: Answer("Your duty as it is now", Duty, ON)},
        {
            **UNKNOWN,
            403: "aud1 may not duty: roles held: auditor",
            **LONG,
            422: "teams: south is not yours",
        },
        {"on": True, "clinical": True, "teams": ["north"]},
    ),
    "GET /api/help": Operation(
        "The open requests for help of your teams, or your own",
        {200: Answer("The requests", list[Help], [HELP])},
        {**UNKNOWN, 403: "adm1 may not watch: roles held: admin"},
    ),
    "POST /api/help": Operation(
        "Ask a floorwalker, or for a break",
        {201: Answer("It stands", Help, HELP)},
        {
            **UNKNOWN,
            403: "aud1 may not help: roles held: auditor",
            **LONG,
            422: "kind: Input should be 'help' or 'break'",
        },
        {"kind": "help", "reason": "which pathway?"},
    ),
    "POST /api/help/{help}/answer": Operation(
        'Say "I take it"',
        {200: Answer("The request as it is now", Help, TAKEN)},
        {
            **UNKNOWN,
            403: "aud1 may not answer: roles held: auditor",
            **NO_HELP,
            409: "help request h-91c2 is answered: answered cannot follow",
        },
    ),
    "DELETE /api/help/{help}": Operation(
        "Close a request for help",
        {204: Answer("It is over")},
        {**UNKNOWN, 403: "adv2 may not answer: roles held: advisor", **NO_HELP},
    ),
    "GET /api/me": Operation(
        "An advisor's own call, alert and requests", {200: Answer("Yours", Own, OWN)}, UNKNOWN
    ),
}
