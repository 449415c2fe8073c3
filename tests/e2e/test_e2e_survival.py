"""The call survives its supervisors, auditors and broker: its packets do not change, and an alert is not lost."""

from __future__ import annotations

import asyncio

import pytest
from e2e_auditor import Stalled
from e2e_broker import Wallboard
from e2e_checks import tone
from e2e_figures import figure
from e2e_gateway import Gateway, Settings, free_port, until
from e2e_house import House, sent_for
from e2e_stall import stall, talking, unharmed
from mosquitto import Mosquitto, needs_mosquitto

BROKER_PORT = free_port()


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(mqtt_url=f"mqtt://127.0.0.1:{BROKER_PORT}")


# ── supervisors ──


@pytest.mark.parametrize("code", ["*71", "*72"], ids=["listening", "whispering"])
async def test_a_supervisor_vanishes(house: House, gateway: Gateway, code: str) -> None:
    """No RTP, no BYE, no answer to anything, as after a power cut."""
    line = await talking(house)
    fiona = await house.supervise(code)
    fiona.say(tone(1_000, 1.0), loop=True)
    await sent_for(fiona, 1)
    mark = gateway.mark()
    fiona.vanish()
    await gateway.logged("stream.silent", since=mark, user="fiona")
    await gateway.logged("supervisor.left", since=mark, user="fiona")
    await sent_for(line.patient, 0.5)
    if code == "*71":
        await unharmed(line, "a listener vanishes")
        return
    await line.settle(mixed=True)
    await until(lambda: line.advisor.received.mark() - line.patient.sent.mark(), lambda missing: missing >= 0)
    assert line.to_patient.unheard == 0
    assert line.patient.received.lost == line.advisor.received.lost == 0
    figure(
        "call's packets across: a whisperer vanishes",
        f"{line.to_patient.heard} at the patient's ear, none missing or changed",
    )


async def test_a_supervisors_phone_goes_on_hold_and_comes_back(house: House) -> None:
    line = await talking(house)
    fiona = await house.supervise("*71")
    await fiona.hold()
    await sent_for(line.patient, 0.5)
    await fiona.resume()
    await fiona.hang_up()
    await unharmed(line, "a listener's hold, resume and BYE")


# ── auditors ──


async def test_an_auditors_socket_stalls(house: House, gateway: Gateway) -> None:
    await stall(house, gateway, 3)


# ── the broker ──


@needs_mosquitto
async def test_the_broker_is_killed_and_the_alert_raised_meanwhile_arrives(
    house: House, gateway: Gateway, broker: Mosquitto
) -> None:
    async with Wallboard(broker.port) as wallboard:
        line = await talking(house)
        await until(
            lambda: wallboard.seen, lambda seen: any(topic == f"call/{line.id}/state" for topic, _ in seen)
        )
        mark = gateway.mark()
        await broker.kill()
        await gateway.logged("mqtt.disconnected", since=mark)
        await line.advisor.press("*99")
        await gateway.logged("alert.raised", since=mark, call=line.id)
        summoned = await house.floor.incoming(20)
        await summoned.answer()
        await gateway.logged("supervisor.joined", since=mark, user="fiona", mode="whisper")
        assert wallboard.alerts() == []
        await sent_for(line.patient, 1)
        await broker.start()
        await until(lambda: wallboard.alerts(call=line.id), bool, complaint="the alert did not arrive")
        await until(
            lambda: wallboard.alerts(call=line.id, state="acknowledged"),
            bool,
            complaint="the acknowledgement did not arrive",
        )
        states = [alert["state"] for alert in wallboard.alerts(call=line.id)]
        assert states == ["raised", "acknowledged"], "in order, none lost, none doubled"
        await sent_for(line.patient, 0.5)
        await summoned.hang_up()
        await line.settle(mixed=True)
        assert line.to_patient.unheard == 0
        assert line.patient.received.lost == line.advisor.received.lost == 0
        assert line.patient.received.digits() == ""
        await line.patient.hang_up()
        await until(lambda: wallboard.alerts(state="resolved"), bool, complaint="the alert was not resolved")
    figure(
        "broker killed -9, alert raised meanwhile",
        f"arrived after the restart as {', '.join(states)}; the patient's {line.to_patient.heard} packets unchanged",
    )


@needs_mosquitto
async def test_the_broker_dies_under_a_call(house: House, gateway: Gateway, broker: Mosquitto) -> None:
    line = await talking(house)
    mark = gateway.mark()
    await broker.kill()
    await gateway.logged("mqtt.disconnected", since=mark)
    await sent_for(line.patient, 0.5)
    await broker.start()
    await gateway.logged("mqtt.connected", since=mark)
    await sent_for(line.patient, 0.5)
    await unharmed(line, "the broker killed and restarted")


async def test_everything_goes_wrong_at_once(house: House, gateway: Gateway) -> None:
    """Broker away, a stalled auditor, a vanished listener; the call is not told of any of it."""
    line = await talking(house)
    async with Stalled(gateway, f"/api/calls/{line.id}/audio"):
        fiona = await house.supervise("*71")
        await sent_for(fiona, 0.5)
        fiona.vanish()
        await asyncio.gather(gateway.logged("supervisor.left", user="fiona"), sent_for(line.patient, 2))
    await unharmed(line, "no broker, a stalled auditor and a vanished listener together")
