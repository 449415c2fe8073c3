"""`/api/docs`: the OpenAPI description as one plain page. Nothing is loaded from elsewhere, so it works on a
closed network.
"""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse
from starlette.routing import WebSocketRoute

from gateway.web.described import audits, calls, describe, house, people

OPERATIONS = {**calls.OPERATIONS, **people.OPERATIONS, **audits.OPERATIONS, **house.OPERATIONS}

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:1rem/1.5 system-ui;margin:2rem;max-width:60rem}}td,th{{text-align:left;
padding:.2rem 1rem .2rem 0;vertical-align:top}}code{{white-space:nowrap}}</style>
<h1>{title}</h1><p>Machine-readable: <a href="/api/openapi.json">/api/openapi.json</a>. Send
<code>Authorization: Bearer TOKEN</code>.</p><table><tr><th>Request<th>What it does<th>Answers{rows}</table>
<h2>WebSockets</h2><table><tr><td><code>WS /api/events</code><td>a snapshot, then every event
<tr><td><code>WS /api/calls/{{call}}/audio</code><td>live audio of a call:
<code>channels=caller,advisor|caller|advisor|mix</code>, <code>encoding=l16|pcmu|opus</code>,
<code>rate=8000|16000</code>, <code>protocol=twilio</code>
<tr><td><code>WS /api/supervisors/{{leg}}/audio</code><td>a supervisor's headset, both ways,
at the rate that its header tells</table>
"""


class Api(FastAPI):
    """OpenAPI has no word for WebSockets: their paths stand in it as `x-websockets`."""

    def include_router(self, router: APIRouter, **options: Any) -> None:
        here = {route.path for route in router.routes if isinstance(route, WebSocketRoute)}
        self.state.sockets = getattr(self.state, "sockets", set()) | here
        super().include_router(router, **options)

    def openapi(self) -> dict[str, Any]:
        description = super().openapi()
        if "x-websockets" not in description:
            describe(description, OPERATIONS)
            description["x-websockets"] = sorted(getattr(self.state, "sockets", ()))
        return description


def add_docs(app: FastAPI) -> None:
    """Serve `/api/docs`: the OpenAPI document as a page, without anything from elsewhere."""

    @app.get("/api/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(_render(app.openapi()))


def _render(description: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{verb.upper()} {escape(path)}</code>"
        f"<td>{escape(operation.get('description') or operation['summary'])}"
        f"<td>{escape(', '.join(operation['responses']))}"
        for path, operations in description["paths"].items()
        for verb, operation in operations.items()
    )
    return _PAGE.format(title=escape(description["info"]["title"]), rows=rows)
