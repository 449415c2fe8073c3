"""Names and payloads on the broker: `ROOT/SITE/...`, JSON with a `schema` number, times in RFC 3339 UTC.
Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Message:
    """One PUBLISH (MQTT 3.1.1 §3.3), always with QoS 1 where it is a state."""

    topic: str
    payload: bytes
    retain: bool = True
    qos: int = 1


class Topics:
    """Every topic of one node. Ids become topic levels: what MQTT reserves in them is percent-encoded."""

    def __init__(self, root: str, site: str, node: str) -> None:
        self._base = f"{root}/{_level(site)}"
        self.status = f"{self._base}/gateway/{_level(node)}/status"
        """Retained: `online` or `offline`; also the last will."""
        self.drill = f"{self._base}/gateway/{_level(node)}/drill"
        """What this node publishes to itself, to see that the way is open; not retained."""
        self.raise_alert = f"{self._base}/alert/raise"
        self.acknowledge_filter = f"{self._base}/alert/+/acknowledge"
        self.resolve_filter = f"{self._base}/alert/+/resolve"
        self.refused = f"{self._base}/alert/refused"
        """Why an inbound message was not carried out; not retained."""
        self.call_filter = f"{self._base}/call/+/state"
        self.alert_filter = f"{self._base}/alert/+/state"
        self.help_filter = f"{self._base}/help/+/state"

    @property
    def inbound(self) -> tuple[str, ...]:
        return self.raise_alert, self.acknowledge_filter, self.resolve_filter, self.drill

    @property
    def states(self) -> tuple[str, ...]:
        return self.call_filter, self.alert_filter, self.help_filter

    def call_state(self, call: str) -> str:
        return f"{self._base}/call/{_level(call)}/state"

    def alert_state(self, alert: str) -> str:
        return f"{self._base}/alert/{_level(alert)}/state"

    def help_state(self, help_: str) -> str:
        return f"{self._base}/help/{_level(help_)}/state"

    def call_of(self, topic: str) -> str | None:
        """The call whose state this topic holds; None: it is another topic."""
        return self._id(topic, "call", "state")

    def alert_of(self, topic: str, verb: str = "state") -> str | None:
        """The alert that the topic `ROOT/SITE/alert/ALERT/verb` names; None: it is another topic."""
        return self._id(topic, "alert", verb)

    def help_of(self, topic: str) -> str | None:
        """The request for help whose state this topic holds; None: it is another topic."""
        return self._id(topic, "help", "state")

    def _id(self, topic: str, kind: str, verb: str) -> str | None:
        start, end = f"{self._base}/{kind}/", f"/{verb}"
        if not topic.startswith(start) or not topic.endswith(end):
            return None
        found = topic[len(start) : -len(end)]
        return unquote(found) if found and "/" not in found else None


def _level(text: str) -> str:
    return quote(text, safe=" :@!$&'()*,;=")


@dataclass(frozen=True, slots=True)
class Origin:
    """Who says so: stands in every payload."""

    site: str
    node: str

    def payload(self, facts: Mapping[str, Any]) -> bytes:
        head = {"schema": SCHEMA, "site": self.site, "node": self.node}
        return json.dumps({**head, **facts}, ensure_ascii=False, separators=(",", ":"), default=str).encode()

    def is_ours(self, payload: bytes) -> bool:
        """Did this node publish that payload?"""
        try:
            facts = json.loads(payload)
        except ValueError:
            return False
        return isinstance(facts, dict) and facts.get("node") == self.node and facts.get("site") == self.site
