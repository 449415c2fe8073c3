"""What buttons and wallboards ask for over MQTT, checked. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gateway.alerts.topics import SCHEMA, Topics

MAX_PAYLOAD_BYTES = 8192
MAX_TEXT = 500


@dataclass(frozen=True, slots=True)
class Raise:
    advisor: str | None
    """Id of the advisor in trouble; None: the one of `call`."""
    call: str | None
    reason: str
    id: str | None
    """The sender's own id of this press: the same one raises once, however often it arrives."""


@dataclass(frozen=True, slots=True)
class Acknowledge:
    alert: str
    user: str


@dataclass(frozen=True, slots=True)
class Resolve:
    alert: str
    user: str


Command = Raise | Acknowledge | Resolve


def parse(topics: Topics, topic: str, payload: bytes, *, retained: bool) -> Command:
    """The command in an inbound message. Raises ValueError, whose text tells the sender what to change.

    retained: it was stored at the broker, so that nobody can say when it was meant; such a command is
    refused.
    """
    if retained:
        raise ValueError("a command must not be retained: publish it with the retain flag off")
    facts = _object(payload)
    if topic == topics.raise_alert:
        _only(facts, "advisor", "call", "reason", "id")
        advisor, call = _text(facts, "advisor"), _text(facts, "call")
        if advisor is None and call is None:
            raise ValueError("advisor or call must be given: the advisor's id, or the call's")
        return Raise(advisor, call, _text(facts, "reason") or "", _text(facts, "id"))
    for verb, kind in (("acknowledge", Acknowledge), ("resolve", Resolve)):
        alert = topics.alert_of(topic, verb)
        if alert is not None:
            _only(facts, "user")
            user = _text(facts, "user")
            if user is None:
                raise ValueError("user must be given: the id of the person who does this")
            return kind(alert, user)
    raise ValueError(f"nothing is done with topic {topic}")


def _object(payload: bytes) -> dict[str, Any]:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"{len(payload)} bytes; allowed: {MAX_PAYLOAD_BYTES}")
    try:
        facts = json.loads(payload)
    except (ValueError, RecursionError):
        raise ValueError("not JSON; expected an object in UTF-8") from None
    if not isinstance(facts, dict):
        raise ValueError(f"expected a JSON object, found {type(facts).__name__}")
    if facts.pop("schema", SCHEMA) != SCHEMA:
        raise ValueError(f"unknown schema; allowed: {SCHEMA}")
    return facts


def _only(facts: dict[str, Any], *names: str) -> None:
    for name in facts.keys() - set(names):
        raise ValueError(f"{name}: unknown key; allowed: {', '.join(names)}")


def _text(facts: dict[str, Any], name: str) -> str | None:
    value = facts.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError(f"{name}: expected text, found {type(value).__name__}")
    if len(value) > MAX_TEXT:
        raise ValueError(f"{name}: {len(value)} characters; allowed: {MAX_TEXT}")
    return value
