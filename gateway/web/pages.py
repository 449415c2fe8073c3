"""`/`: the console, static files that use nothing but the public API. No script of others, none inline."""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

FOLDER = Path(__file__).with_name("console")
HEADERS = {
    # Styles are set by script through the CSSOM, which this allows; a `style=` attribute would be refused.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Asked for anew each time and mostly answered by 304: after an update nobody runs the old page.
    "Cache-Control": "no-cache",
}


class _Files(StaticFiles):
    def file_response(self, *arguments: object, **options: object) -> Response:
        response = super().file_response(*arguments, **options)  # type: ignore[arg-type]
        response.headers.update(HEADERS)
        return response


def add_console(app: FastAPI) -> None:
    """The page at `/`, its parts under `/console/`."""

    @app.get("/", include_in_schema=False)
    async def console() -> FileResponse:
        return FileResponse(FOLDER / "index.html", headers=HEADERS)

    app.mount("/console", _Files(directory=os.fspath(FOLDER)))
