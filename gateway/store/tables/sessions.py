"""Sessions of browsers, and the browsers that have signed in before."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, LargeBinary, String, Table

from gateway.store.tables.metadata import Instant, metadata

sessions = Table(
    "sessions",
    metadata,
    Column(
        "digest", LargeBinary(32), primary_key=True
    ),  # SHA-256 of the cookie's value; never the value itself
    Column("user", String(64), nullable=False, index=True),
    Column("csrf", String(64), nullable=False),
    Column("person", JSON, nullable=False),  # who this is in this session: name, sip, roles, teams
    Column("source", String(100), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),  # the latest end, whatever is done meanwhile
)
Index("ix_sessions_ends_at", sessions.c.ends_at)

devices = Table(
    "devices",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),  # SHA-256 of the device cookie's value
    Column("user", String(64), nullable=False, index=True),
    Column("seen_at", Instant, nullable=False),
)
