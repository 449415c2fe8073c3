"""`/api/system` and `/metrics`: for who may see the system. A scraper has a token like everybody else."""

from __future__ import annotations

from typing import Any, Protocol

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from gateway.core.errors import NotPermitted
from gateway.core.permissions import Action, User, decide
from gateway.web.routes import Asking, Json


class System(Protocol):
    """Implemented by `gateway.overview.Overview`."""

    async def system(self) -> dict[str, Any]: ...
    def metrics(self) -> bytes: ...


def system_router(system: System) -> APIRouter:
    router = APIRouter(tags=["system"])

    @router.get("/api/system")
    async def show(user: Asking) -> Json:
        """Health, trunks, users, who is signed in and connected."""
        _require(user)
        return await system.system()

    @router.get("/metrics")
    async def metrics(user: Asking) -> Response:
        """Figures for Prometheus."""
        _require(user)
        return Response(system.metrics(), media_type=CONTENT_TYPE_LATEST)

    return router


def _require(user: User) -> None:
    decision = decide(user, Action.SYSTEM, None)
    if not decision.allowed:
        raise NotPermitted(decision.why)
