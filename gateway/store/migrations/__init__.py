"""Alembic's scripts. `gateway.store.migrating` runs them; they are part of the installed package."""
