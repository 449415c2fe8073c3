"""An alert climbs until a person answers: floorwalkers on duty, front desk, management, each at a real phone."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from e2e_broker import Wallboard
from e2e_gateway import PATIENCE_S, Gateway, Ports, Settings, free_port, until
from e2e_house import House
from mosquitto import Mosquitto, needs_mosquitto

from simulators import IncomingCall

DESK, FIONA, FELIX, MONA = "9100", "9001", "9002", "9006"
ALERTS = """ring_timeout_s = 60.0

[[alerts.tier]]
name = "floorwalkers"
ring = ["on_duty"]

[[alerts.tier]]
name = "front desk"
after_s = 1.5
ring = ["sip:9100"]

[[alerts.tier]]
name = "management"
after_s = 3.0
ring = ["mona"]
"""
BROKER_PORT = free_port()


@pytest.fixture(scope="module")
def settings() -> Settings:
    """With a broker that is not there until a test starts it."""
    return Settings(mqtt_url=f"mqtt://127.0.0.1:{BROKER_PORT}", alerts=ALERTS)


@pytest.fixture
async def fiona_on_duty(gateway: Gateway) -> Any:
    assert (await gateway.ask("PUT", "/api/duty", {"on": True})).status_code == 200
    yield
    await gateway.ask("PUT", "/api/duty", {"on": False})
    for alert in await gateway.get("/api/alerts"):
        await gateway.ask("POST", f"/api/alerts/{alert['id']}/resolve")


@pytest.fixture
async def nobody_on_duty(gateway: Gateway) -> Any:
    yield
    for alert in await gateway.get("/api/alerts"):
        await gateway.ask("POST", f"/api/alerts/{alert['id']}/resolve")


async def rings(house: House) -> tuple[str, IncomingCall]:
    """The next phone that rings on the floor, by number."""
    call = await house.floor.incoming(PATIENCE_S)
    await call.ring()
    return call.invite.uri.user, call


def seconds(alert: dict[str, Any]) -> float:
    """From the raise to the tier that is reached."""
    raised, reached = (datetime.fromisoformat(at) for at in (alert["raised_at"], alert["tier"]["at"]))
    return (reached - raised).total_seconds()


@needs_mosquitto
async def test_up_the_whole_ladder_while_the_broker_is_down_and_told_once_it_is_back(
    house: House, gateway: Gateway, fiona_on_duty: None, tmp_path: Path
) -> None:
    line = await house.conversation()
    mark = gateway.mark()
    await line.advisor.press("*99")
    phones = dict([await rings(house), await rings(house), await rings(house)])
    assert list(phones) == [FIONA, DESK, MONA]
    assert phones[MONA].invite.from_address.name.startswith("ALERT")
    (alert,) = await gateway.get("/api/alerts")
    assert (alert["tier"]["name"], alert["state"], alert["on_duty"]) == ("management", "raised", 1)
    assert seconds(alert) >= 2.9  # by the wall clock, which is not the timers'
    await phones[MONA].answer()
    told = await gateway.logged("alert.acknowledged", since=mark)
    assert told["acknowledged_by"] == "mona"
    await asyncio.gather(phones[FIONA].ended(PATIENCE_S), phones[DESK].ended(PATIENCE_S))
    assert [one["supervisors"] for one in await gateway.calls()] == [[]], "she may not whisper: only told"
    await phones[MONA].hang_up()
    async with Mosquitto(tmp_path, BROKER_PORT), Wallboard(BROKER_PORT) as wallboard:
        await until(lambda: wallboard.alerts(id=alert["id"], state="acknowledged"), bool)
        await line.patient.hang_up()
        await until(lambda: wallboard.alerts(id=alert["id"], state="resolved"), bool)
    tiers = [(one["state"], one["tier"]["name"]) for one in wallboard.alerts(id=alert["id"])]
    assert ("acknowledged", "management") in tiers
    assert tiers[-1] == ("resolved", "management")
    assert line.patient.received.lost == 0


async def test_nobody_on_duty_and_the_front_desk_rings_at_once(
    house: House, gateway: Gateway, nobody_on_duty: None
) -> None:
    assert (await gateway.get("/api/me"))["on_duty"] == 0
    line = await house.conversation()
    mark = gateway.mark()
    await line.advisor.press("*99")
    number, desk = await rings(house)
    assert number == DESK
    escalated = await gateway.logged("alert.escalated", since=mark)
    assert (escalated["tier"]["name"], escalated.get("on_duty", 0)) == ("front desk", 0)
    kinds = [event.get("event") for event in gateway.events(since=mark)]
    assert kinds.index("alert.escalated") < kinds.index("call.changed"), "not in the step that raised it"
    await desk.answer()
    assert (await gateway.logged("alert.acknowledged", since=mark))["acknowledged_by"] == "sip:9100"
    await desk.hang_up()
    await line.patient.hang_up()
    await gateway.logged("alert.resolved", since=mark)


async def test_whoever_picks_up_is_on_the_call_and_the_others_fall_silent(
    house: House, gateway: Gateway, fiona_on_duty: None
) -> None:
    line = await house.conversation()
    mark = gateway.mark()
    await line.advisor.press("*99")
    phones = dict([await rings(house), await rings(house)])
    assert list(phones) == [FIONA, DESK]
    await phones[FIONA].answer()
    await gateway.logged("supervisor.joined", since=mark, user="fiona", mode="whisper")
    await phones[DESK].ended(PATIENCE_S)
    (alert,) = await gateway.get("/api/alerts")
    also = await gateway.ask("POST", f"/api/alerts/{alert['id']}/acknowledge", who="mona")
    assert (also.json()["acknowledged_by"], also.json()["also_acknowledged"][0]["by"]) == ("fiona", "mona")
    await gateway.logged("alert.also_acknowledged", since=mark)
    await phones[FIONA].hang_up()
    assert line.patient.received.lost == 0
    await line.patient.hang_up()
    await gateway.logged("alert.resolved", since=mark)


async def test_an_alert_of_somebody_without_a_call_rings_too(
    house: House, gateway: Gateway, fiona_on_duty: None
) -> None:
    mark = gateway.mark()
    raised = (await gateway.ask("POST", "/api/alerts", {"reason": "at the door"}, who="mona")).json()
    number, phone = await rings(house)
    assert number == FIONA
    await phone.answer()
    assert (await gateway.logged("alert.acknowledged", since=mark))["acknowledged_by"] == "fiona"
    await phone.hang_up()
    assert (await gateway.ask("POST", f"/api/alerts/{raised['id']}/resolve")).json()["state"] == "resolved"


def kept(folder: Path) -> list[str]:
    """The alerts in the store; normally at once, on a disk that is slow after a moment."""
    with closing(sqlite3.connect(folder / "gateway.db")) as database:
        return [row[0] for row in database.execute("SELECT id FROM floor WHERE kind = 'alert'")]


@needs_mosquitto
async def test_an_alert_outlives_kill_minus_nine_and_rings_on(tmp_path: Path) -> None:
    """A gateway of its own: raised, answered, killed at once; started again it rings, and the broker hears the end."""
    port = free_port()
    settings = Settings(mqtt_url=f"mqtt://127.0.0.1:{port}", alerts=ALERTS)
    gateway = Gateway(settings, Ports(free_port(), free_port(), free_port()), tmp_path)
    async with Mosquitto(tmp_path, port), Wallboard(port) as wallboard:
        try:
            await asyncio.to_thread(gateway.start)
            await gateway.ask("PUT", "/api/duty", {"on": True})
            raised = (await gateway.ask("POST", "/api/alerts", {"reason": "fire"}, who="mona")).json()
            await until(lambda: kept(tmp_path), lambda ids: ids == [raised["id"]])
            await asyncio.to_thread(gateway.kill)
            await asyncio.to_thread(gateway.start)
            (alert,) = await gateway.get("/api/alerts")
            assert (alert["id"], alert["reason"], alert["restarts"]) == (raised["id"], "fire", 1)
            assert [one["user"] for one in (await gateway.get("/api/duty"))["on_duty"]] == ["fiona"]
            async with House(gateway) as house:
                number, phone = await rings(house)
                assert number in (FIONA, DESK, MONA)
                await phone.answer()
                await until(lambda: wallboard.alerts(id=alert["id"], state="acknowledged"), bool)
                await phone.hang_up()
                await gateway.ask("POST", f"/api/alerts/{alert['id']}/resolve")
                await until(lambda: wallboard.alerts(id=alert["id"], state="resolved"), bool)
        finally:
            await asyncio.to_thread(gateway.stop)
    revisions = [one["revision"] for one in wallboard.alerts(id=alert["id"])]
    assert revisions == sorted(revisions)
