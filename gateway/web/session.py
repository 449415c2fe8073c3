"""`/api/session`: signing in with a password, who one is, signing out.

The session cookie is out of scripts' reach (HttpOnly), is never sent from pages elsewhere (SameSite=Strict),
and over TLS only where TLS is spoken. The `device` cookie is this browser's proof that it has signed in
before (`core.brake`).
"""

from __future__ import annotations

from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from gateway.core.permissions import User, actions_of
from gateway.web.auth import COOKIE, Session, Sessions, same_origin
from gateway.web.errors import BAD_ORIGIN, NO_TOKEN
from gateway.web.routes import Asking, Body, Json, Refused

DEVICE = "device"
DEVICE_S = 180 * 24 * 3600


class Opened(Protocol):
    @property
    def token(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def session(self) -> Session: ...


class SignIns(Sessions, Protocol):
    """Implemented by `gateway.accounts.signin.SignIn`."""

    async def by_password(self, name: str, password: str, source: str, device: str | None) -> Opened:
        """Raises `BadCredentials`, `TooManyAttempts`, `Unavailable`."""

    async def sign_out(self, session: Any, source: str) -> None: ...


class Credentials(Body):
    user: Annotated[str, Field(min_length=1, max_length=64, examples=["fiona"])]
    password: Annotated[str, Field(min_length=1, max_length=200, examples=["correct horse battery"])]


def session_router(sign_ins: SignIns) -> APIRouter:
    router = APIRouter(prefix="/api/session", tags=["session"])

    @router.post("")
    async def sign_in(request: Request, given: Credentials) -> Response:
        """Sign in; sets the cookie `session`."""
        if not same_origin(request, missing=True):
            raise Refused(BAD_ORIGIN)
        opened = await sign_ins.by_password(
            given.user, given.password, source_of(request), request.cookies.get(DEVICE)
        )
        response = JSONResponse(described(opened.session.user, opened.session.csrf))
        set_cookies(request, response, opened)
        return response

    @router.get("")
    async def show(request: Request, user: Asking) -> Json:
        """Who one is, what one may do, and the csrf that goes with requests."""
        session: Session | None = getattr(request.state, "session", None)
        return described(user, session.csrf if session else None)

    @router.delete("", status_code=204)
    async def sign_out(request: Request, user: Asking) -> Response:
        """End the session."""
        session: Session | None = getattr(request.state, "session", None)
        if session is None:
            raise Refused(NO_TOKEN)
        await sign_ins.sign_out(session, source_of(request))
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, path="/")
        return response

    return router


def described(user: User, csrf: str | None) -> Json:
    """Who one is and what one may do, ready for JSON. csrf: None with a bearer token."""
    return {
        "id": user.id,
        "name": user.name or user.id,
        "roles": sorted(user.roles),
        "teams": sorted(user.teams),
        "actions": actions_of(user),
        "csrf": csrf,
    }


def set_cookies(request: Request, response: Response, opened: Opened) -> None:
    """The session's cookie, and the one that shows that this browser has signed in before."""
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, opened.token, path="/", httponly=True, samesite="strict", secure=secure)
    response.set_cookie(
        DEVICE,
        opened.device,
        path="/api/session",
        max_age=DEVICE_S,
        httponly=True,
        samesite="strict",
        secure=secure,
    )
    response.headers["Cache-Control"] = "no-store"


def source_of(request: Request) -> str:
    """The address that asks; behind a proxy of `[web] trusted_proxies` the one that it names."""
    return request.client.host if request.client else "unknown"
