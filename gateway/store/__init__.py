"""The database: users and their sessions, the trail, and whatever else must outlive the process.

SQLite in one file by default, PostgreSQL by URL, both through SQLAlchemy 2's asyncio. `database` is the one
way in: `read()` and `write()` transactions, faults translated once to `StoreUnavailable`. `tables/` has one
file per concept; a change there is a new file in `migrations/versions/`, which `gateway serve` applies at its
start. Knows nothing of calls. No call ever waits for it.
"""

from gateway.store.database import Database
from gateway.store.errors import StoreError, StoreUnavailable

__all__ = ["Database", "StoreError", "StoreUnavailable"]
