"""Carries out what buttons and wallboards ask for, once each, and tells them when it was refused."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from gateway.alerts.commands import Acknowledge, Command, Raise, parse
from gateway.alerts.topics import Origin, Topics
from gateway.core.control import Control
from gateway.core.errors import GatewayError, NoRoute
from gateway.core.model import CallId
from gateway.core.permissions import User
from gateway.log import get_logger, rfc3339

log = get_logger(__name__)

REMEMBERED = 10_000
"""So many presses are known again by their id."""
REFUSALS_KEPT = 100
VIA = "mqtt"


class Inbound:
    """`handle` each message on the loop's thread; it returns at once and never raises for what a sender got
    wrong.
    """

    def __init__(
        self, topics: Topics, origin: Origin, control: Control, find_user: Callable[[str], User | None]
    ) -> None:
        self._topics = topics
        self._origin = origin
        self._control = control
        self._find_user = find_user
        self._alert_by_request: OrderedDict[str, str] = OrderedDict()
        self._refusals: deque[bytes] = deque(maxlen=REFUSALS_KEPT)
        self.request_being_raised: str | None = None
        """The sender's id of the press, while the call logic is being told of it."""

    def handle(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Carry out one message, or note why not."""
        try:
            command = parse(self._topics, topic, payload, retained=retained)
            self._carry_out(command)
        except (GatewayError, ValueError) as error:
            log.warning("mqtt.refused", topic=topic, why=str(error))
            facts = {"topic": topic, "error": str(error), "at": rfc3339(datetime.now(UTC))}
            self._refusals.append(self._origin.payload(facts))
        except Exception:
            log.exception("mqtt.command_failed", topic=topic)

    def take_refusals(self) -> list[bytes]:
        """Payloads for the topic `refused`; taken once."""
        taken = list(self._refusals)
        self._refusals.clear()
        return taken

    def _carry_out(self, command: Command) -> None:
        if isinstance(command, Raise):
            self._raise(command)
            return
        user = self._known(command.user)
        if isinstance(command, Acknowledge):
            self._control.acknowledge_alert(user, command.alert)
        else:
            self._control.resolve_alert(user, command.alert)

    def _raise(self, command: Raise) -> None:
        if command.id is not None and command.id in self._alert_by_request:
            log.info("mqtt.repeated", id=command.id, alert=self._alert_by_request[command.id])
            return
        call = self._call(command)
        user = self._known(command.advisor or (call["advisor"].get("id", "") if call else ""))
        self.request_being_raised = command.id
        try:
            alert = self._control.raise_alert(user, CallId(call["id"]) if call else None, VIA, command.reason)
        finally:
            self.request_being_raised = None
        if command.id is not None:
            self._alert_by_request[command.id] = str(alert.get("id"))
            if len(self._alert_by_request) > REMEMBERED:
                self._alert_by_request.popitem(last=False)

    def _call(self, command: Raise) -> dict[str, Any] | None:
        """The call that was named. None: none was, or it is over and the advisor is known without it."""
        for call in self._control.calls() if command.call is not None else ():
            if call["id"] == command.call:
                return call
        if command.advisor is None:
            raise NoRoute(f"no live call {command.call}")
        return None

    def _known(self, person: str) -> User:
        user = self._find_user(person)
        if user is None:
            raise NoRoute(f"nobody with the id {person!r} is configured")
        return user
