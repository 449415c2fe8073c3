"""Audio for tools that exist: Twilio's dialect, asked for or sent by the gateway itself to a real server, and Opus."""

from __future__ import annotations

import asyncio
import contextlib
import json
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import websockets
from e2e_checks import strength, tone
from e2e_gateway import Gateway, Settings, free_port, until
from e2e_house import House, heard_more
from websockets.asyncio.server import ServerConnection

from simulators import g711

PORT = free_port()
PATIENT_HZ, ADVISOR_HZ, LEVEL = 400, 700, 6_000


@pytest.fixture(scope="module")
def settings() -> Settings:
    """Streams of team north go to a server here; those of team south to another name."""
    return Settings(
        extra=f'[[audit.stream]]\nname = "notes"\nurl = "ws://127.0.0.1:{PORT}/media"\nteams = ["north"]\n'
        f'token_env = "E2E_STREAM_TOKEN"',
        environment={"E2E_STREAM_TOKEN": "stream-token-0123456789abcdef"},
    )


class Peer:
    """A transcription service: takes Twilio's messages and keeps the audio of each track."""

    def __init__(self) -> None:
        self.connections: list[ServerConnection] = []
        self.streams: list[list[dict[str, Any]]] = []

    async def take(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        told: list[dict[str, Any]] = []
        self.streams.append(told)
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                told.append(json.loads(await connection.recv()))


@contextlib.asynccontextmanager
async def serving(peer: Peer) -> AsyncIterator[None]:
    async with websockets.serve(peer.take, "127.0.0.1", PORT):
        yield


def track(told: list[dict[str, Any]], name: str) -> np.ndarray:
    parts = [
        b64decode(m["media"]["payload"])
        for m in told
        if m["event"] == "media" and m["media"]["track"] == name
    ]
    return g711.decode(b"".join(parts), "PCMU")


def assert_is_the_call(told: list[dict[str, Any]], call: str) -> None:
    assert [m["event"] for m in told[:2]] == ["connected", "start"]
    assert told[1]["start"]["callSid"] == call
    numbers = [int(m["sequenceNumber"]) for m in told[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
    for name, own, other in (("inbound", PATIENT_HZ, ADVISOR_HZ), ("outbound", ADVISOR_HZ, PATIENT_HZ)):
        audio = track(told, name)
        assert strength(audio, own) > 0.8 * LEVEL and strength(audio, other) < 0.05 * LEVEL


async def test_a_call_is_streamed_to_the_configured_server_and_again_when_it_returns(
    house: House, gateway: Gateway
) -> None:
    peer, mark = Peer(), gateway.mark()
    async with serving(peer):
        line = await house.conversation()
        line.patient.say(tone(PATIENT_HZ, 1.0, LEVEL), loop=True)
        line.advisor.say(tone(ADVISOR_HZ, 1.0, LEVEL), loop=True)
        await until(lambda: len(peer.streams and peer.streams[0]), lambda n: n > 150, complaint="no stream")
        assert peer.connections[0].request.headers["Authorization"] == "Bearer stream-token-0123456789abcdef"
        assert_is_the_call(peer.streams[0], line.id)
        snapshot = await gateway.get(f"/api/calls/{line.id}")
        assert [feed["user"] for feed in snapshot["feeds"]] == ["notes"]
        await gateway.logged("feed.started", since=mark, user="notes", call=line.id)
    await gateway.logged("stream.lost", since=mark, stream="notes")
    await gateway.logged("feed.ended", since=mark, user="notes")
    again = Peer()
    async with serving(again):
        await until(lambda: len(again.streams and again.streams[0]), lambda n: n > 150, complaint="not again")
        assert_is_the_call(again.streams[0], line.id)
        await line.patient.hang_up()
        await until(lambda: again.streams[0][-1]["event"], lambda event: event == "stop", complaint="no stop")


async def test_a_call_of_another_team_is_not_streamed(house: House, gateway: Gateway) -> None:
    peer, mark = Peer(), gateway.mark()
    async with serving(peer):
        line = await house.conversation("2901")
        await heard_more(line.patient, 30)
        await line.patient.hang_up()
        await gateway.logged("call.ended", since=mark, call=line.id)
    assert peer.streams == [] and not gateway.events("feed.started", since=mark)


async def test_twilios_dialect_may_be_asked_for(house: House, gateway: Gateway) -> None:
    line = await house.conversation("2901")
    line.patient.say(tone(PATIENT_HZ, 1.0, LEVEL), loop=True)
    line.advisor.say(tone(ADVISOR_HZ, 1.0, LEVEL), loop=True)
    await asyncio.gather(heard_more(line.patient), heard_more(line.advisor))
    url = gateway.websocket_url(f"/api/calls/{line.id}/audio?protocol=twilio")
    async with websockets.connect(url) as socket:
        told = [json.loads(await socket.recv()) for _ in range(150)]
    assert_is_the_call(told, line.id)


async def test_opus_at_16_khz_is_what_was_said(house: House, gateway: Gateway) -> None:
    from native.transcoder import Transcoder

    line = await house.conversation("2901")
    line.patient.say(tone(PATIENT_HZ, 1.0, LEVEL), loop=True)
    await heard_more(line.advisor)
    query = "?encoding=opus&channels=caller&rate=16000"
    decoder, heard = Transcoder("opus"), []
    async with websockets.connect(gateway.websocket_url(f"/api/calls/{line.id}/audio{query}")) as socket:
        header = json.loads(await socket.recv())
        assert (header["encoding"], header["rate"]) == ("opus", 16_000)
        for _ in range(50):
            message = await socket.recv()
            assert isinstance(message, bytes)
            heard.append(decoder.decode(np.frombuffer(message[16:], np.uint8)))
    audio = np.concatenate(heard)[::2].astype(np.int16)
    assert strength(audio, PATIENT_HZ) > 0.8 * LEVEL
