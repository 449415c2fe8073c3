"""`/api/session/oidc`: to the identity provider and back.

The cookie `oidc` ties the sign-in to the browser that began it: a link with somebody else's code signs nobody
in. It is SameSite=Lax, since the browser comes back from another site; the session's own cookie stays Strict.
"""

from __future__ import annotations

import hmac
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from gateway.core.errors import BadCredentials
from gateway.core.permissions import User
from gateway.web.session import DEVICE, Opened, set_cookies, source_of

COOKIE = "oidc"
PATH = "/api/session/oidc"
BEGUN_S = 600
Text = Annotated[str, Query(max_length=4096)]


class Provider(Protocol):
    """Implemented by `gateway.accounts.oidc.Provider`."""

    async def begin(self) -> tuple[str, str]:
        """(URL, state). Raises `Unavailable`."""

    async def finish(self, state: str, code: str) -> tuple[User, str]:
        """Raises `BadCredentials`, `Unavailable`."""


class SignIns(Protocol):
    async def by_provider(self, user: User, subject: str, source: str, device: str | None) -> Any: ...


def oidc_router(provider: Provider, sign_ins: SignIns) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["session"])

    @router.get("", response_class=RedirectResponse, status_code=302)
    async def begin(request: Request) -> Response:
        """Send the browser to the identity provider."""
        url, state = await provider.begin()
        response = RedirectResponse(url, 302, headers={"Cache-Control": "no-store"})
        secure = request.url.scheme == "https"
        response.set_cookie(
            COOKIE, state, path=PATH, max_age=BEGUN_S, httponly=True, samesite="lax", secure=secure
        )
        return response

    @router.get("/callback", response_class=RedirectResponse, status_code=303)
    async def finish(request: Request, state: Text = "", code: Text = "", error: Text = "") -> Response:
        """Back from there: signs in and leads to the console."""
        begun = request.cookies.get(COOKIE, "")
        if not state or not hmac.compare_digest(begun.encode(), state.encode("utf-8", "surrogatepass")):
            raise BadCredentials("this sign-in was begun by another browser, or too long ago")
        if error or not code:
            raise BadCredentials("the identity provider did not let you in")
        user, subject = await provider.finish(state, code)
        opened: Opened = await sign_ins.by_provider(
            user, subject, source_of(request), request.cookies.get(DEVICE)
        )
        response = RedirectResponse("/", 303)
        set_cookies(request, response, opened)
        response.delete_cookie(COOKIE, path=PATH)
        return response

    return router
