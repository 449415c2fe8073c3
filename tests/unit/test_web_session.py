"""`/api/session` as a browser meets it: cookies, CSRF, WebSockets, sign-out; against the real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from feed_fakes import FLOORWALKER, TOKENS, FakeControl
from websockets.asyncio.client import connect

from gateway.accounts.passwords import hashed
from gateway.accounts.sessions import Sessions
from gateway.accounts.signin import SignIn
from gateway.accounts.users import Users
from gateway.config.model import Store
from gateway.core.permissions import User
from gateway.feeds.hub import Hub
from gateway.store import Database
from gateway.store.migrating import migrate
from gateway.store.place import store_url
from gateway.web import revocation
from gateway.web.server import WebServer, serve_web

PASSWORD = "correct horse battery"
ANN = User("ann", "Ann", None, frozenset({"floorwalker"}), frozenset({"*"}))


@dataclass
class House:
    web: WebServer
    users: Users
    control: FakeControl

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.web.url)

    async def signed_in(self, browser: httpx.AsyncClient) -> str:
        """The csrf."""
        answer = await browser.post("/api/session", json={"user": "ann", "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["csrf"])

    def socket(self, browser: httpx.AsyncClient, origin: str | None) -> connect:
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        url = self.web.url.replace("http", "ws") + "/api/events"
        return connect(url, additional_headers={"Cookie": cookies}, origin=origin)


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(revocation.Revocation.__init__, "__defaults__", (0.05,))
    database = Database(store_url(Store(state_directory=str(tmp_path))))
    await migrate(database)
    users = Users(database)
    await users.add(ANN, password=hashed(PASSWORD))
    tokens = TOKENS.get
    sign_in = SignIn(
        users,
        Sessions(database, lambda name: FLOORWALKER if name == FLOORWALKER.id else None),
        tokens,
        lambda kind, facts: None,
    )
    control = FakeControl(asyncio.get_running_loop().time)
    hub = Hub(control)
    web = await serve_web(("127.0.0.1", 0), control, tokens, hub, sign_ins=sign_in)
    yield House(web, users, control)
    hub.stop()
    await web.stop()
    await database.close()


async def test_signing_in_and_out(house: House) -> None:
    async with house.browser() as browser:
        assert (await browser.get("/api/session")).status_code == 401
        answer = await browser.post("/api/session", json={"user": "ann", "password": PASSWORD})
        told = answer.json()
        assert told == {
            "id": "ann",
            "name": "Ann",
            "roles": ["floorwalker"],
            "teams": ["*"],
            "actions": told["actions"],
            "csrf": told["csrf"],
        }
        assert "whisper" in told["actions"] and "administer" not in told["actions"]
        set_cookies = answer.headers.get_list("set-cookie")
        assert [cookie.partition("=")[0] for cookie in set_cookies] == ["session", "device"]
        for cookie in set_cookies:
            assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Secure" not in cookie
        assert answer.headers["cache-control"] == "no-store"
        assert (await browser.get("/api/session")).json() == told
        assert len((await browser.get("/api/calls")).json()) == 2
        gone = await browser.delete("/api/session", headers={"X-CSRF-Token": told["csrf"]})
        assert gone.status_code == 204
        browser.cookies.clear()
        browser.cookies.set("session", set_cookies[0].partition("=")[2].partition(";")[0])
        assert (await browser.get("/api/calls")).json()["error"] == "signed out"


async def test_a_bearer_token_needs_no_csrf_and_is_told_none(house: House) -> None:
    async with house.browser() as browser:
        bearer = {"Authorization": "Bearer tok-floorwalker"}
        told = (await browser.get("/api/session", headers=bearer)).json()
        assert (told["id"], told["csrf"]) == (FLOORWALKER.id, None)
        assert (await browser.post("/api/alerts", json={}, headers=bearer)).status_code == 201
        assert (await browser.delete("/api/session", headers=bearer)).status_code == 401


async def test_a_user_of_the_configuration_signs_in_with_their_token(house: House) -> None:
    async with house.browser() as browser:
        given = {"user": FLOORWALKER.id, "password": "tok-floorwalker"}
        assert (await browser.post("/api/session", json=given)).json()["id"] == FLOORWALKER.id
        assert (await browser.get("/api/session")).json()["id"] == FLOORWALKER.id


@pytest.mark.parametrize(
    ("headers", "status", "error"),
    [
        ({}, 403, "the X-CSRF-Token is missing or wrong"),
        ({"X-CSRF-Token": "wrong"}, 403, "the X-CSRF-Token is missing or wrong"),
        ({"X-CSRF-Token": "CSRF", "Origin": "http://evil.example"}, 403, "a page from elsewhere asks"),
        ({"X-CSRF-Token": "CSRF", "Origin": "null"}, 403, "a page from elsewhere asks"),
        ({"X-CSRF-Token": "CSRF", "Origin": "OWN"}, 201, ""),
        ({"X-CSRF-Token": "CSRF"}, 201, ""),
    ],
)
async def test_a_cookie_alone_changes_nothing(
    house: House, headers: dict[str, str], status: int, error: str
) -> None:
    async with house.browser() as browser:
        csrf = await house.signed_in(browser)
        own = {"CSRF": csrf, "OWN": house.web.url}
        sent = {name: own.get(value, value) for name, value in headers.items()}
        answer = await browser.post("/api/alerts", json={}, headers=sent)
        assert answer.status_code == status
        assert bool(house.control.asked) is (status == 201)
        if error:
            assert answer.json()["error"].startswith(error)


async def test_a_page_from_elsewhere_cannot_sign_a_browser_in(house: House) -> None:
    async with house.browser() as browser:
        given = {"user": "ann", "password": PASSWORD}
        answer = await browser.post("/api/session", json=given, headers={"Origin": "http://evil.example"})
        assert answer.status_code == 403
        assert not browser.cookies


@pytest.mark.parametrize("origin", ["http://evil.example", "null", None, "http://127.0.0.1:1"])
async def test_a_websocket_from_a_page_elsewhere_is_refused(house: House, origin: str | None) -> None:
    async with house.browser() as browser:
        await house.signed_in(browser)
        async with house.socket(browser, origin) as socket, asyncio.timeout(10):
            await socket.wait_closed()
            assert socket.close_code == 4403


async def test_an_open_websocket_ends_when_its_user_is_disabled(house: House) -> None:
    async with house.browser() as browser:
        await house.signed_in(browser)
        async with house.socket(browser, house.web.url) as socket, asyncio.timeout(10):
            await socket.recv()
            await house.users.set_disabled("ann", True)
            await socket.wait_closed()
            assert (socket.close_code, socket.close_reason) == (4401, "signed out")
        assert (await browser.get("/api/calls")).status_code == 401


async def test_guessing_is_answered_with_429_and_when_to_come_back(house: House) -> None:
    async with house.browser() as browser:
        given = {"user": "ann", "password": "not the right one"}
        codes = [(await browser.post("/api/session", json=given)).status_code for _ in range(6)]
        assert codes == [401] * 5 + [429]
        answer = await browser.post("/api/session", json=given)
        assert 1 <= int(answer.headers["retry-after"]) <= 60


async def test_a_forwarded_address_is_not_believed_of_everybody(house: House) -> None:
    given = {"user": "ann", "password": "not the right one"}
    async with house.browser() as browser:
        for n in range(5):
            await browser.post("/api/session", json=given, headers={"X-Forwarded-For": f"192.0.2.{n}"})
        answer = await browser.post("/api/session", json=given, headers={"X-Forwarded-For": "192.0.2.9"})
        assert answer.status_code == 429
