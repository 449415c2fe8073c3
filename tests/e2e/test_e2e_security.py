"""The web side of a running gateway under attack. The list of routes and sockets is the gateway's own, so that a new one is
covered as soon as it is there. Nothing may answer 500, whatever is sent.
"""

from __future__ import annotations

import asyncio
import re
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from e2e_gateway import PATIENCE_S, TOKENS, Gateway, Settings
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from gateway.core.permissions import ROLE_ACTIONS

ROLES = sorted(ROLE_ACTIONS)
BY_ROLE = {role: f"role-{role}-" + "0123456789abcdef" * 2 for role in ROLES}
PUBLIC = {("get", "/healthz"), ("get", "/readyz"), ("post", "/api/session")}
"""What needs no credential, besides what OpenID Connect needs before one has any."""
PUBLIC_UNDER = "/api/session/oidc"
BODIES: tuple[Any, ...] = ({}, "x", {"mode": "listen", "via": "web", "on": True, "call": "c-1", "form": "f"})


def _more() -> str:
    return "\n".join(
        f'[[user]]\nid = "role-{role}"\nroles = ["{role}"]\nteams = ["north"]\ntoken_env = "E2E_ROLE_{role.upper()}"'
        for role in ROLES
    )


@pytest.fixture(scope="module")
def settings() -> Settings:
    tokens = {f"E2E_ROLE_{role.upper()}": token for role, token in BY_ROLE.items()}
    return Settings(extra=_more(), environment=tokens)


@pytest.fixture
async def gateway(running: Gateway) -> AsyncIterator[Gateway]:
    """The module's gateway; after each test it must still answer and have logged no fault of the web side."""
    mark = running.mark()
    yield running
    assert running.running
    async with httpx.AsyncClient(base_url=running.url, timeout=PATIENCE_S) as client:
        assert (await client.get("/healthz")).status_code == 200
    assert not [line for line in running.faults(mark) if "web.fault" in line or '"exception"' in line]


@pytest.fixture(scope="module")
def described(running: Gateway) -> dict[str, Any]:
    """The gateway's own description."""
    answer = httpx.get(running.url + "/api/openapi.json", timeout=PATIENCE_S)
    found = answer.json()
    assert isinstance(found, dict)
    return found


def operations(described: dict[str, Any]) -> list[tuple[str, str]]:
    found = [
        (verb, path)
        for path, verbs in described["paths"].items()
        for verb in verbs
        if verb in ("get", "post", "put", "patch", "delete")
    ]
    assert len(found) > 15
    return found


def guarded(described: dict[str, Any]) -> list[tuple[str, str]]:
    """Those that need a credential."""
    return [one for one in operations(described) if one not in PUBLIC and not one[1].startswith(PUBLIC_UNDER)]


def filled(path: str, value: str = "c-1") -> str:
    return re.sub(r"{[^}]*}", value, path)


async def sign_in(gateway: Gateway, client: httpx.AsyncClient, who: str = "fiona") -> str:
    """The csrf."""
    answer = await client.post("/api/session", json={"user": who, "password": TOKENS[who]})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["csrf"])


def client_of(gateway: Gateway, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=PATIENCE_S)


# ── credentials ──


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic ZmlvbmE6eA=="},
        {"Authorization": "Bearer " + TOKENS["fiona"][:-1]},
        {"Cookie": "session=wrong"},
        {"Cookie": 'session="\\000"; session=x'},
        {"X-CSRF-Token": "x", "Cookie": "session="},
    ],
)
async def test_no_route_answers_without_a_credential_or_with_a_wrong_one(
    gateway: Gateway, described: dict[str, Any], headers: dict[str, str]
) -> None:
    async with client_of(gateway, **headers) as client:
        for verb, path in guarded(described):
            answer = await client.request(verb, filled(path), json={})
            assert answer.status_code == 401, (verb, path, answer.status_code, answer.text)
            assert answer.json()["error"] and TOKENS["fiona"] not in answer.text


