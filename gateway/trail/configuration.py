"""What the trail says of the configuration at each start: its hash, and the keys whose value is another than
before.

Values are not written, only keys: `user.fiona.roles`, `alerts.ring`. To compare with, the hash of every value
is kept in a file of the state directory; without it nothing is said to have changed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.trail.record import canonical

FILE = "configuration-seen.json"
MOST = 200
"""Keys that are named; of more only how many."""


def facts_of(table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """For the record `config.loaded`; the state is `folder`'s. Remember by `remember` once it is recorded."""
    now = _hashes(table)
    before = _remembered(folder)
    changed = sorted(key for key in now.keys() | before.keys() if now.get(key) != before.get(key))
    facts: dict[str, Any] = {"sha256": _hash(table), "changed": changed[:MOST] if before else []}
    if before and len(changed) > MOST:
        facts["changed_more"] = len(changed) - MOST
    return facts


def remember(table: Mapping[str, Any], folder: Path) -> None:
    """Raises OSError."""
    path = folder / FILE
    temporary = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(_hashes(table), file)
    temporary.replace(path)


def _remembered(folder: Path) -> dict[str, str]:
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _hashes(table: Mapping[str, Any]) -> dict[str, str]:
    return {key: _hash(value)[:16] for key, value in _leaves(table, ())}


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Tables by key, their lists by `id` or `name`."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key)))
    elif isinstance(value, list | tuple) and value and all(isinstance(one, Mapping) for one in value):
        for position, one in enumerate(value):
            yield from _leaves(one, (*path, str(one.get("id") or one.get("name") or position)))
    else:
        yield ".".join(path), value


def _hash(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()
