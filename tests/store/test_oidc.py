"""Signing in by a real little identity provider, over HTTP with real signatures."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from identity_provider import CLIENT, SECRET, IdentityProvider
from joserfc.jwk import RSAKey

from gateway.accounts.claims import user_of
from gateway.accounts.oidc import Provider
from gateway.accounts.sessions import Sessions
from gateway.accounts.signin import SignIn
from gateway.accounts.users import Users
from gateway.calls.exchange import Exchange
from gateway.config.model import Config, Oidc, Store
from gateway.core.errors import BadCredentials, Unavailable
from gateway.feeds.hub import Hub
from gateway.store import Database
from gateway.web.oidc import oidc_router
from gateway.web.server import WebServer, serve_web

ROLES = {"111-fw": "floorwalker", "111-audit": "auditor"}
FAY: dict[str, Any] = {
    "sub": "s-fay",
    "preferred_username": "fay",
    "name": "Fay Field",
    "roles": ["111-fw", "something else"],
    "teams": ["ward-7", "ward-8"],
}


class Nothing:
    """No signalling and no media: nobody calls here."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


@dataclass
class House:
    web: WebServer
    provider: IdentityProvider
    users: Users

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.web.url, timeout=30)

    async def to_provider(self, browser: httpx.AsyncClient) -> str:
        """Begin; where the provider sends the browser back to."""
        begun = await browser.get("/api/session/oidc")
        assert begun.status_code == 302, begun.text
        async with httpx.AsyncClient() as elsewhere:
            sent = await elsewhere.get(begun.headers["location"])
        assert sent.status_code == 307, sent.text
        return str(sent.headers["location"])

    async def sign_in(self, browser: httpx.AsyncClient) -> httpx.Response:
        return await browser.get(await self.to_provider(browser))


@pytest.fixture
def empty_store(tmp_path: Path) -> Store:
    """SQLite alone: what of this is the database's business, test_accounts asks of both."""
    return Store(url=f"sqlite:///{tmp_path}/gateway.db")


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    exchange = Exchange(Config(), Nothing(), Nothing())  # type: ignore[arg-type]
    hub, users = Hub(exchange), Users(database)
    sign_in = SignIn(users, Sessions(database, lambda _: None), lambda _: None, lambda kind, facts: None)
    # The provider must know where to send people before the gateway is there, and the other way round.
    routers: list[Any] = []
    web = await serve_web(("127.0.0.1", 0), exchange, {}.get, hub, sign_ins=sign_in, routers=routers)
    provider = IdentityProvider(f"{web.url}/api/session/oidc/callback")
    await provider.start()
    provider.claims = dict(FAY)
    settings = Oidc(
        issuer=provider.issuer,
        client_id=CLIENT,
        client_secret_env="S",
        public_url=web.url,
        roles=ROLES,
        teams={"ward-7": "north"},
        default_teams=("lobby",),
    )
    web.app.include_router(oidc_router(Provider(settings, SECRET), sign_in))
    yield House(web, provider, users)
    await provider.stop()
    hub.stop()
    await web.stop()


async def test_signing_in(house: House) -> None:
    async with house.browser() as browser:
        done = await house.sign_in(browser)
        assert (done.status_code, done.headers["location"]) == (303, "/")
        told = (await browser.get("/api/session")).json()
        assert (told["id"], told["name"]) == ("fay", "Fay Field")
        assert (told["roles"], told["teams"]) == (["floorwalker"], ["north"])
        assert "oidc" not in browser.cookies
    asked = house.provider.asked[0]
    assert (
        asked["code_challenge_method"] == "S256" and len(asked["nonce"]) >= 32 and len(asked["state"]) >= 32
    )


async def test_the_next_time_what_has_changed_there_is_changed_here(house: House) -> None:
    async with house.browser() as browser:
        await house.sign_in(browser)
        house.provider.claims |= {"roles": ["111-audit"], "teams": [], "name": "Fay F"}
        await house.sign_in(browser)
        told = (await browser.get("/api/session")).json()
        assert (told["name"], told["roles"], told["teams"]) == ("Fay F", ["auditor"], ["lobby"])
        await house.users.set_disabled("fay", True)
        assert (await browser.get("/api/session")).status_code == 401
        assert (await house.sign_in(browser)).status_code == 401