async def test_no_route_answers_to_a_session_that_is_over(
    gateway: Gateway, described: dict[str, Any]
) -> None:
    async with client_of(gateway) as client:
        csrf = await sign_in(gateway, client)
        assert (await client.get("/api/calls")).status_code == 200
        # Its time is made to have passed where it is kept.
        with closing(sqlite3.connect(gateway.config.parent / "gateway.db", timeout=PATIENCE_S)) as database:
            database.execute("UPDATE sessions SET ends_at = '2020-01-01 00:00:00.000000'")
            database.commit()
        for verb, path in guarded(described):
            answer = await client.request(verb, filled(path), json={}, headers={"X-CSRF-Token": csrf})
            assert answer.status_code == 401, (verb, path, answer.text)


async def test_a_cookie_alone_changes_nothing(gateway: Gateway, described: dict[str, Any]) -> None:
    async with client_of(gateway) as client:
        csrf = await sign_in(gateway, client)
        for verb, path in guarded(described):
            if verb == "get":
                continue
            for headers in (
                {},
                {"X-CSRF-Token": "x"},
                {"X-CSRF-Token": csrf, "Origin": "https://evil.example"},
            ):
                answer = await client.request(verb, filled(path), json={}, headers=headers)
                assert answer.status_code == 403, (verb, path, headers, answer.text)
        assert (await client.get("/api/session")).status_code == 200


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_on_each_route_is_answered_and_never_with_500(
    gateway: Gateway, described: dict[str, Any], role: str
) -> None:
    async with client_of(gateway, Authorization=f"Bearer {BY_ROLE[role]}") as client:
        for verb, path in guarded(described):
            for body in BODIES if verb != "get" else (None,):
                answer = await client.request(verb, filled(path), json=body)
                assert answer.status_code < 500, (verb, path, body, answer.text)
                assert answer.status_code != 401 or path == "/api/session"


REFUSED = {
    ("get", "/api/calls"): "watch",
    ("get", "/api/alerts"): "watch",
    ("post", "/api/alerts"): "raise",
    ("put", "/api/duty"): "duty",
    ("get", "/api/system"): "system",
}
"""Routes without a call in them, and the action that they need."""


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_that_lacks_the_action_is_refused(
    gateway: Gateway, described: dict[str, Any], role: str
) -> None:
    known = set(operations(described))
    async with client_of(gateway, Authorization=f"Bearer {BY_ROLE[role]}") as client:
        for (verb, path), action in REFUSED.items():
            if (verb, path) not in known or action in {held.value for held in ROLE_ACTIONS[role]}:
                continue
            body = {"on": True, "clinical": False, "teams": ["north"]} if path == "/api/duty" else {}
            answer = await client.request(verb, path, json=body)
            assert answer.status_code == 403, (role, verb, path, answer.text)


# ── sockets ──


def sockets(described: dict[str, Any]) -> list[str]:
    found = [filled(path) for path in described["x-websockets"]]
    assert "/api/events" in found and len(found) >= 3
    return found


async def closed_with(gateway: Gateway, path: str, **options: Any) -> tuple[int, str]:
    """How the gateway ends a socket by itself; 0 where it lets it be."""
    try:
        async with connect(gateway.url.replace("http", "ws") + path, **options) as opened:
            async with asyncio.timeout(2 if options.get("lenient") else PATIENCE_S):
                while True:
                    await opened.recv()
    except ConnectionClosed as closed:
        return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (0, "")


@pytest.mark.parametrize("token", ["", "wrong", TOKENS["fiona"][:-1]])
async def test_no_socket_opens_without_a_credential_or_with_a_wrong_one(
    gateway: Gateway, described: dict[str, Any], token: str
) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    for path in sockets(described):
        for where, options in (
            (path, {"additional_headers": headers}),
            (f"{path}?token={token}", {}),
            (path, {"subprotocols": [f"bearer.{token}"]} if token else {}),
            (path, {"additional_headers": {"Cookie": f"session={token}"}}),
        ):
            code, reason = await closed_with(gateway, where, **options)
            assert code == 4401, (path, code, reason)


