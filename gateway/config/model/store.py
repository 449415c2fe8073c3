"""`[store]`, `[store.retention]`: the database, and how long what is over stays in it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from gateway.config.fields import EnvName
from gateway.config.model.section import AbsolutePath, Section

Days = Annotated[float, Field(strict=True, gt=0, le=36_500)]


def _store_url(text: str) -> str:
    try:
        url = urlsplit(text)
        password, port = url.password, url.port
    except ValueError:
        raise ValueError('not a URL; allowed: "postgresql://user@host/database"') from None
    if url.scheme == "sqlite":
        if url.netloc or not url.path.startswith("//") or url.query or url.fragment:
            raise ValueError('allowed: "sqlite:////absolute/path/to/file.db", with four slashes')
        return text
    if url.scheme != "postgresql" or not url.path.strip("/") or port == 0:
        raise ValueError('allowed: "postgresql://user@host:5432/database", "sqlite:////absolute/path.db"')
    if password is not None:
        raise ValueError("the password does not belong into the URL; use password_env or password_file")
    return text


class Retention(Section):
    """How long what is over is kept [days]; left out: for ever."""

    trail_days: Days | None = None
    alerts_days: Days | None = 400.0
    audits_days: Days | None = None


class Store(Section):
    """The database: users, sessions, the trail, alerts, audits."""

    url: Annotated[str, AfterValidator(_store_url)] | None = None
    """`postgresql://user@host/database` or `sqlite:////path/file.db`; None: `gateway.db` in the state
    directory."""
    password_env: EnvName | None = None
    """Environment variable with PostgreSQL's password."""
    password_file: AbsolutePath | None = None
    """File with PostgreSQL's password, such as a mounted secret."""
    state_directory: AbsolutePath | None = None
    """Where this gateway keeps its own files; None: see `gateway.store.place`."""
    retention: Retention = Retention()
