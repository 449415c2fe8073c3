"""A small sound configuration as a table, for tests to break."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from gateway.config.loading import Report, examine_table

ENVIRON = {"TOKEN_FIONA": "f" * 32, "TOKEN_ARTHUR": "a" * 32, "MQTT": "secret"}

SOUND: dict[str, Any] = {
    "sip": {"bind": "127.0.0.1:5060"},
    "trunk": [
        {"name": "pbx", "uri": "sip:127.0.0.1:5080", "identify_by": ["127.0.0.0/8"]},
        {"name": "sbc", "uri": "sip:127.0.0.7", "transport": "tcp", "identify_by": ["127.0.0.7"]},
    ],
    "route": [
        {"match": r"[29]\d{3}", "to": {"trunk": "pbx"}},
        {"match": r"0(?P<rest>\d+)", "to": {"trunk": "sbc", "uri": "sip:{rest}@{trunk}"}},
    ],
    "advisor": [
        {"id": "ann", "name": "Ann", "extension": "2001", "team": "north"},
        {"id": "ben", "extension": "2002", "team": "south"},
    ],
    "user": [
        {"id": "fiona", "sip": "9001", "roles": ["floorwalker"], "token_env": "TOKEN_FIONA"},
        {"id": "arthur", "roles": ["auditor"], "teams": ["north"], "token_env": "TOKEN_ARTHUR"},
    ],
    "alerts": {"ring": ["fiona"]},
    "mqtt": {"url": "mqtt://127.0.0.1:1883", "username": "gw", "password_env": "MQTT"},
}


def sound() -> dict[str, Any]:
    """A copy that may be changed."""
    return copy.deepcopy(SOUND)


def changed(path: str, value: object) -> dict[str, Any]:
    """The sound table with `trunk.0.uri` or `sip.bind` set to `value`; positions from 0."""
    table = sound()
    holder: Any = table
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in way:
        holder = holder.setdefault(step, {}) if isinstance(holder, dict) else holder[step]
    holder[last] = value
    return table


def report_of(table: dict[str, Any], base: Path = Path()) -> Report:
    return examine_table(table, base, ENVIRON)


def mistakes_of(table: dict[str, Any], base: Path = Path()) -> list[str]:
    report = report_of(table, base)
    assert (report.config is None) == bool(report.mistakes)
    return [str(mistake) for mistake in report.mistakes]


def warnings_of(table: dict[str, Any]) -> list[str]:
    report = report_of(table)
    assert not report.mistakes
    return [str(warning) for warning in report.warnings]
