"""Passwords by argon2id (RFC 9106, second recommended option), off the loop and few at a time.

One hash takes 64 MiB and some 50 ms of a core: `LIMIT` of them at once bounds what strangers can make the
gateway spend, and calls, which run in native threads, do not notice.
"""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.core.errors import GatewayError

LIMIT = 2
SHORTEST, LONGEST = 12, 200
"""Characters of a password; the longest so that nobody makes us hash a book."""

_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=1$ipTcOUusM16jg7iWpahcEg$fvKS9RHGimfHNPTaHvSKXLuIV8Wj3lwcWr6XkGt/7JY"
"""The hash of nothing: who asks for a user who does not exist waits as long as for one who does."""


class BadPassword(GatewayError):
    """A password that is not taken; says why."""


def hashed(password: str) -> str:
    """PHC text of a new password. Blocks for some 50 ms. Raises `BadPassword` for one too short or too
    long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadPassword(f"a password has {SHORTEST} to {LONGEST} characters")
    return _HASHER.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Is it this one? Takes equally long where there is none. Blocks for some 50 ms."""
    if len(password) > LONGEST:
        return False
    try:
        return _HASHER.verify(stored or _NOBODY, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


class Passwords:
    """`matches` from the loop."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(LIMIT)

    async def match(self, stored: str | None, password: str) -> bool:
        async with self._room:
            return await asyncio.to_thread(matches, stored, password)
