"""One record of the trail, its canonical form and its hash. No I/O.

Canonical: JSON with sorted keys, no blanks, UTF-8 unescaped; the same record gives the same bytes on every
node.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

FIRST = bytes(32)
"""What the first record of a chain follows."""
LONGEST = 16_384
"""Characters of `data`; what is longer is cut to a note that it was."""


@dataclass(frozen=True, slots=True)
class Record:
    """What happened. `data`: further facts, canonical JSON."""

    id: str
    at: str
    """RFC 3339 UTC with milliseconds."""
    kind: str
    call: str | None
    user: str | None
    source: str | None
    data: str

    @classmethod
    def make(cls, kind: str, at: str, call: str | None, facts: Mapping[str, Any]) -> Record:
        """Of news: who and from where stand apart from the other facts."""
        rest = {name: value for name, value in facts.items() if name not in ("user", "source")}
        data = canonical(rest)
        if len(data) > LONGEST:
            data = canonical({"cut": len(data), "sha256": hashlib.sha256(data.encode()).hexdigest()})
        return cls(
            secrets.token_hex(16),
            at,
            kind[:64],
            _text(call, 64),
            _text(facts.get("user"), 64),
            _text(facts.get("source"), 200),
            data,
        )


def canonical(value: Any) -> str:
    """The one JSON text of a value; what JSON does not know is written as text."""
    # PostgreSQL takes no NUL in text, and no database a lone surrogate; neither says anything to anybody.
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
    return text.replace("\\u0000", "").encode("utf-8", "replace").decode()


def digest(node: str, seq: int, previous: bytes, record: Record) -> bytes:
    """The hash of a record at its place."""
    placed = {"node": node, "seq": seq, **asdict(record)}
    return hashlib.sha256(previous + canonical(placed).encode()).digest()


def mark_digest(node: str, mark: str, seq: int, hash_: bytes, at: str) -> bytes:
    """What is signed of a mark."""
    placed = {"node": node, "mark": mark, "seq": seq, "hash": hash_.hex(), "at": at}
    return hashlib.sha256(canonical(placed).encode()).digest()


def now_at() -> str:
    """This moment, as `Record.at`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(value: object, longest: int) -> str | None:
    if value is None:
        return None
    return str(value).replace("\0", "").encode("utf-8", "replace").decode()[:longest]
