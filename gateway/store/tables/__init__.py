"""The tables, one file per concept; imported here so that `metadata` is whole.

`migrations/versions/` is what really makes them; a test holds the two against each other.
"""

from gateway.store.tables import audits, floor, people, sessions, trail
from gateway.store.tables.metadata import metadata

__all__ = ["audits", "floor", "metadata", "people", "sessions", "trail"]
