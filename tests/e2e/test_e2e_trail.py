"""The trail in a running gateway on PostgreSQL: who did what is there; the database goes down in the middle."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from databases import Postgres
from e2e_auditor import Auditor
from e2e_gateway import PATIENCE_S, TOKENS, Gateway, Ports, Settings, free_port, until
from e2e_house import FELIX, House
from websockets.asyncio.client import connect


@pytest.fixture(scope="module")
def settings(postgres: Postgres) -> Settings:
    return Settings(store_url=postgres.new_database())


@pytest.fixture
async def gateway(running: Gateway) -> AsyncIterator[Gateway]:
    """As everywhere, but that the store's outage may be in the log."""
    mark = running.mark()
    yield running
    assert running.running
    await running.idle()
    faults = [line for line in running.faults(mark) if "trail.unavailable" not in line]
    assert not faults


def trail(gateway: Gateway, *args: str) -> str:
    """`gateway trail` beside the running gateway; its output. Raises where it does not exit with 0."""
    command = [
        str(Path(sys.executable).with_name("gateway")),
        "trail",
        args[0],
        "-c",
        str(gateway.config),
        *args[1:],
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=gateway.environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def records(gateway: Gateway, call: str) -> list[dict[str, Any]]:
    """What the trail says of a call."""
    return [
        json.loads(line) for line in trail(gateway, "export", "--format", "json", "--call", call).splitlines()
    ]


async def told(gateway: Gateway, call: str, kinds: list[str]) -> list[dict[str, Any]]:
    """Wait until the trail says just this of the call."""

    async def look() -> list[dict[str, Any]]:
        return await asyncio.to_thread(records, gateway, call)

    found: list[dict[str, Any]] = await until(
        look, lambda said: len(said) >= len(kinds), complaint="the trail says less"
    )
    assert [one["kind"] for one in found] == kinds
    return found


async def test_who_did_what_and_for_how_long(house: House, gateway: Gateway) -> None:
    line = await house.conversation("2001")
    fiona = await house.supervise("*71", "2001")
    mark = gateway.mark()
    await fiona.press("5")
    await gateway.logged("supervisor.mode", since=mark)
    async with Auditor(gateway, line.id, who="arthur") as auditor:
        await until(lambda: len(auditor.frames), lambda frames: frames > 5)
    await gateway.logged("feed.ended", since=mark)
    assert await house.refused("*722001", who="9004") == 403
    await fiona.hang_up()
    await gateway.logged("supervisor.left", since=mark)
    said = await told(
        gateway,
        line.id,
        [
            "supervision.asked",
            "supervisor.joined",
            "supervisor.mode",
            "feed.asked",
            "feed.started",
            "feed.ended",
            "supervision.refused",
            "supervisor.left",
        ],
    )
    assert [one["user"] for one in said] == ["fiona"] * 3 + ["arthur"] * 4 + ["fiona"]
    assert said[-1]["duration_s"] >= said[-1]["data"]["mode_s"] > 0
    assert said[5]["duration_s"] > 0
    assert said[0]["source"].startswith("127.0.0.1:") and said[3]["source"] == "127.0.0.1"
    assert ": sound" in await asyncio.to_thread(trail, gateway, "verify")
    # The same over HTTP, for who may; and that they looked is on record.
    for who, status in (("arthur", 403), ("fiona", 403), ("mona", 200)):
        async with httpx.AsyncClient(base_url=gateway.url, timeout=PATIENCE_S) as web:
            answer = await web.get(
                f"/api/trail?call={line.id}&format=json", headers={"Authorization": f"Bearer {TOKENS[who]}"}
            )
        assert answer.status_code == status, answer.text
    seen = [json.loads(one) for one in answer.text.splitlines()]
    assert [one["kind"] for one in seen] == [*(one["kind"] for one in said), "trail.exported"]
    assert seen[-1]["user"] == "mona"
    async with httpx.AsyncClient(base_url=gateway.url, timeout=PATIENCE_S) as web:
        mona = {"Authorization": f"Bearer {TOKENS['mona']}"}
        for query in ("since=0001-01-01T00:00:00%2B14:00", "until=yesterday", "format=xml", "call=%00"):
            assert (await web.get(f"/api/trail?{query}", headers=mona)).status_code == 422, query


async def test_without_the_database_nobody_new_is_let_in_and_calls_go_on(
    house: House, gateway: Gateway, postgres: Postgres
) -> None:
    line = await house.conversation("2002")
    fiona = await house.supervise("*71", "2002")
    mark = gateway.mark()
    await asyncio.to_thread(postgres.halt)
    try:
        assert await house.refused("*712002", who=FELIX) == 503
        async with connect(gateway.websocket_url(f"/api/calls/{line.id}/audio")) as socket:
            async with asyncio.timeout(PATIENCE_S):
                await socket.wait_closed()
            assert socket.close_code == 4503
        async with httpx.AsyncClient(base_url=gateway.url, timeout=PATIENCE_S) as web:
            answer = await web.post(
                f"/api/calls/{line.id}/supervisors",
                json={"mode": "listen", "via": "web"},
                headers={"Authorization": f"Bearer {TOKENS['fiona']}"},
            )
        assert answer.status_code == 503 and "trail cannot be written" in answer.json()["error"]
        # Who is on a call already goes on, in another mode if they like; and new calls are carried.
        await fiona.press("6")
        await gateway.logged("supervisor.mode", since=mark)
        other = await house.conversation("2003")
        await other.patient.hang_up()
        await gateway.logged("call.ended", call=other.id)
        assert (await gateway.calls())[0]["id"] == line.id
    finally:
        await asyncio.to_thread(postgres.run)
    await gateway.logged("trail.written_again", since=mark)
    felix = await house.supervise("*71", "2002", who=FELIX)
    await felix.hang_up()
    await fiona.hang_up()
    await gateway.logged("supervisor.left", since=mark, user="fiona")
    await line.patient.hang_up()
    said = await asyncio.to_thread(records, gateway, line.id)
    assert [one["user"] for one in said if one["kind"] == "supervisor.mode"] == ["fiona"]
    assert {"felix", "fiona"} == {one["user"] for one in said if one["kind"] == "supervision.refused"}
    assert ": sound" in await asyncio.to_thread(trail, gateway, "verify")


async def test_whom_an_alert_rings_is_let_in_unrecorded_is_told_and_is_on_record_after_a_kill(
    tmp_path: Path, postgres: Postgres
) -> None:
    """The database is down, an advisor presses *99, fiona picks up; then the gateway is killed. Not even so is she unseen."""
    settings = Settings(store_url=postgres.new_database())
    gateway = Gateway(settings, Ports(free_port(), free_port(), free_port()), tmp_path)
    await asyncio.to_thread(gateway.start)
    try:
        async with House(gateway) as house:
            line = await house.conversation("2004")
            await asyncio.to_thread(postgres.halt)
            try:
                assert await house.refused("*712004", who=FELIX) == 503
                await line.advisor.press("*99")
                fiona = await house.floor.incoming(PATIENCE_S)
                rang = datetime.now(UTC)
                await fiona.answer()
                joined = await gateway.logged("supervisor.joined", user="fiona")
                told = await gateway.logged("supervision.unrecorded", user="fiona", call=line.id)
                assert (told["level"], told["alert"]) == ("warning", joined["alert"])
                figures = await metrics(gateway)
                assert (figures["gateway_trail_up"], figures["gateway_store_up"]) == (0, 1)
                assert figures["gateway_trail_waiting_records"] >= 4
                health = (await gateway.get("/api/system", who="adam"))["health"]["trail"]
                assert not health["ok"] and health["waiting"] >= 4
                waiting = tmp_path / "trail-waiting.jsonl"
                await until(
                    lambda: waiting.read_text() if waiting.exists() else "",
                    lambda text: "supervision.unrecorded" in text,
                )
                killed = datetime.now(UTC)
                await asyncio.to_thread(gateway.kill)
            finally:
                await asyncio.to_thread(postgres.run)
        await asyncio.to_thread(gateway.start)
        said = await until(
            lambda: asyncio.to_thread(records, gateway, line.id),
            lambda said: {"supervisor.joined", "supervision.unrecorded"} <= {one["kind"] for one in said},
        )
        (joining,) = (one for one in said if one["kind"] == "supervisor.joined")
        assert (joining["user"], joining["data"]["mode"]) == ("fiona", "whisper")
        at = datetime.fromisoformat(joining["at"]) + timedelta(milliseconds=1)  # it is cut to milliseconds
        assert rang < at < killed, "its time is when it happened"
        assert [one["user"] for one in said if one["kind"] == "supervision.asked"] == ["felix"]
        await until(lambda: waiting.exists(), lambda there: not there)
        assert ": sound" in await asyncio.to_thread(trail, gateway, "verify")
    finally:
        await asyncio.to_thread(gateway.stop)


async def metrics(gateway: Gateway) -> dict[str, float]:
    """Those without labels."""
    text = (await gateway.ask("GET", "/metrics", who="adam")).text
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines if "{" not in name}
