"""A file of the state directory that cannot be read, or not all of it, is put away under another name:
nothing writes over it, and an admin can look at what was in it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from pathlib import Path


def put_away(path: Path) -> Path:
    """Rename it; returns its new place, beside the old one. Blocks on the disk. Raises OSError."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    names = (f"{path.name}.unreadable-{stamp}" + (f"-{n}" if n else "") for n in count())
    place = next(place for name in names if not (place := path.with_name(name)).exists())
    return path.rename(place)