async def test_no_socket_opens_for_a_page_from_elsewhere_or_a_session_that_is_over(
    gateway: Gateway, described: dict[str, Any]
) -> None:
    async with client_of(gateway) as client:
        csrf = await sign_in(gateway, client)
        cookie = {"Cookie": f"session={client.cookies['session']}"}
        for path in sockets(described):
            for origin in (None, "null", "https://evil.example", gateway.url + ".evil.example"):
                code, _ = await closed_with(gateway, path, additional_headers=cookie, origin=origin)
                assert code == 4403, (path, origin)
        await client.delete("/api/session", headers={"X-CSRF-Token": csrf})
        for path in sockets(described):
            code, _ = await closed_with(gateway, path, additional_headers=cookie, origin=gateway.url)
            assert code == 4401, path


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_on_each_socket_is_let_in_or_told_why_not(
    gateway: Gateway, described: dict[str, Any], role: str
) -> None:
    watches = "watch" in ROLE_ACTIONS[role]
    for path in sockets(described):
        headers = {"Authorization": f"Bearer {BY_ROLE[role]}"}
        if path == "/api/events" and watches:
            async with connect(
                gateway.url.replace("http", "ws") + path, additional_headers=headers
            ) as opened:
                assert '"snapshot"' in str(await opened.recv())
            continue
        code, reason = await closed_with(gateway, path, additional_headers=headers)
        assert 4400 <= code < 4500 and reason, (role, path, code, reason)


async def test_a_frame_that_is_too_long_or_no_use_closes_the_socket(gateway: Gateway) -> None:
    for message, codes in (("x" * 100_000, {1009}), ("{}", {1003}), (b"\0" * 40, {1003})):
        async with connect(gateway.websocket_url("/api/events")) as opened:
            await opened.recv()
            await opened.send(message)
            async with asyncio.timeout(PATIENCE_S):
                await opened.wait_closed()
            assert opened.close_code in codes, message[:10]


# ── what the description allows, and what it does not ──


def test_nothing_that_the_description_lets_one_think_of_is_answered_with_500(running: Gateway) -> None:
    schema = schemathesis.openapi.from_url(running.url + "/api/openapi.json")
    tried = 0
    mark = running.mark()
    for result in schema.get_all_operations():
        operation = result.ok()

        @hypothesis.settings(
            max_examples=12,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            nonlocal tried
            tried += 1
            role = ROLES[tried % len(ROLES)]
            answer = case.call(headers={"Authorization": f"Bearer {BY_ROLE[role]}"}, timeout=PATIENCE_S)
            assert answer.status_code < 500, (case.method, case.formatted_path, case.body, answer.text)

        ask()
    assert tried > 100
    assert not [line for line in running.faults(mark) if "web.fault" in line or '"exception"' in line]


# ── what is sent raw ──


def raw(gateway: Gateway, data: bytes, patience_s: float = PATIENCE_S) -> bytes:
    """Send bytes; all that comes back until the gateway closes, or falls silent for a second after an answer."""
    with closing(socket.create_connection(gateway.web_address, patience_s)) as connection:
        try:
            connection.sendall(data)
            connection.settimeout(patience_s)
            answer = b""
            while more := connection.recv(65536):
                answer += more
                connection.settimeout(0.3)
        except (TimeoutError, ConnectionError):
            pass
        return answer


TRAVERSALS = (
    "/../../../../etc/passwd",
    "/console/../../../../../etc/passwd",
    "/console/..%2f..%2f..%2f..%2f..%2fetc/passwd",
    "/console/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/console/....//....//etc/passwd",
    "/console//etc/passwd",
    "/console/%00",
    "/console/..%5c..%5cetc%5cpasswd",
    "//etc/passwd",
    "/api/calls/..%2f..%2fetc%2fpasswd",
    "/api/audits/..%2f..%2fetc%2fpasswd",
    "/api/calls/%00/audio",
    "/%ff%fe",
    "/console/" + "a" * 300,
)


async def test_no_path_leads_out_of_the_console(gateway: Gateway) -> None:
    for path in TRAVERSALS:
        asked = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKENS['fiona']}\r\nConnection: close\r\n\r\n"
        answer = await asyncio.to_thread(raw, gateway, asked.encode())
        assert re.match(rb"HTTP/1.1 4\d\d", answer), (path, answer[:200])
        assert b"root:" not in answer


