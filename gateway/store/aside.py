"""What the store does not take of the floor's state, on this machine's own disk, so that an alert outlives
the process also while the database is down: one JSON file in the state directory, for its owner alone.

It holds the latest state of each thing that waits and is replaced as a whole: it is never half written.
Every function blocks on the disk: call them beside the loop.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.log import get_logger
from gateway.store.unreadable import put_away

log = get_logger(__name__)

FILE = "floor-waiting.json"

Changes = dict[tuple[str, str], tuple[Mapping[str, Any], str]]
"""Kind and id of a thing → its facts, and when they became so (RFC 3339)."""


class Aside:
    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def read(self, understood: Callable[[str, Mapping[str, Any]], bool]) -> Changes:
        """What an earlier process left. Where some of it cannot be read, or its kind and facts are not
        `understood`, the file is put away with a line in the log, and what can be read goes on.
        """
        found: Changes = {}
        why = ""
        try:
            for row in json.loads(self._path.read_bytes()):
                try:
                    kind, id_, facts, at = (row[name] for name in ("kind", "id", "facts", "at"))
                    datetime.fromisoformat(at)
                    if not understood(kind, facts):
                        raise ValueError(f"nothing is known of such a {kind}")
                    found[kind, str(id_)] = (facts, at)
                except (ValueError, TypeError, LookupError) as error:
                    why = str(error) or type(error).__name__
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError) as error:
            why = str(error)
        if why:
            self._put_away(found, why)
        return found

    def _put_away(self, found: Changes, why: str) -> None:
        try:
            place = put_away(self._path)
            log.error("floor.unreadable", file=str(place), why=why, read_all_the_same=len(found))
            if found:
                self.write(found)
        except OSError as error:
            log.error("floor.unreadable", file=str(self._path), why=f"{why}; {error}")

    def write(self, changes: Changes) -> None:
        """Return when they are on the disk. Raises OSError."""
        rows = [
            {"kind": kind, "id": id_, "facts": dict(facts), "at": at}
            for (kind, id_), (facts, at) in changes.items()
        ]
        fresh = self._path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps(rows, default=str).encode())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def clear(self) -> None:
        """All of it is in the store. Raises OSError."""
        self._path.unlink(missing_ok=True)
