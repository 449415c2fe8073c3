"""Users who are kept in the store: those with a password, and those who come by OpenID Connect."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, String, Table

from gateway.store.tables.metadata import Instant, metadata

users = Table(
    "users",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("sip", String(200)),
    Column("roles", JSON, nullable=False),
    Column("teams", JSON, nullable=False),
    Column("password", String(200)),  # argon2id in PHC format; NULL: cannot sign in by password
    Column("subject", String(300), unique=True),  # "issuer subject" of OpenID Connect
    Column("disabled", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
)
