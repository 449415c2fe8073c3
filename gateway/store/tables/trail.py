"""The trail's records, and its signed marks: where each node's chain begins and ends. See `gateway.trail`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, Text

from gateway.store.tables.metadata import metadata

trail = Table(
    "trail",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),  # from 1, without a gap
    Column("id", String(32), nullable=False, unique=True),  # of the record: written twice it is known again
    Column("at", String(24), nullable=False, index=True),  # RFC 3339 UTC with milliseconds: sorts as text
    Column("kind", String(64), nullable=False),
    Column("call", String(64), index=True),
    Column("user", String(64), index=True),
    Column("source", String(200)),
    Column("data", Text, nullable=False),  # JSON in its canonical form
    Column("previous", LargeBinary(32), nullable=False),  # the hash before; 32 zero bytes at the beginning
    Column("hash", LargeBinary(32), nullable=False),
    Column("signature", LargeBinary(64), nullable=False),  # Ed25519 of the hash
)

trail_marks = Table(
    "trail_marks",
    metadata,
    Column("node", String(64), primary_key=True),
    # "head": the last record; "base": the last one that was pruned
    Column("mark", String(8), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("at", String(24), nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
)
