"""Where the database is, from `[store]`: a URL that SQLAlchemy takes, with the password put in.

The password comes from the environment or from a file, never from the configuration. A SQLite file's folder
is made where it is missing, for its owner alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from gateway.config.model import Store
from gateway.config.secrets import secret, secret_file
from gateway.store.errors import StoreError

FILE = "gateway.db"


def state_directory(store: Store, environ: Mapping[str, str] = os.environ) -> Path:
    """Where this gateway keeps its own files: the SQLite database and the trail's key.

    `[store] state_directory`, else the service manager's `STATE_DIRECTORY`, else `GATEWAY_STATE_DIRECTORY`;
    else /var/lib/supervision-gateway for root and the XDG state directory for anybody else.
    """
    if store.state_directory is not None:
        return Path(store.state_directory)
    # systemd gives several directories with colons between them.
    given = environ.get("GATEWAY_STATE_DIRECTORY") or environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    if os.geteuid() == 0:
        return Path("/var/lib/supervision-gateway")
    home = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME", "/")) / ".local/state")
    return Path(home) / "supervision-gateway"


def made_state_directory(store: Store, environ: Mapping[str, str] = os.environ) -> Path:
    """The same, there and writable. Raises `StoreError` that says which folder and why not."""
    folder = state_directory(store, environ)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error.strerror or str(error)) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(folder, "no permission to write there")
    return folder


def store_url(store: Store, environ: Mapping[str, str] = os.environ) -> URL:
    """SQLAlchemy's URL with its asyncio driver. Makes the folder of a SQLite file. Raises `StoreError`."""
    if store.url is None:
        return _sqlite(str(made_state_directory(store, environ) / FILE))
    url = make_url(store.url)
    if url.get_backend_name() == "sqlite":
        return _sqlite(url.database or "")
    password = secret(store.password_env, environ) or secret_file(store.password_file)
    return url.set(drivername="postgresql+asyncpg", password=password)


def _sqlite(path: str) -> URL:
    folder = Path(path).parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made here for its owner alone: SQLite would take the umask's word, and its -wal and -shm follow the
        # file.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise _unwritable(Path(path), error.strerror or str(error)) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(folder, "no permission to write there")
    return URL.create("sqlite+aiosqlite", database=path)


def _unwritable(place: Path, why: str) -> StoreError:
    return StoreError(
        f"[store] cannot use {place}: {why}; give a writable folder in [store] state_directory "
        "or in the environment as GATEWAY_STATE_DIRECTORY"
    )