async def test_nothing_that_is_sent_gets_into_an_answers_head_or_a_second_answer(gateway: Gateway) -> None:
    crlf = "%0d%0aX-Injected:%20yes%0d%0a%0d%0a"
    for asked in (
        f"GET /api/calls/{crlf} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKENS['fiona']}\r\n",
        f"GET /{crlf} HTTP/1.1\r\nHost: x\r\n",
        "GET /api/calls HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\rX-Injected: yes\r\n",
        "GET /api/calls HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\n X-Injected: yes\r\n",
        "GET /api/calls HTTP/1.1\r\nHost: x\r\nOrigin: http://y\r\nCookie: session=\x00\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n",
        "POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n",
        "GET http://evil.example/healthz HTTP/1.1\r\nHost: evil.example\r\n",
        "\x00\x01\x02 garbage\r\n",
    ):
        answer = await asyncio.to_thread(
            raw, gateway, (asked + "Connection: close\r\n\r\n{}").encode("latin-1")
        )
        head = answer.partition(b"\r\n\r\n")[0].lower()
        assert answer.startswith(b"HTTP/1.1 ") and not answer.startswith(b"HTTP/1.1 5"), (asked, answer[:200])
        assert b"x-injected" not in head, asked
        assert answer.count(b"HTTP/1.1 ") == 1, (asked, answer)


async def test_names_and_passwords_of_all_kinds(gateway: Gateway) -> None:
    async with client_of(gateway) as client:
        for name in (
            "a\r\nX: y",
            "\0",
            "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
            "' OR 1=1 --",
            "ünï",
            "x" * 65,
        ):
            for password in ("\0", "x" * 201):
                answer = await client.post("/api/session", json={"user": name, "password": password})
                assert answer.status_code in (401, 422, 429), (name, password, answer.text)
        lone = b'{"user": "\\ud800", "password": "\\ud800"}'
        answer = await client.post("/api/session", content=lone, headers={"Content-Type": "application/json"})
        assert answer.status_code in (401, 422, 429)


async def test_what_is_too_long_is_refused_and_not_kept(gateway: Gateway, described: dict[str, Any]) -> None:
    big = b'{"reason": "' + b"x" * 5_000_000 + b'"}'

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 100_000

    before = gateway.rss_bytes()
    async with client_of(gateway, Authorization=f"Bearer {TOKENS['fiona']}") as client:
        for verb, path in operations(described):
            if verb == "get":
                continue
            for content in (big, chunks()):
                try:
                    answer = await client.request(verb, filled(path), content=content)
                except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
                    continue  # closed on us in the middle: refused, too
                assert 400 <= answer.status_code < 500, (verb, path, answer.text)
    for line in (
        f"GET /{'x' * 100_000} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nX: {'x' * 200_000}\r\n\r\n",
    ):
        answer = await asyncio.to_thread(raw, gateway, line.encode())
        assert not answer or answer.startswith(b"HTTP/1.1 4")
    assert gateway.rss_bytes() - before < 50_000_000


@pytest.fixture
def slow(gateway: Gateway) -> Iterator[list[socket.socket]]:
    """More connections than may wait, each with half a request."""
    held = []
    for number in range(400):
        connection = socket.create_connection(gateway.web_address, PATIENCE_S)
        connection.sendall(
            b"POST /api/session HTTP/1.1\r\nHost: x\r\n"
            + (b"Content-Length: 90\r\n\r\n{" if number % 2 else b"X-A: ")
        )
        held.append(connection)
    yield held
    for connection in held:
        connection.close()


async def test_those_who_are_slow_keep_nobody_out(gateway: Gateway, slow: list[socket.socket]) -> None:
    started = time.monotonic()
    async with client_of(gateway, Authorization=f"Bearer {TOKENS['fiona']}") as client:
        for _ in range(20):
            assert (await client.get("/api/calls")).status_code == 200
    assert time.monotonic() - started < PATIENCE_S

    def is_cut(connection: socket.socket) -> bool:
        connection.settimeout(0)
        try:
            return connection.recv(1) == b""
        except BlockingIOError:
            return False
        except ConnectionError:
            return True

    assert sum(is_cut(connection) for connection in slow) >= 200
    # The others are cut when their time is over: none is served, and none stays.
    deadline = time.monotonic() + PATIENCE_S + 20
    while left := sum(not is_cut(connection) for connection in slow):
        assert time.monotonic() < deadline, f"{left} are still there"
        await asyncio.sleep(0.5)
