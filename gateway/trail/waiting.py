"""Records that the store does not take, on this machine's own disk, so that they outlive the process: a file
of JSON lines in the state directory, for its owner alone.

What is in it is written to the store when the store is back, by this process or the next one; a record that
is in both is known again by its id. Every function blocks on the disk: call them beside the loop.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from gateway.log import get_logger
from gateway.store.unreadable import put_away
from gateway.trail.record import Record

log = get_logger(__name__)

FILE = "trail-waiting.jsonl"


class Waiting:
    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    @property
    def there(self) -> bool:
        return self._path.exists()

    def read(self) -> list[Record]:
        """What an earlier process left, oldest first. Where a line cannot be read (cut off by that one's end,
        say) the file is put away with a line in the log, and what can be read is in a new one.
        """
        found: list[Record] = []
        why = ""
        try:
            for number, line in enumerate(self._path.read_text("utf-8", "replace").splitlines(), 1):
                try:
                    if line:
                        found.append(Record(**json.loads(line)))
                except (ValueError, TypeError) as error:
                    why = f"line {number}: {error}"
        except FileNotFoundError:
            return []
        except OSError as error:
            why = error.strerror or str(error)
        if why:
            self._put_away(found, why)
        return found

    def _put_away(self, found: list[Record], why: str) -> None:
        try:
            place = put_away(self._path)
            log.error("trail.unreadable", file=str(place), why=why, read_all_the_same=len(found))
            if found:
                self.add(found)
        except OSError as error:
            log.error("trail.unreadable", file=str(self._path), why=f"{why}; {error}")

    def add(self, records: Iterable[Record]) -> None:
        """Return when they are on the disk. Raises OSError; some of them may be there then, and the last of
        those cut off: that is why a line end stands before them all, too.
        """
        text = "\n" + "".join(json.dumps(asdict(record)) + "\n" for record in records)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())

    def clear(self) -> None:
        """All of it is in the store. Raises OSError."""
        self._path.unlink(missing_ok=True)