async def test_a_provider_that_has_changed_its_keys_is_still_believed(house: House) -> None:
    async with house.browser() as browser:
        assert (await house.sign_in(browser)).status_code == 303
        house.provider.change_keys()
        assert (await house.sign_in(browser)).status_code == 303


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": None},
        {"iss": "http://127.0.0.1:1"},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"sub": None},
        {"azp": "another"},
        {"roles": ["none of ours"]},
        {"roles": None},
        {"preferred_username": "///", "sub": "//"},
    ],
)
async def test_a_token_that_is_not_as_it_must_be_signs_nobody_in(
    house: House, changed: dict[str, Any]
) -> None:
    house.provider.changed = changed
    async with house.browser() as browser:
        answer = await house.sign_in(browser)
        assert answer.status_code == 401, answer.text
        assert "session" not in browser.cookies
    assert await house.users.all() == []


async def test_a_token_that_somebody_else_has_signed_signs_nobody_in(house: House) -> None:
    published = house.provider.key.as_pem(private=False)
    forgeries = [
        (RSAKey.generate_key(2048, {"kid": "1"}, private=True), "RS256"),
        # The old trick: the public key as an HMAC's secret.
        (published, "HS256"),
        (b"", "none"),
    ]
    async with house.browser() as browser:
        for house.provider.signing_key, house.provider.algorithm in forgeries:
            answer = await house.sign_in(browser)
            assert answer.status_code == 401, house.provider.algorithm
            assert "session" not in browser.cookies


async def test_only_the_browser_that_began_comes_in_and_only_once(house: House) -> None:
    async with house.browser() as mine, house.browser() as other:
        back = await house.to_provider(mine)
        assert (await other.get(back)).status_code == 401
        await other.get("/api/session/oidc")
        assert (await other.get(back)).status_code == 401
        state = parse_qs(urlsplit(back).query)["state"][0]
        assert (await mine.get(f"/api/session/oidc/callback?state={state}x&code=1")).status_code == 401
        cookie = mine.cookies["oidc"]
        assert (await mine.get(back)).status_code == 303
        mine.cookies.set("oidc", cookie, path="/api/session/oidc")
        assert (await mine.get(back)).status_code == 401
        assert (await other.get("/api/session/oidc/callback")).status_code == 401


async def test_a_wrong_code_and_a_refusal_there(house: House) -> None:
    async with house.browser() as browser:
        begun = await browser.get("/api/session/oidc")
        state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
        answer = await browser.get(f"/api/session/oidc/callback?state={state}&code=wrong")
        assert (answer.status_code, answer.json()["error"]) == (
            401,
            "the identity provider did not take the code",
        )
        house.provider.error = "access_denied"
        answer = await house.sign_in(browser)
        assert (answer.status_code, answer.json()["error"]) == (
            401,
            "the identity provider did not let you in",
        )


async def test_a_provider_that_does_not_answer_as_it_should_is_503(house: House) -> None:
    issuer = house.provider.issuer
    port = urlsplit(issuer).port
    settings = Oidc(
        issuer=f"http://127.0.0.1:{port}/nothing-here", client_id=CLIENT, public_url=issuer, roles=ROLES
    )
    with pytest.raises(Unavailable, match="does not answer"):
        await Provider(settings, None).begin()
    async with house.browser() as browser:
        await house.provider.stop()
        assert (await browser.get("/api/session/oidc")).status_code == 503


def test_roles_from_a_nested_claim_and_from_words() -> None:
    def settings(claim: str) -> Oidc:
        return Oidc(issuer="https://i", client_id="c", public_url="https://g", roles=ROLES, roles_claim=claim)

    nested = {"sub": "x y", "realm_access": {"roles": ["111-audit"]}}
    user = user_of(nested, settings("realm_access.roles"))
    assert (user.id, user.roles, user.teams) == ("x-y", frozenset({"auditor"}), frozenset())
    assert user_of({"sub": "x", "scope": "a 111-fw"}, settings("scope")).roles == frozenset({"floorwalker"})
    dotted = {"sub": "x", "https://a.example/roles": ["111-fw"]}
    assert user_of(dotted, settings("https://a.example/roles")).roles == frozenset({"floorwalker"})
    for claims in (
        {"sub": "x", "roles": [["111-fw"]]},
        {"sub": "x", "roles": {"111-fw": 1}},
        {"roles": ["111-fw"]},
    ):
        with pytest.raises(BadCredentials):
            user_of({**claims, "sub": claims.get("sub", "")}, settings("roles"))
