"""Audits of calls, and the moments marked in them. An audit keeps the form that it was begun with."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Table, Text

from gateway.store.tables.metadata import Instant, metadata

audits = Table(
    "audits",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("auditor", String(64), nullable=False),
    Column("auditor_name", String(200), nullable=False),
    Column("call", String(64), nullable=False),
    Column("team", String(64), nullable=False),
    Column("advisor", JSON, nullable=False),  # id, name, extension, team; nothing of the patient
    Column("call_started_at", String(40)),
    Column("form", JSON, nullable=False),
    Column("answers", JSON, nullable=False),  # by criterion: value, comment, markers
    Column("comment", Text, nullable=False),
    Column("state", String(16), nullable=False),  # open, finished
    Column("result", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("finished_at", Instant),
)
Index("ix_audits_team_created_at", audits.c.team, audits.c.created_at)
Index("ix_audits_auditor_created_at", audits.c.auditor, audits.c.created_at)

markers = Table(
    "audit_markers",
    metadata,
    Column("audit", String(64), ForeignKey("audits.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),  # from 1 within the audit
    Column("media_time_ms", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
)
