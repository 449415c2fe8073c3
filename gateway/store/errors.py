"""What can go wrong with the database, in one place.

StoreError                 a GatewayError: the store is set up wrongly; its text is fit for an admin
└── StoreUnavailable       an Unavailable, too: it cannot be reached or written now; trying later may help
"""

from __future__ import annotations

import sqlite3
from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.core.errors import GatewayError, Unavailable


class StoreError(GatewayError):
    """The store cannot be used as it is configured."""


class StoreUnavailable(StoreError, Unavailable):
    """The store does not answer, or takes nothing (disk full, read-only, database down)."""


UNAVAILABLE: Final = (
    OperationalError,
    InterfaceError,
    InternalError,
    PoolTimeout,
    sqlite3.OperationalError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
)
"""What the drivers raise for it. SQLite says `OperationalError` for a full disk, a lock and a missing file
alike.
"""


def is_outage(error: BaseException) -> bool:
    """Is this the database's state, rather than a mistake in what was asked of it?"""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, UNAVAILABLE)


def first_line(error: BaseException) -> str:
    """The fault without the statement and its values: those may hold what no log should."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = str(cause).strip().partition("\n")[0]
    return text.removeprefix(f"{type(cause)}: ") or type(cause).__name__
