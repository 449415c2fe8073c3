"""What is open on the floor of each node, so that it outlives the process: duty, requests for help, alerts.
Resolved alerts stay until `[store] retention` takes them.
"""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, String, Table

from gateway.store.tables.metadata import Instant, metadata

floor = Table(
    "floor",
    metadata,
    Column("node", String(64), primary_key=True),
    Column("kind", String(16), primary_key=True),  # duty, help, alert
    Column("id", String(64), primary_key=True),  # the user's; the request's
    Column("open", Boolean, nullable=False),
    Column("facts", JSON, nullable=False),  # the snapshot, as HTTP shows it
    Column("changed_at", Instant, nullable=False),
)
