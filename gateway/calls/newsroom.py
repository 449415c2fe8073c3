"""What happened, told to the log and to every watcher. A watcher that fails is logged and loses only that one
event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gateway.core.events import News
from gateway.core.model import CallId
from gateway.log import get_logger

log = get_logger(__name__)

Watcher = Callable[[News], None]
_QUIET = frozenset({"stream.quality"})
"""Every five seconds from each leg."""
_WARNINGS = frozenset(
    {
        "supervision.refused",
        "supervision.unrecorded",
        "alert.raised",
        "alert.escalated",
        "alert.refused",
        "help.refused",
        "call.refused",
        "stream.silent",
        "call.fault",
        "trunk.down",
    }
)


class Newsroom:
    def __init__(self, *, quiet: bool = False) -> None:
        """quiet: nothing of it goes to the log."""
        self._quiet = quiet
        self._watchers: dict[int, Watcher] = {}
        self._next = 0

    def subscribe(self, watcher: Watcher) -> Callable[[], None]:
        """Every later News goes to `watcher`; returns the function that ends it, safe twice."""
        number = self._next
        self._next += 1
        self._watchers[number] = watcher
        return lambda: void(self._watchers.pop(number, None))

    def publish(self, kind: str, at: str, call: CallId | None, data: Mapping[str, Any]) -> None:
        news = News(kind, at, call, data)
        if not self._quiet:
            tell = log.warning if kind in _WARNINGS else log.debug if kind in _QUIET else log.info
            tell(kind, **_for_log(kind, call, data))
        for watcher in list(self._watchers.values()):
            try:
                watcher(news)
            except Exception:
                log.exception("watcher.failed", kind=kind)


def void(_: object) -> None:
    """Discard a result."""


def _for_log(kind: str, call: CallId | None, data: Mapping[str, Any]) -> dict[str, Any]:
    """One flat line: the advisor by id, supervisors as user=mode; who spoke how long at the end only."""
    left_out = ("id", "quality") if kind == "call.ended" else ("id", "talk", "quality")
    facts = {
        name: value for name, value in data.items() if value not in (None, "", []) and name not in left_out
    }
    if isinstance(advisor := facts.get("advisor"), Mapping):
        facts["advisor"] = advisor["id"] or advisor["extension"]
    if isinstance(supervisors := facts.get("supervisors"), list):
        facts["supervisors"] = [f"{one['user']}={one['mode']}" for one in supervisors]
    if isinstance(alert := facts.get("alert"), Mapping):
        facts["alert"] = f"{alert['id']}={alert['state']}"
    if call is not None:
        facts["call"] = call
    if "id" in data and data["id"] != call:
        facts["help" if kind.startswith("help.") else "alert"] = data["id"]
    return facts
