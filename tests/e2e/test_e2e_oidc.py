"""`gateway serve` with `[web.oidc]`: a floorwalker comes by the identity provider, and the console's session works."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
from e2e_gateway import PATIENCE_S, Gateway, Ports, Settings, free_port, until
from e2e_house import House
from identity_provider import CLIENT, SECRET, IdentityProvider
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

FAY = {
    "sub": "s-fay",
    "preferred_username": "fay",
    "name": "Fay Field",
    "roles": ["111-floorwalker"],
    "teams": ["ward-7"],
}
OIDC = """[web.oidc]
issuer = "{issuer}"
client_id = "{client}"
client_secret_env = "E2E_OIDC_SECRET"
public_url = "{url}"
roles = {{ "111-floorwalker" = "floorwalker" }}
teams = {{ "ward-7" = "north" }}
"""


async def test_a_floorwalker_signs_in_through_the_provider_and_supervises(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    provider = IdentityProvider(f"{url}/api/session/oidc/callback")
    provider.claims = dict(FAY)
    await provider.start()
    settings = Settings(
        web_port=port,
        extra=OIDC.format(issuer=provider.issuer, client=CLIENT, url=url),
        environment={"E2E_OIDC_SECRET": SECRET},
    )
    gateway = Gateway(settings, Ports(free_port(), free_port(), free_port()), tmp_path)
    try:
        await asyncio.to_thread(gateway.start)
        mark = gateway.mark()
        async with (
            httpx.AsyncClient(base_url=url, timeout=PATIENCE_S, follow_redirects=True) as browser,
            House(gateway) as house,
        ):
            assert (await browser.get("/api/session")).status_code == 401
            landed = await browser.get("/api/session/oidc")
            assert (landed.status_code, landed.url.path) == (200, "/"), landed.text
            assert "<html" in landed.text
            assert [hop.status_code for hop in landed.history] == [302, 307, 303]
            await supervises(gateway, house, browser)
            assert not gateway.faults(mark)
    finally:
        code = await asyncio.to_thread(gateway.stop)
        await provider.stop()
    assert code == 0


async def supervises(gateway: Gateway, house: House, browser: httpx.AsyncClient) -> None:
    """What the console does with its cookie: who one is, duty, events, a call's audio, signing out."""
    me = (await browser.get("/api/session")).json()
    assert (me["id"], me["name"], me["roles"], me["teams"]) == (
        "fay",
        "Fay Field",
        ["floorwalker"],
        ["north"],
    )
    await gateway.logged("signin.ok", user="fay")
    assert (await browser.put("/api/duty", json={"on": True})).status_code == 403, "without its csrf"
    csrf = {"X-CSRF-Token": me["csrf"]}
    assert (await browser.put("/api/duty", json={"on": True}, headers=csrf)).status_code == 200
    line = await house.conversation("2001")
    cookie = {"Cookie": f"session={browser.cookies['session']}"}
    events = gateway.url.replace("http", "ws", 1) + "/api/events"
    audio = gateway.url.replace("http", "ws", 1) + f"/api/calls/{line.id}/audio"
    async with connect(events, additional_headers=cookie, origin=gateway.url) as watching:
        first = json.loads(await watching.recv())
        assert [call["id"] for call in first["calls"]] == [line.id]
        assert [one["user"] for one in first["duty"]] == ["fay"]
        async with connect(audio, additional_headers=cookie, origin=gateway.url) as hearing:
            assert isinstance(await hearing.recv(), str), "the header"
            for _ in range(10):
                assert isinstance(await hearing.recv(), bytes)
        await gateway.logged("feed.started", user="fay", call=line.id)
        await line.patient.hang_up()
        assert (await browser.delete("/api/session", headers=csrf)).status_code == 204
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    await watching.recv()
        except ConnectionClosed:
            assert watching.close_code == 4401, "the session is over, and its socket with it"
    assert (await browser.get("/api/session")).status_code == 401
    await until(gateway.calls, lambda calls: not calls)
