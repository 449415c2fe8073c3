"""`/api/duty`, `/api/help`, `/api/me`: HTTP in, `core.control.Floor` out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field, StringConstraints

from gateway.core.control import Floor
from gateway.core.help import HelpKind
from gateway.core.model import CallId
from gateway.core.permissions import Action, User, decide
from gateway.web.errors import refusal_for
from gateway.web.routes import Asking, Body, Json, Refused
from gateway.web.visible import may_see, require_watch, team_of

Team = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class SetDuty(Body):
    on: bool
    clinical: bool = False
    teams: list[Team] | None = Field(None, max_length=100, description="left out: all of yours")


class AskHelp(Body):
    kind: HelpKind = HelpKind.HELP
    call: str | None = Field(None, description="your own call; left out: the one that you are on, if any")
    reason: str = Field("", max_length=500)


def help_for(user: User, floor: Floor) -> list[Json]:
    """The open requests of the user's teams. Raises NotPermitted."""
    require_watch(user)
    return [request for request in floor.help() if may_see(user, team_of(request))]


def floor_router(floor: Floor) -> APIRouter:
    router = APIRouter(prefix="/api")

    @router.get("/duty", tags=["duty"])
    async def show_duty(user: Asking) -> Json:
        """Your own duty, and who is on duty."""
        require_watch(user)
        return {"own": floor.duty_of(user), "on_duty": floor.duty()}

    @router.put("/duty", tags=["duty"])
    async def set_duty(user: Asking, wanted: SetDuty) -> Json:
        """Come on duty, change what for, or go off; answers with your duty as it is now."""
        try:
            return floor.set_duty(user, wanted.on, wanted.clinical, wanted.teams)
        except ValueError as error:
            refusal = refusal_for(error)
            assert refusal is not None
            raise Refused(refusal) from None

    @router.get("/help", tags=["help"])
    async def list_help(user: Asking) -> list[Json]:
        """The open requests of your teams; an advisor sees their own."""
        if not decide(user, Action.WATCH, None).allowed and decide(user, Action.HELP, None).allowed:
            return [request for request in floor.help() if request["by"] == user.id]
        return help_for(user, floor)

    @router.post("/help", status_code=201, tags=["help"])
    async def ask_help(user: Asking, wanted: AskHelp) -> Json:
        """Ask a floorwalker (`help`), or say that you need a break after a difficult call (`break`)."""
        call = None if wanted.call is None else CallId(wanted.call)
        return floor.ask_help(user, wanted.kind, call, wanted.reason)

    @router.post("/help/{help}/answer", tags=["help"])
    async def answer_help(user: Asking, help: str) -> Json:
        """ "I take it"; the first one wins. To join the call: `POST /api/calls/{call}/supervisors`."""
        return floor.answer_help(user, help)

    @router.delete("/help/{help}", status_code=204, tags=["help"])
    async def close_help(user: Asking, help: str) -> Response:
        """It is over."""
        floor.close_help(user, help)
        return Response(status_code=204)

    @router.get("/me", tags=["me"])
    async def me(user: Asking) -> Json:
        """Your own call, alert and requests, and how many are on duty for your team."""
        return floor.me(user)

    return router
