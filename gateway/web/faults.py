"""Faults of ours: told to the tool as 500 or close code 1011, and to the log without the request's headers.

Whoever formats a traceback for the log may add the values of local variables; a request's hold its token. So
the text is made here, from the places in the code alone.
"""

from __future__ import annotations

import traceback

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.log import get_logger
from gateway.web.socket import EXTENSION

log = get_logger(__name__)

INTERNAL_ERROR = 1011
TOLD = "the gateway failed at this; calls go on"


class Faults:
    """Around the application, inside the server."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            places = "".join(traceback.format_exception(error))
            log.error("web.fault", path=scope.get("path"), fault=places)
            if scope["type"] == "websocket":
                scope["extensions"][EXTENSION].close(INTERNAL_ERROR, TOLD)


async def internal_error(request: Request, error: Exception) -> JSONResponse:
    """The answer to a request that met a fault of ours, of which only the log tells more."""
    return JSONResponse({"error": TOLD, "hint": "the log says more"}, 500)
