"""Who speaks, as the events and the snapshot tell it: by level in every call, by a voice detector where somebody listens."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import websockets
from e2e_auditor import Auditor
from e2e_checks import tone
from e2e_gateway import Gateway
from e2e_house import House


async def told(socket: Any, kind: str, holds: Any, timeout_s: float = 20.0) -> dict[str, Any]:
    """The first event of a kind whose data holds."""
    async with asyncio.timeout(timeout_s):
        while True:
            event = json.loads(await socket.recv())
            if event.get("kind") == kind and holds(event["data"]):
                return event


async def test_who_speaks_is_told_to_the_board(house: House, gateway: Gateway) -> None:
    line = await house.conversation()
    async with websockets.connect(gateway.websocket_url("/api/events"), max_size=None) as socket:
        line.patient.say("patient-chest-pain", loop=True)
        event = await told(socket, "call.talk", lambda data: data["talking"] == "caller")
        assert event["call"] == line.id and event["data"]["team"] == "north"
        await told(socket, "talk.levels", lambda data: data["levels"].get(line.id, [-96])[0] > -40)
        line.advisor.say("patient-chest-pain", loop=True)
        await told(socket, "call.talk", lambda data: data["overtalks"] >= 1)
        async with Auditor(gateway, line.id):
            # A steady low note is loud, and no speech: only the voice detector knows.
            line.patient.say(tone(400, 1.0), loop=True)
            line.advisor.be_quiet()
            await told(socket, "talk.levels", lambda data: data["levels"].get(line.id, [-96])[0] > -20)
            await told(socket, "call.talk", lambda data: data["talking"] == "nobody")
    snapshot = await gateway.get(f"/api/calls/{line.id}")
    assert snapshot["talk"]["seconds"]["caller"] > 0
    assert not gateway.events("call.talk"), "the log is not filled with it"
