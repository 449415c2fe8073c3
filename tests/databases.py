"""A real PostgreSQL of the tests' own, and databases to test against. Debian's `postgresql` brings the programs.

The cluster is made for the session in a folder of its own, on a free port, by a user who is not root (PostgreSQL
refuses root), and stopped by its process id.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

PATIENCE_S = 60.0
USER = "gateway"


def _programs() -> Path:
    """The newest installed version's."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    if not found:
        raise RuntimeError("PostgreSQL is not installed: `make setup` installs Debian's package postgresql")
    return found[-1].parent


class Postgres:
    """One cluster. `start`, any number of `new_database`, `stop`."""

    def __init__(self) -> None:
        self._bin = _programs()
        self._folder = Path(tempfile.mkdtemp(prefix="gateway-pg-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        self._who: dict[str, object] = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self._folder, account.pw_uid, account.pw_gid)
            self._who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        self.port = 0

    def start(self) -> None:
        """Make the cluster and wait until it answers."""
        data = self._folder / "data"
        subprocess.run(
            [self._bin / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale", "-N"],
            check=True,
            capture_output=True,
            cwd=self._folder,
            **self._who,  # type: ignore[call-overload]
        )
        self.run()

    def run(self) -> None:
        """Start the server, on the port that it had before if it ran before, and wait until it answers."""
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self._folder,
            "fsync": "off",
            "shared_buffers": "16MB",
            "max_connections": 50,
        }
        self._process = subprocess.Popen(
            [
                str(self._bin / "postgres"),
                "-D",
                str(self._folder / "data"),
                *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self._folder / "log").open("ab"),
            cwd=self._folder,
            **self._who,  # type: ignore[call-overload]
        )
        self._wait()

    def _wait(self) -> None:
        """Until it takes connections."""
        asked = [self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        deadline = time.monotonic() + PATIENCE_S
        while subprocess.run(asked).returncode != 0:
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not start: {(self._folder / 'log').read_text()}")
            time.sleep(0.05)

    def halt(self) -> None:
        """Stop the server at once, as a fast shutdown; the data stays."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def stop(self) -> None:
        self.halt()
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self) -> str:
        """An empty database; its URL as `[store] url` takes it."""
        self._made += 1
        name = f"t{self._made}"
        createdb = self._bin / "createdb"
        subprocess.run(
            [
                createdb,
                "-h",
                "127.0.0.1",
                "-p",
                str(self.port),
                "-U",
                USER,
                "--maintenance-db=postgres",
                name,
            ],
            check=True,
        )
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"
