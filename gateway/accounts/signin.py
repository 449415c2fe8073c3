"""Signing in with a name and a password, or by the word of an identity provider; and what becomes of it.

A user of the configuration signs in with their token as the password: so a new installation can be entered
before any user is in the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from gateway.accounts.passwords import Passwords
from gateway.accounts.sessions import Opened, Session, Sessions
from gateway.accounts.users import Users
from gateway.core.brake import Brake
from gateway.core.errors import BadCredentials, TooManyAttempts
from gateway.core.permissions import User
from gateway.log import get_logger

log = get_logger(__name__)

Note = Callable[[str, Mapping[str, Any]], None]
"""Told of every sign-in and its end: the kind of news and its facts."""


class SignIn:
    """Loop's thread only. `by_token`: the configuration's user with this token; None for an unknown one."""

    def __init__(
        self,
        users: Users,
        sessions: Sessions,
        by_token: Callable[[str], User | None],
        note: Note,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.sessions = sessions
        self._users = users
        self._by_token = by_token
        self._note = note
        self._clock = clock
        self._brake = Brake()
        self._passwords = Passwords()

    async def by_password(self, name: str, password: str, source: str, device: str | None) -> Opened:
        """Open a session. device: the browser's device cookie, if it sent one.

        Raises `BadCredentials` without saying what was wrong, `TooManyAttempts`, `StoreUnavailable`.
        """
        proven = device if device and await self.sessions.knows_device(name, device) else None
        wait_s = self._brake.charge(name, source, proven, self._clock())
        if wait_s > 0:
            self._note("signin.refused", {"user": name, "source": source, "why": "too many attempts"})
            raise TooManyAttempts(
                "too many attempts to sign in from here", retry_after_s=max(1, round(wait_s))
            )
        user = await self._check(name, password)
        if user is None:
            self._note("signin.failed", {"user": name, "source": source, "via": "password"})
            raise BadCredentials("unknown user or wrong password")
        self._brake.refund(name, source, proven, self._clock())
        return await self._open(user, source, proven, "password")

    async def by_provider(self, user: User, subject: str, source: str, device: str | None) -> Opened:
        """Open a session for someone whom the identity provider has vouched for.

        Raises `BadCredentials` for a disabled user, `UserMistake`, `StoreUnavailable`.
        """
        account = await self._users.of_subject(user, subject)
        if account.disabled:
            self._note("signin.failed", {"user": user.id, "source": source, "via": "oidc", "why": "disabled"})
            raise BadCredentials("this user is disabled here")
        known = device if device and await self.sessions.knows_device(account.user.id, device) else None
        return await self._open(account.user, source, known, "oidc")

    async def find(self, token: str) -> Session | None:
        """See `Sessions.find`."""
        return await self.sessions.find(token)

    async def look(self, digest: bytes) -> Session | None:
        """See `Sessions.look`."""
        return await self.sessions.look(digest)

    async def sign_out(self, session: Session, source: str) -> None:
        await self.sessions.close(session.digest)
        self._note("signin.ended", {"user": session.user.id, "source": source})

    async def _check(self, name: str, password: str) -> User | None:
        configured = self._by_token(password)
        account = await self._users.find(name)
        stored = account.password if account and not account.disabled else None
        right = await self._passwords.match(stored, password)
        if configured is not None and configured.id == name:
            return configured
        return account.user if account and right else None

    async def _open(self, user: User, source: str, device: str | None, via: str) -> Opened:
        opened = await self.sessions.open(user, source, device)
        self._note("signin.ok", {"user": user.id, "name": user.name, "source": source, "via": via})
        return opened
