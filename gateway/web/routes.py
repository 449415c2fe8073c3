"""`/api/calls`, `/api/alerts`, `/healthz`, `/readyz`: HTTP in, `core.control.Control` out.

Every handler is a coroutine, so that it runs on the loop's thread, where the call logic lives.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from gateway.core.control import Control
from gateway.core.errors import GatewayError
from gateway.core.model import CallId, LegId, Mode
from gateway.core.permissions import User
from gateway.web.auth import Authenticate, identify
from gateway.web.errors import UNPROCESSABLE, Refusal, refusal_for
from gateway.web.faults import internal_error
from gateway.web.recorded import recorded
from gateway.web.visible import alerts_for, call_for, calls_for

Json = dict[str, Any]
Ready = Callable[[], str | None]
"""None when new calls can be carried; otherwise why not, in plain words."""


Stored = Callable[[], Awaitable[object]]
"""Awaited before an alert is answered: it is on the disk then, or the store is down."""


async def at_once() -> None:
    """Nothing is stored."""


Drill = Callable[[], Json | None]
"""How the last drill of the alerts' way went; None where there is no broker."""


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RaiseAlert(Body):
    call: str | None = Field(None, description="the call it concerns; left out: none")
    reason: str = Field("", max_length=500)


class ChangeMode(Body):
    mode: Mode


class Supervise(Body):
    mode: Mode
    via: Literal["web", "sip"] = Field(description="by this browser's headset, or by ringing your phone")
    uri: str | None = Field(
        None, max_length=200, description="via sip: another number than your own phone, where that is allowed"
    )
    rate: Literal[8000, 16000] = Field(
        8000, description="via web: the most that your headset takes; the header of its WebSocket tells"
    )


class Refused(Exception):
    """Carries a refusal out of a dependency."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.error)
        self.refusal = refusal


async def current_user(request: Request) -> User:
    """Who asks, by session or token. Raises `Refused`."""
    found = await identify(request, request.app.state.authenticate)
    if isinstance(found, Refusal):
        raise Refused(found)
    return found


Asking = Annotated[User, Depends(current_user)]


def add_routes(
    app: FastAPI,
    control: Control,
    authenticate: Authenticate,
    ready: Ready,
    drill: Drill = lambda: None,
    stored: Stored = at_once,
) -> None:
    """All of HTTP, with refusals as JSON."""
    app.state.authenticate = authenticate
    app.state.stored = stored
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(GatewayError, _refused)
    app.add_exception_handler(RequestValidationError, _unprocessable)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, internal_error)
    app.include_router(_health(ready, drill))
    app.include_router(_api(control))


def _health(ready: Ready, drill: Drill) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    async def healthz() -> Json:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/readyz")
    async def readyz() -> JSONResponse:
        """New calls can be carried; 503 with the reason when not. Beside it how the last drill of the alerts'
        way went: no reason to send calls elsewhere, but one to look.
        """
        why_not, held = ready(), drill()
        shown: Json = {} if held is None else {"drill": held}
        if why_not is None:
            return JSONResponse({"status": "ready", **shown})
        return JSONResponse({"status": "not ready", "error": why_not, "hint": "see the log", **shown}, 503)

    return router


def _api(control: Control) -> APIRouter:
    router = APIRouter(prefix="/api")

    @router.get("/calls", tags=["calls"])
    async def list_calls(user: Asking) -> list[Json]:
        return calls_for(user, control)

    @router.get("/calls/{call}", tags=["calls"])
    async def show_call(user: Asking, call: str) -> Json:
        return call_for(user, control, call)

    @router.post("/calls/{call}/supervisors", status_code=201, tags=["supervision"])
    async def supervise(user: Asking, call: str, wanted: Supervise, request: Request) -> Json:
        """Join a call. `via` web: then open the WebSocket `audio` within 10 s. `via` sip: your phone rings,
        and you are on the call when you answer.
        """
        source = (request.client.host, request.client.port) if request.client else ("", 0)
        await recorded(request, "supervision.asked", call, user, asked=wanted.mode.value, via=wanted.via)
        try:
            leg = control.supervise(
                user, CallId(call), wanted.mode, wanted.via, wanted.uri, source, wanted.rate
            )
        except ValueError as error:
            raise unprocessable(error) from None
        audio = f"/api/supervisors/{leg}/audio" if wanted.via == "web" else None
        return {"leg": leg, "user": user.id, "mode": wanted.mode.value, "via": wanted.via, "audio": audio}

    @router.patch("/calls/{call}/supervisors/{supervisor}", tags=["supervision"])
    async def change_mode(user: Asking, call: str, supervisor: str, wanted: ChangeMode) -> Json:
        """Change what a supervisor does on the call; answers with the call as it is now."""
        control.set_mode(user, CallId(call), LegId(supervisor), wanted.mode)
        return call_for(user, control, call)

    @router.delete("/calls/{call}/supervisors/{supervisor}", status_code=204, tags=["supervision"])
    async def dismiss(user: Asking, call: str, supervisor: str) -> Response:
        """Take a supervisor off the call."""
        control.dismiss(user, CallId(call), LegId(supervisor))
        return Response(status_code=204)

    @router.get("/alerts", tags=["alerts"])
    async def list_alerts(user: Asking) -> list[Json]:
        return alerts_for(user, control)

    @router.post("/alerts", status_code=201, tags=["alerts"])
    async def raise_alert(user: Asking, wanted: RaiseAlert, request: Request) -> Json:
        call = None if wanted.call is None else CallId(wanted.call)
        raised = control.raise_alert(user, call, "web", wanted.reason)
        await request.app.state.stored()
        return raised

    @router.post("/alerts/{alert}/acknowledge", tags=["alerts"])
    async def acknowledge(user: Asking, alert: str) -> Json:
        return control.acknowledge_alert(user, alert)

    @router.post("/alerts/{alert}/resolve", tags=["alerts"])
    async def resolve(user: Asking, alert: str) -> Json:
        return control.resolve_alert(user, alert)

    return router


async def _refused(request: Request, error: Exception) -> JSONResponse:
    refusal = error.refusal if isinstance(error, Refused) else refusal_for(error)
    if refusal is None:
        raise error
    return JSONResponse(refusal.body(), refusal.status, headers=refusal.headers())


def unprocessable(error: ValueError) -> Refused:
    """A value that was asked for and cannot be had: 422, in its own words."""
    refusal = refusal_for(error)
    assert refusal is not None
    return Refused(refusal)


async def _unprocessable(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    mistakes = "; ".join(
        f"{'.'.join(str(part) for part in mistake['loc'][1:]) or mistake['loc'][0]}: {mistake['msg']}"
        for mistake in error.errors()
    )
    return JSONResponse({"error": mistakes, "hint": "docs/api.md describes what may be sent"}, UNPROCESSABLE)


async def _http(request: Request, error: Exception) -> JSONResponse:
    """What the framework itself refuses: an unknown path, a wrong method."""
    assert isinstance(error, HTTPException)
    body = {
        "error": f"{request.method} {request.url.path}: {error.detail}",
        "hint": "/api/docs lists what there is",
    }
    return JSONResponse(body, error.status_code, headers=error.headers)
