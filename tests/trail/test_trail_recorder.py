"""Which news become records: who, from where, and after how long."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.core.events import News
from gateway.core.model import CallId
from gateway.trail.configuration import facts_of, remember
from gateway.trail.recorder import Recorder


def at(second: float) -> str:
    return f"2026-11-25T12:00:{second:06.3f}Z"


def recorded(*news: tuple[str, float, dict[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    kept: list[tuple[str, Mapping[str, Any]]] = []
    recorder = Recorder(lambda kind, call, facts, when: kept.append((kind, facts)))
    for kind, second, data in news:
        recorder.on_news(News(kind, at(second), CallId("c-1"), data))
    return kept


def test_how_long_somebody_was_on_a_call_and_in_each_mode() -> None:
    fiona = {"user": "fiona", "leg": "s-1"}
    kept = recorded(
        ("supervisor.joined", 1, {**fiona, "mode": "listen"}),
        ("supervisor.mode", 11, {**fiona, "mode": "whisper", "previous": "listen"}),
        ("supervisor.left", 31.5, {**fiona, "mode": "whisper"}),
        ("supervisor.left", 32, fiona),
    )
    durations = [{name: value for name, value in facts.items() if name.endswith("_s")} for _, facts in kept]
    assert durations == [{}, {"previous_s": 10.0}, {"duration_s": 30.5, "mode_s": 20.5}, {}]


def test_how_long_streams_lasted_also_of_somebody_with_two() -> None:
    one, two = {"user": "arthur"}, {"user": "ben"}
    kept = recorded(
        ("feed.started", 1, one),
        ("feed.started", 2, one),
        ("feed.started", 3, two),
        ("feed.ended", 4, one),
        ("feed.ended", 5, two),
        ("feed.ended", 6, one),
    )
    assert [facts.get("duration_s") for _, facts in kept] == [None, None, None, 3.0, 2.0, 4.0]


def test_who_did_it() -> None:
    alert = {"raised_by": "ann", "acknowledged_by": "fiona", "resolved_by": "mona"}
    kept = recorded(
        ("alert.raised", 1, alert),
        ("alert.acknowledged", 2, alert),
        ("alert.resolved", 3, alert),
        ("supervision.refused", 4, {"user": None, "identity": "6666@192.0.2.1"}),
    )
    assert [facts["user"] for _, facts in kept] == ["ann", "fiona", "mona", "6666@192.0.2.1"]


def test_a_patients_call_is_not_recorded() -> None:
    assert recorded(("call.ringing", 1, {"caller": "****123"}), ("stream.silent", 2, {})) == []


def test_the_configurations_changes_are_told_by_key_without_values(tmp_path: Path) -> None:
    table: dict[str, Any] = {
        "node": {"name": "n"},
        "user": [{"id": "ann", "roles": ["auditor"]}, {"id": "ben"}],
    }
    assert facts_of(table, tmp_path)["changed"] == []
    remember(table, tmp_path)
    same = facts_of(table, tmp_path)
    table["user"] = [{"id": "ann", "roles": ["admin"]}, {"id": "cat"}]
    changed = facts_of(table, tmp_path)
    assert same["changed"] == [] and same["sha256"] != changed["sha256"]
    assert changed["changed"] == ["user.ann.roles", "user.ben.id", "user.cat.id"]
