"""What is still to be published: alerts in order and never dropped, calls by their latest state. Pure.

An alert's message leaves the outbox only once the broker has acknowledged it (PUBACK). A connection that
breaks in between makes it go out again: receivers tell a repetition by the alert's `id` and `revision`.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gateway.alerts.topics import Message, Origin, Topics

RESTARTED = 100_000
"""By so much the revision of an alert jumps with each restart that it has outlived."""
RESOLVED, CLOSED = "resolved", "closed"


class AlertOutbox:
    """Every revision of every alert, in the order in which they happened. Requests for help have one of their
    own.
    """

    def __init__(self, topics: Topics, origin: Origin) -> None:
        self._topic: Callable[[str], str] = topics.alert_state
        self._id_of: Callable[[str], str | None] = topics.alert_of
        self._over = RESOLVED
        self._origin = origin
        self._queue: deque[Message] = deque()
        self._drill: Message | None = None
        self._revision: dict[str, int] = {}
        self._retained: dict[str, bytes] = {}
        """By topic: what the broker should hold once the queue is empty; of open alerts only."""
        self._requests: dict[str, list[str]] = {}
        self._confirmed: set[str] = set()
        """Topics whose message the broker acknowledged since `begin_comparison`."""

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def head(self) -> Message | None:
        """The next to publish; give it to `done` after its PUBACK."""
        return self._queue[0] if self._queue else self._drill

    def changed(self, facts: Mapping[str, Any], at: str, request: str | None = None) -> None:
        """An alert was raised or has changed. facts: its snapshot. request: the button's own id of the press
        that it came from.

        A resolved alert's last state is published retained, so that the broker never shows it open again, and
        then cleared.
        """
        alert = str(facts["id"])
        # Above whatever was published of it before a restart.
        before = RESTARTED * int(facts.get("restarts", 0))
        revision = self._revision[alert] = self._revision.get(alert, before) + 1
        requests = self._requests.setdefault(alert, [])
        if request is not None and request not in requests:
            requests.append(request)
        topic = self._topic(alert)
        payload = self._origin.payload({**facts, "requests": requests, "revision": revision, "at": at})
        self._queue.append(Message(topic, payload))
        if facts.get("state") == self._over:
            self._queue.append(Message(topic, b""))
            self._retained.pop(topic, None)
            del self._revision[alert]
            del self._requests[alert]
        else:
            self._retained[topic] = payload

    def drill(self, message: Message) -> None:
        """A drill goes the way of the alerts, behind those that wait; of several only the last."""
        self._drill = message

    def done(self, message: Message) -> None:
        """The broker has it."""
        if message is self._drill:
            self._drill = None
        elif self._queue and self._queue[0] is message:
            self._queue.popleft()
            self._confirmed.add(message.topic)

    def begin_comparison(self) -> None:
        """What the broker tells from now on may be older than what it acknowledges from now on."""
        self._confirmed.clear()

    def reconcile(self, found: Mapping[str, bytes]) -> list[str]:
        """Compare with the alerts that the broker retains (by topic), and queue what it has lost.

        Returns the topics that hold an alert of this node which is not open here: from before a restart. They
        are left alone, since nobody has resolved them.
        """
        ours = self._confirmed | {message.topic for message in self._queue}
        for topic, payload in self._retained.items():
            if topic not in ours and found.get(topic) != payload:
                self._queue.append(Message(topic, payload))
        orphans = []
        for topic, payload in found.items():
            known = topic in self._retained or topic in ours
            if known or self._id_of(topic) is None or not self._origin.is_ours(payload):
                continue
            if json.loads(payload).get("state") == self._over:
                self._queue.append(Message(topic, b""))
            else:
                orphans.append(topic)
        return orphans


class HelpOutbox(AlertOutbox):
    """The same for requests for help."""

    def __init__(self, topics: Topics, origin: Origin) -> None:
        super().__init__(topics, origin)
        self._topic, self._id_of, self._over = topics.help_state, topics.help_of, CLOSED


class CallStates:
    """Which calls' states the broker does not have yet. Only the latest counts."""

    def __init__(self, topics: Topics, origin: Origin) -> None:
        self._topics = topics
        self._origin = origin
        self._changed: dict[str, str] = {}
        """Call → when it last changed."""
        self._published: dict[str, str] = {}
        """Calls whose state the broker retains → when that state was."""
        self._taken: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._changed)

    def changed(self, call: str, at: str) -> None:
        self._changed[call] = at

    def take(self, live: Iterable[Mapping[str, Any]]) -> list[Message]:
        """Messages for everything that has changed; `live`: snapshots of all live calls. Then `done` or
        `failed`.
        """
        by_id = {str(call["id"]): call for call in live}
        self._taken, self._changed = self._changed, {}
        messages = []
        for call, at in self._taken.items():
            topic = self._topics.call_state(call)
            if call in by_id:
                messages.append(Message(topic, self._origin.payload({**by_id[call], "at": at})))
                self._published[call] = at
            elif self._published.pop(call, None) is not None:
                messages.append(Message(topic, b""))
        return messages

    def done(self) -> None:
        """The broker has all that was taken."""
        self._taken = {}

    def failed(self) -> None:
        """It may have none of it: all that was taken is to be published again."""
        for call, at in self._taken.items():
            self._changed.setdefault(call, at)
            self._published.setdefault(call, at)
        self._taken = {}

    def reconcile(self, found: Mapping[str, bytes], live: Iterable[Mapping[str, Any]], now: str) -> None:
        """Compare with the call states that the broker retains (by topic): clear ours that are over, publish
        what is lost.
        """
        for topic, payload in found.items():
            call = self._topics.call_of(topic)
            if call is not None and self._origin.is_ours(payload):
                self._published.setdefault(call, now)
                self._changed.setdefault(call, now)
        for snapshot in live:
            self._changed.setdefault(str(snapshot["id"]), now)
