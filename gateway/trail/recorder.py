"""From the news of the calls to the trail's records: which news, who, and after how long."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from gateway.core.events import News

RECORDED = frozenset(
    {
        "signin",
        "supervisor",
        "supervision",
        "feed",
        "alert",
        "duty",
        "help",
        "audit",
        "config",
        "user",
        "trail",
    }
)
"""News whose kind begins so is recorded. Calls as such are not: nothing of a patient belongs here."""
_WHO = {
    "alert.acknowledged": "acknowledged_by",
    "alert.resolved": "resolved_by",
    "help.answered": "answered_by",
    "help.closed": "closed_by",
    "audit.started": "auditor",
    "audit.marked": "auditor",
    "audit.finished": "auditor",
}
"""The fact that names who did it, where that is not `user`."""
_ALSO_WHO = ("by", "raised_by", "identity")
Put = Callable[[str, str | None, Mapping[str, Any], str], None]


class Recorder:
    """Give it every `News` by `on_news`; it never raises, nor waits. `put(kind, call, facts, at)` writes."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._on_call: dict[str, tuple[str, str]] = {}
        """By leg: since when they are on the call, and in this mode."""
        self._listening: dict[tuple[str, str], deque[str]] = {}
        """By call and user: since when, for each of their streams."""

    def on_news(self, news: News) -> None:
        if news.kind.partition(".")[0] not in RECORDED:
            return
        facts = dict(news.data)
        facts["user"] = self._who(news.kind, facts)
        facts.update(self._how_long(news.kind, news.at, news.call or "", facts))
        self._put(news.kind, news.call, facts, news.at)

    def _who(self, kind: str, facts: Mapping[str, Any]) -> Any:
        if kind in _WHO:
            return facts.get(_WHO[kind])
        return facts.get("user") or next((facts[name] for name in _ALSO_WHO if facts.get(name)), None)

    def _how_long(self, kind: str, at: str, call: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        leg = str(facts.get("leg"))
        stream = (call, str(facts.get("user")))
        match kind:
            case "supervisor.joined":
                self._on_call[leg] = (at, at)
            case "supervisor.mode" if leg in self._on_call:
                joined, since = self._on_call[leg]
                self._on_call[leg] = (joined, at)
                return {"previous_s": seconds(since, at)}
            case "supervisor.left" if leg in self._on_call:
                joined, since = self._on_call.pop(leg)
                return {"duration_s": seconds(joined, at), "mode_s": seconds(since, at)}
            case "feed.started":
                self._listening.setdefault(stream, deque()).append(at)
            case "feed.ended" if self._listening.get(stream):
                started = self._listening[stream].popleft()
                if not self._listening[stream]:
                    del self._listening[stream]
                return {"duration_s": seconds(started, at)}
        return {}


def seconds(since: str, until: str) -> float:
    """Between two times in RFC 3339 [s]."""
    return round((datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds(), 3)
