"""Scoring calls against forms."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from gateway.web.described.calls import ADA, LONG, NO_CALL, UNKNOWN, Advisor
from gateway.web.described.operation import Answer, Operation


class ChoiceShown(BaseModel):
    value: str
    label: str
    percent: float | None


class CriterionShown(BaseModel):
    id: str
    section: str
    text: str
    guidance: str
    weight: float
    fail_all: bool
    comment: Literal["never", "below_full", "always"]
    choices: list[ChoiceShown]


class FormShown(BaseModel):
    id: str
    title: str
    version: int
    pass_percent: float
    criteria: list[CriterionShown]


class AnswerShown(BaseModel):
    value: str | None
    comment: str
    markers: list[int]


class Marker(BaseModel):
    number: int
    media_time_ms: int
    note: str
    at: str


class Outcome(BaseModel):
    percent: float | None
    passed: bool
    failed_all: list[str]
    missing: list[str]


class Audit(BaseModel):
    id: str
    state: Literal["open", "finished"]
    auditor: str
    auditor_name: str
    advisor: Advisor
    team: str
    call: str
    call_started_at: str | None
    form: FormShown
    answers: dict[str, AnswerShown]
    comment: str
    markers: list[Marker]
    result: Outcome
    created_at: str
    changed_at: str
    finished_at: str | None


FORM = {
    "id": "call-handling",
    "title": "Call handling",
    "version": 1,
    "pass_percent": 80,
    "criteria": [
        {
            "id": "greeting",
            "section": "Opening",
            "text": "Greets and says their name",
            "guidance": "",
            "weight": 2,
            "fail_all": False,
            "comment": "below_full",
            "choices": [
                {"value": "yes", "label": "Yes", "percent": 100},
                {"value": "no", "label": "No", "percent": 0},
            ],
        }
    ],
}
MARKER = {"number": 1, "media_time_ms": 61000, "note": "repeats", "at": "2026-11-22T10:49:04.000Z"}
AUDIT = {
    "id": "u-5d2c90aa71b3e604",
    "state": "open",
    "auditor": "aud1",
    "auditor_name": "Audrey Example",
    "advisor": ADA,
    "team": "north",
    "call": "c-7f3a",
    "call_started_at": "2026-11-22T10:48:03.125Z",
    "form": FORM,
    "answers": {"greeting": {"value": "yes", "comment": "", "markers": [1]}},
    "comment": "",
    "markers": [MARKER],
    "result": {"percent": 100.0, "passed": True, "failed_all": [], "missing": []},
    "created_at": "2026-11-22T10:49:00.000Z",
    "changed_at": "2026-11-22T10:50:00.000Z",
    "finished_at": None,
}
FINISHED = {**AUDIT, "state": "finished", "finished_at": "2026-11-22T10:55:00.000Z"}
DOWN = {503: "the store does not answer"}
NO_AUDITING = {**UNKNOWN, 403: "fw1 may not audit: roles held: floorwalker"}
NO_AUDIT = {404: "no audit u-5d2c90aa71b3e604"}
TOO_LATE = {
    409: "audit u-5d2c90aa71b3e604 was finished at 2026-11-22T10:55:00.000Z: it is not changed any more"
}
NO_ID = {422: "audit: String should have at most 64 characters"}

OPERATIONS = {
    "GET /api/audit/forms": Operation(
        "The forms that calls are scored against",
        {200: Answer("The forms", list[FormShown], [FORM])},
        NO_AUDITING,
    ),
    "POST /api/audits": Operation(
        "Begin to score a live call",
        {201: Answer("The audit", Audit, AUDIT)},
        {**NO_AUDITING, **NO_CALL, **LONG, 422: "form: Field required", **DOWN},
        {"call": "c-7f3a", "form": "call-handling"},
    ),
    "GET /api/audits": Operation(
        "Your audits, or those of your teams, as JSON or CSV",
        {200: Answer("The audits", list[Audit], [FINISHED])},
        {**NO_AUDITING, 422: "limit: Input should be less than or equal to 5000", **DOWN},
    ),
    "GET /api/audits/{audit}": Operation(
        "One audit", {200: Answer("The audit", Audit, AUDIT)}, {**NO_AUDITING, **NO_AUDIT, **NO_ID, **DOWN}
    ),
    "PATCH /api/audits/{audit}": Operation(
        "Give answers and the comment on the whole",
        {200: Answer("The audit as it is now", Audit, AUDIT)},
        {
            **NO_AUDITING,
            **NO_AUDIT,
            **TOO_LATE,
            **LONG,
            422: "answers.greeting.value: allowed: yes, no",
            **DOWN,
        },
        {"answers": {"greeting": {"value": "yes", "comment": "", "markers": [1]}}, "comment": "calm"},
    ),
    "POST /api/audits/{audit}/markers": Operation(
        "Mark a moment of the call",
        {201: Answer("The marker", Marker, MARKER)},
        {
            **NO_AUDITING,
            **NO_AUDIT,
            **TOO_LATE,
            **LONG,
            422: "media_time_ms: Input should be greater than or equal to 0",
            **DOWN,
        },
        {"media_time_ms": 61000, "note": "repeats"},
    ),
    "POST /api/audits/{audit}/finish": Operation(
        "Finish an audit",
        {200: Answer("The audit, final", Audit, FINISHED)},
        {**NO_AUDITING, **NO_AUDIT, **TOO_LATE, **NO_ID, **DOWN},
    ),
}
