"""The drill: pure, then by the embedded broker and back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from feed_fakes import FakeControl

from gateway.alerts import publisher as module
from gateway.alerts.drill import Drill
from gateway.alerts.embedded import EmbeddedBroker
from gateway.alerts.publisher import Publisher
from gateway.config.model import Mqtt


def test_back_in_time_late_and_foreign() -> None:
    now = [10.0]
    told: list[int] = []
    drill = Drill(lambda: now[0], lambda: f"t{now[0]:g}")
    drill.returned = lambda: told.append(1)
    assert drill.verdict()["ok"] is None
    drill.begin("d1")
    now[0] = 10.5
    for payload in (b"\xff", b"[]", b'{"drill": "d0"}', b'{"drill": 7}'):
        drill.came(payload)
    assert drill.verdict()["ok"] is None and told == []
    drill.came(b'{"drill": "d1"}')
    drill.came(b'{"drill": "d1"}')
    assert told == [1]
    assert drill.verdict() == {
        "ok": True,
        "at": "t10.5",
        "round_trip_ms": 500.0,
        "failing_since": None,
        "why": None,
    }
    drill.begin("d2")
    now[0] = 70.0
    drill.failed("the broker is away")
    now[0] = 130.0
    drill.failed("the broker is away")
    verdict = drill.verdict()
    assert (verdict["ok"], verdict["failing_since"], verdict["at"]) == (False, "t70", "t130")
    assert not drill.seen("d2")


async def verdict(publisher: Publisher, ok: bool) -> dict[str, Any]:
    """Wait for it."""
    async with asyncio.timeout(30):
        while publisher.drill.verdict()["ok"] is not ok:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return publisher.drill.verdict()


async def test_to_the_broker_and_back_and_told_when_it_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY_S", 0.05)
    monkeypatch.setattr(module, "TOO_LATE_S", 3.0)
    control = FakeControl()
    async with EmbeddedBroker() as broker:
        settings = Mqtt(url=broker.url)
        publisher = Publisher(
            settings, "node1", "leeds", control, lambda _: None, environ={}, first_drill_s=0.0
        )
        await publisher.start()
        held = await verdict(publisher, True)
        assert held["round_trip_ms"] > 0
        assert control.alert_list == []
    away = await verdict(publisher, False)
    assert "not seen within 3 s" in away["why"] and away["failing_since"]
    await publisher.stop()
    assert publisher.waiting_alerts == 0
