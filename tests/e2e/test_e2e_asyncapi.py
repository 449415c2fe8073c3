"""docs/asyncapi.yaml says what is really sent: every text of a call that is supervised, heard, streamed and in alarm."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import aiomqtt
import jsonschema_rs
import pytest
import websockets
import yaml
from e2e_broker import ROOT_TOPIC, Wallboard
from e2e_browser import Browser
from e2e_gateway import ROOT, Gateway, Settings, free_port, until
from e2e_house import House, heard_more
from mosquitto import Mosquitto, needs_mosquitto

BROKER_PORT = free_port()
DESCRIBED: dict[str, Any] = yaml.safe_load((Path(ROOT) / "docs" / "asyncapi.yaml").read_text())
KINDS = {
    "call.answered",
    "call.changed",
    "call.ended",
    "supervisor.joined",
    "supervisor.mode",
    "supervisor.left",
    "supervision.refused",
    "feed.started",
    "feed.ended",
    "alert.raised",
    "alert.acknowledged",
    "call.talk",
    "talk.levels",
    "duty.changed",
    "help.raised",
    "help.answered",
    "help.closed",
}


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(mqtt_url=f"mqtt://127.0.0.1:{BROKER_PORT}")


def check(name: str, told: Any) -> None:
    """Raises AssertionError where a message is not as it is described."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": DESCRIBED["components"]}
    validator = jsonschema_rs.Draft202012Validator(schema)
    errors = [f"{list(error.instance_path)}: {error.message}" for error in validator.iter_errors(told)]
    assert not errors, f"{name}: {errors} in {json.dumps(told)[:1000]}"


def resolve(reference: str) -> Any:
    found: Any = DESCRIBED
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def references(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [found for value in part.values() for found in references(value)]
    return [found for value in part for found in references(value)] if isinstance(part, list) else []


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    found = references(DESCRIBED)
    assert len(found) > 60
    for reference in found:
        resolve(reference)
    for schema in DESCRIBED["components"]["schemas"]:
        wrapped = {"$ref": f"#/components/schemas/{schema}", "components": DESCRIBED["components"]}
        jsonschema_rs.Draft202012Validator(wrapped)
    with pytest.raises(AssertionError):
        check("mode", {"type": "mode", "mode": "shout"})


class Watched:
    """Every event that a floorwalker is told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def kinds(self) -> set[str]:
        return {event["kind"] for event in self.told if event["type"] == "event"}

    async def watch(self, url: str) -> None:
        async with websockets.connect(url, max_size=None) as socket:
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    self.told.append(json.loads(await socket.recv()))


async def texts(url: str, frames: int) -> list[dict[str, Any]]:
    """The texts of a feed until so many messages have come."""
    async with websockets.connect(url) as socket:
        messages = [await socket.recv() for _ in range(frames)]
    return [json.loads(message) for message in messages if isinstance(message, str)]


@needs_mosquitto
async def test_what_is_sent_is_what_is_described(house: House, gateway: Gateway, broker: Mosquitto) -> None:
    watched = Watched()
    watching = asyncio.create_task(watched.watch(gateway.websocket_url("/api/events")))
    async with Wallboard(broker.port) as wallboard:
        await until(lambda: watched.told, bool, complaint="no snapshot")

        def topics(level: str) -> list[str]:
            return [topic for topic, told in wallboard.seen if told and topic.startswith(f"{level}/")]

        line = await house.conversation()
        line.patient.say("patient-chest-pain", loop=True)
        audio = f"/api/calls/{line.id}/audio"
        native = await texts(gateway.websocket_url(f"{audio}?rate=16000&history=1"), 60)
        twilio = await texts(gateway.websocket_url(f"{audio}?protocol=twilio"), 20)
        async with Browser(gateway, line.id, "listen") as fiona:
            await fiona.change("whisper")
            await fiona.heard_more(5)
            await until(lambda: fiona.told, bool, complaint="no word of the mode")
        await gateway.ask("PUT", "/api/duty", {"on": True})
        asked = (await gateway.ask("POST", "/api/help", {"reason": "which pathway?"}, who="adv1")).json()
        await gateway.ask("POST", f"/api/help/{asked['id']}/answer")
        await until(lambda: topics("help"), bool, complaint="no request for help on the broker")
        await gateway.ask("DELETE", f"/api/help/{asked['id']}")
        await gateway.ask("PUT", "/api/duty", {"on": False})
        arthur = Browser(gateway, line.id, "whisper", "arthur")
        await arthur.ask("POST", f"/api/calls/{line.id}/supervisors", mode="whisper", via="web")
        async with aiomqtt.Client("127.0.0.1", broker.port) as button:
            press = {"advisor": "adv1", "reason": "button", "id": "press-1"}
            check("raise", press)
            await button.publish(f"{ROOT_TOPIC}alert/raise", json.dumps(press), qos=1)
            await button.publish(f"{ROOT_TOPIC}alert/raise", json.dumps({"advisr": "adv1"}), qos=1)
            (raised, *_) = await until(lambda: wallboard.alerts(state="raised"), bool, complaint="no alert")
            settle = {"user": "fiona"}
            check("settle", settle)
            await button.publish(f"{ROOT_TOPIC}alert/{raised['id']}/acknowledge", json.dumps(settle), qos=1)
            await until(lambda: wallboard.alerts(state="acknowledged"), bool, complaint="not acknowledged")
            await button.publish(f"{ROOT_TOPIC}alert/{raised['id']}/resolve", json.dumps(settle), qos=1)
            await until(lambda: wallboard.alerts(state="resolved"), bool, complaint="not resolved")
        await heard_more(line.patient, 5)
        await line.patient.hang_up()
        await until(
            lambda: KINDS - watched.kinds(), lambda missing: not missing, complaint="events are missing"
        )
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    for event in watched.told:
        check({"snapshot": "snapshot", "missed": "missedEvents"}.get(event["type"], "event"), event)
    for told in native:
        check(told["type"], told)
    assert native[0]["type"] == "start" and native[0]["rate"] == 16_000
    for told in twilio:
        check("twilio", told)
    check("headsetStart", fiona.header)
    for told in fiona.told:
        check(told["type"], told)
    assert {"mode"} <= {told["type"] for told in fiona.told}
    described = {"gateway": "status", "call": "mqttCall", "alert": "mqttAlert", "help": "mqttHelp"}
    seen = set()
    for topic, told in wallboard.seen:
        level, last = topic.split("/")[0], topic.split("/")[-1]
        name = (
            "refused" if last == "refused" else described.get(level) if last in ("state", "status") else None
        )
        if told and name:
            seen.add(name)
            check(name, told)
    assert seen == {"status", "mqttCall", "mqttAlert", "mqttHelp", "refused"}
