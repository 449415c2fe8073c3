"""`/api/audits`: scoring calls against forms. HTTP in, `gateway.store.audits` out; beginning, marking and
finishing are events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from gateway.core.audit import Form, Given
from gateway.core.control import Control
from gateway.core.errors import GatewayError, NoRoute, NotPermitted
from gateway.core.model import CallId
from gateway.core.permissions import Action, User, decide
from gateway.store.audits import AuditBook
from gateway.web.auditcsv import as_csv
from gateway.web.errors import refusal_for
from gateway.web.routes import Asking, Body, Json, Refused
from gateway.web.visible import call_for

Tell = Callable[[str, CallId | None, Mapping[str, Any]], None]
MAX_EXPORT = 5000


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("a NUL character cannot be kept")
    return text


Text = Annotated[str, AfterValidator(_no_nul)]
"""PostgreSQL's text has no NUL."""


def _of_this_age(at: datetime) -> datetime:
    if not 1970 < at.year < 2970:
        raise ValueError("allowed: the years 1971 to 2969")
    return at


When = Annotated[AwareDatetime, AfterValidator(_of_this_age)]
Id = Annotated[Text, StringConstraints(min_length=1, max_length=64)]


class BeginAudit(Body):
    call: Id
    form: Id


class AnswerGiven(Body):
    value: Annotated[str, StringConstraints(max_length=64)] | None = None
    comment: Text = Field("", max_length=4000)
    markers: list[Annotated[int, Field(ge=1, le=1_000_000)]] = Field([], max_length=50)

    def given(self) -> Given:
        return Given(self.value, self.comment, tuple(self.markers))


class ChangeAudit(Body):
    answers: dict[Id, AnswerGiven | None] = Field({}, max_length=200, description="null takes one back")
    comment: Text | None = Field(None, max_length=10_000, description="on the whole call")


class MakeMarker(Body):
    media_time_ms: int = Field(ge=0, le=2_147_483_647, description="as in the live audio's frames")
    note: Text = Field("", max_length=1000)


def audits_router(control: Control, book: AuditBook, forms: Mapping[str, Form], tell: Tell) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["audits"])

    @router.get("/audit/forms")
    async def list_forms(user: Asking) -> list[Json]:
        """The forms that calls are scored against."""
        if not any(decide(user, action, None).allowed for action in (Action.AUDIT, Action.REVIEW)):
            raise NotPermitted(decide(user, Action.AUDIT, None).why)
        return [form.snapshot() for form in forms.values()]

    @router.post("/audits", status_code=201)
    async def begin(user: Asking, wanted: BeginAudit) -> Json:
        """Begin to score a live call. The audit keeps the form as it is now."""
        _require(user, Action.AUDIT, None)
        call = call_for(user, control, wanted.call)
        _require(user, Action.AUDIT, str(call.get("team") or ""))
        if wanted.form not in forms:
            raise NoRoute(f"no form {wanted.form}; GET /api/audit/forms lists them")
        audit = await book.begin(user, call, forms[wanted.form])
        _told(tell, "audit.started", audit)
        return audit

    @router.get("/audits")
    async def list_audits(
        user: Asking,
        format: Literal["json", "csv"] = "json",
        state: Literal["open", "finished"] | None = None,
        form: Id | None = None,
        since: When | None = None,
        until: When | None = None,
        limit: Annotated[int, Query(ge=1, le=MAX_EXPORT)] = 500,
    ) -> Response:
        """Your own audits, newest first; for who may review, all of their teams. As JSON, or as CSV with one
        line for each criterion.
        """
        found = await _listed(user, state, form, since, until, limit)
        if format == "json":
            return JSONResponse(found)
        headers = {"Content-Disposition": 'attachment; filename="audits.csv"'}
        return Response(as_csv(found), media_type="text/csv; charset=utf-8", headers=headers)

    async def _listed(
        user: User,
        state: str | None,
        form: str | None,
        since: datetime | None,
        until: datetime | None,
        limit: int,
    ) -> list[Json]:
        audits, reviews = (decide(user, action, None) for action in (Action.AUDIT, Action.REVIEW))
        if not (audits.allowed or reviews.allowed):
            raise NotPermitted(audits.why)
        return await book.list_(
            own=user.id if audits.allowed else None,
            teams=user.teams if reviews.allowed else (),
            state=state,
            form=form,
            since=since,
            until=until,
            limit=limit,
        )

    @router.get("/audits/{audit}")
    async def show(user: Asking, audit: Id) -> Json:
        return await _readable(user, audit)

    @router.patch("/audits/{audit}")
    async def change(user: Asking, audit: Id, wanted: ChangeAudit) -> Json:
        """Give or take back answers, and the comment on the whole; what is left out stays."""
        await _readable(user, audit)
        _require(user, Action.AUDIT, None)
        answers = {key: one.given() if one else None for key, one in wanted.answers.items()}
        try:
            return await book.change(user, audit, answers, wanted.comment)
        except ValueError as error:
            raise _unprocessable(error) from None

    @router.post("/audits/{audit}/markers", status_code=201)
    async def mark(user: Asking, audit: Id, wanted: MakeMarker) -> Json:
        """Mark a moment of the call."""
        facts = await _readable(user, audit)
        _require(user, Action.AUDIT, None)
        try:
            marker = await book.mark(user, audit, wanted.media_time_ms, wanted.note)
        except ValueError as error:
            raise _unprocessable(error) from None
        _told(tell, "audit.marked", {**facts, "media_time_ms": wanted.media_time_ms})
        return marker

    @router.post("/audits/{audit}/finish")
    async def finish(user: Asking, audit: Id) -> Json:
        """The result is final; nothing is changed any more. 409 while something is missing."""
        await _readable(user, audit)
        _require(user, Action.AUDIT, None)
        facts = await book.finish(user, audit)
        _told(tell, "audit.finished", facts)
        return facts

    async def _readable(user: User, audit: str) -> Json:
        """One's own, or one that one may review; that others exist is not told."""
        if not any(decide(user, action, None).allowed for action in (Action.AUDIT, Action.REVIEW)):
            raise NotPermitted(decide(user, Action.AUDIT, None).why)
        facts = await book.find(audit)
        mine = facts["auditor"] == user.id and decide(user, Action.AUDIT, None).allowed
        if not mine and not decide(user, Action.REVIEW, facts["team"]).allowed:
            raise NoRoute(f"no audit {audit}")
        return facts

    return router


def _require(user: User, action: Action, team: str | None) -> None:
    decision = decide(user, action, team)
    if not decision.allowed:
        raise NotPermitted(decision.why)


def _told(tell: Tell, kind: str, audit: Mapping[str, Any]) -> None:
    """Who scores which call, and when: not how it was scored."""
    facts = {name: audit[name] for name in ("auditor", "team", "state")}
    facts |= {"audit": audit["id"], "form": audit["form"]["id"]}
    if "media_time_ms" in audit:
        facts["media_time_ms"] = audit["media_time_ms"]
    tell(kind, CallId(audit["call"]), facts)


def _unprocessable(error: ValueError) -> Exception:
    refusal = refusal_for(error)
    return Refused(refusal) if refusal is not None else GatewayError(str(error))
