"""The gateway as it is run in earnest: a process of its own, a TOML file, its structured log read line by line.

A thread reads the log, so that the helper serves any event loop and also a test without one. Everything that waits waits for
something to be logged or answered, never for a time to pass; its timeouts are only there so that a failure ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0
"""For anything that a sound gateway does in milliseconds, on a machine that is busy with other things."""
TOKENS = {name: f"{name}-{'0123456789abcdef' * 2}" for name in ("fiona", "arthur", "mona", "adam", "adv1")}
ROUTES = (("2\\d{3}", "home"), ("3\\d{3}", "home-tcp"), ("9\\d{3}", "floor"))
SOUTH = "south"


@dataclass(frozen=True)
class Ports:
    """Where the simulated phones listen; chosen free at the beginning of the session."""

    home: int
    home_tcp: int
    floor: int


@dataclass(frozen=True)
class Settings:
    """What a generated configuration has that another one has not."""

    rtp_timeout_ms: int = 1000
    supervisor_timeout_s: float = 2.0
    ring_timeout_s: float = 60.0
    port_range: tuple[int, int] = (20000, 31999)
    port_quarantine_ms: int = 2000
    max_calls: int = 400
    calls_per_second: float = 500.0
    retry_after_s: int = 7
    mqtt_url: str | None = None
    advisors: int = 20
    """So many in team north, with the extensions 2001 … (UDP) and 3001 … (TCP); 2901 is of team south."""
    alerts: str = 'ring = ["fiona"]'
    """The section `[alerts]`, and its tiers."""
    srtp: dict[str, str] = field(default_factory=dict)
    """By trunk; off where it is not named. Whoever calls in is of the trunk home."""
    trunk_media: str = ""
    """More of every trunk: `rtcp_mux`, `rtcp`."""
    audit_forms: str | None = None
    """The folder of the forms."""
    store_url: str | None = None
    """Another database than a SQLite file of its own."""
    home_dtmf: str = "rfc4733"
    """How the advisors' phones send keys."""
    options_interval: float = 0
    """Of all trunks; 0, so that scripted peers get only what their script is about."""
    web_port: int = 0
    """0: the system chooses."""
    sip: str = ""
    """More of the section `[sip]`."""
    extra: str = ""
    """More of the file, as it stands."""
    codecs: str = '["PCMA", "PCMU"]'
    transcode: bool = False
    environment: dict[str, str] = field(default_factory=dict)

    def _trunk(self, name: str, port: int, transport: str = "udp") -> str:
        # All phones have the same address; once any trunk names one, calls from elsewhere are refused.
        known = '\nidentify_by = ["127.0.0.1"]' if name == "home" else ""
        known += f'\nsrtp = "{self.srtp.get(name, "off")}"\noptions_interval = {self.options_interval}\n{self.trunk_media}'
        return f'[[trunk]]\nname = "{name}"\nuri = "sip:127.0.0.1:{port}"\ntransport = "{transport}"{known}'

    def toml(self, ports: Ports) -> str:
        lines = [
            '[node]\nname = "node1"\nsite = "leeds"',
            f'[sip]\nbind = "127.0.0.1:0"\n{self.sip}',
            f'[media]\nbind = "127.0.0.1"\nport_range = {list(self.port_range)}\n'
            f"port_quarantine_ms = {self.port_quarantine_ms}\nrtp_timeout_ms = {self.rtp_timeout_ms}\n"
            f"codecs = {self.codecs}\ntranscode = {str(self.transcode).lower()}",
            self._trunk("home", ports.home) + f'\ndtmf = "{self.home_dtmf}"',
            self._trunk("home-tcp", ports.home_tcp, "tcp"),
            self._trunk("floor", ports.floor),
            *(f"[[route]]\nmatch = '{match}'\nto = {{ trunk = \"{to}\" }}" for match, to in ROUTES),
            *(advisor(f"adv{n}", 2000 + n, "north") for n in range(1, self.advisors + 1)),
            *(advisor(f"tcp{n}", 3000 + n, "north") for n in range(1, 4)),
            advisor("sid", 2901, SOUTH),
            user("fiona", "9001", "floorwalker"),
            user("felix", "9002", "floorwalker"),
            user("flora", "9003", "floorwalker"),
            user("arthur", "9004", "auditor", "north"),
            user("sven", "9005", "floorwalker", SOUTH),
            user("mona", "9006", "manager"),
            user("adam", "9007", "admin"),
            f"[supervision]\nsupervisor_timeout_s = {self.supervisor_timeout_s}\nring_timeout_s = {self.ring_timeout_s}",
            f"[alerts]\n{self.alerts}",
            f'[mqtt]\nurl = "{self.mqtt_url}"' if self.mqtt_url else "",
            f'[web]\nbind = "127.0.0.1:{self.web_port}"',
            f'[audit]\nforms = "{self.audit_forms}"' if self.audit_forms else "",
            f'[store]\nurl = "{self.store_url}"' if self.store_url else "",
            f"[limits]\nmax_calls = {self.max_calls}\ncalls_per_second = {self.calls_per_second}\n"
            f"retry_after_s = {self.retry_after_s}",
            '[log]\nlevel = "info"\nformat = "json"',
            self.extra,
        ]
        return "\n\n".join(lines) + "\n"


def advisor(name: str, extension: int, team: str) -> str:
    return f'[[advisor]]\nid = "{name}"\nname = "{name.title()}"\nextension = "{extension}"\nteam = "{team}"{token(name)}'


def user(name: str, sip: str, role: str, teams: str = "*") -> str:
    return f'[[user]]\nid = "{name}"\nname = "{name.title()}"\nsip = "{sip}"\nroles = ["{role}"]\nteams = ["{teams}"]{token(name)}'


def token(name: str) -> str:
    return f'\ntoken_env = "E2E_TOKEN_{name.upper()}"' if name in TOKENS else ""


class Gateway:
    """One running gateway. Make it by `start`; end it by `stop`."""

    def __init__(
        self, settings: Settings, ports: Ports, folder: Path, command: list[str] | None = None
    ) -> None:
        """`command`: what runs `serve -c FILE` in place of the installed program."""
        self.settings = settings
        self.ports = ports
        self.config = folder / "gateway.toml"
        self.config.write_text(settings.toml(ports))
        self._command = command or [str(Path(sys.executable).with_name("gateway"))]
        self._lines: list[str] = []
        self._events: list[dict[str, Any]] = []
        self._more = threading.Condition()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self.sip_udp = self.sip_tcp = self.sip_tls = 0
        self.url = ""

    @property
    def environment(self) -> dict[str, str]:
        """What its process is given."""
        tokens = {f"E2E_TOKEN_{name.upper()}": token for name, token in TOKENS.items()}
        state = {"GATEWAY_STATE_DIRECTORY": str(self.config.parent), "PYTHONUNBUFFERED": "1"}
        return {**os.environ, **state, **tokens, **self.settings.environment}

    # ── life ──

    def start(self) -> None:
        """Run it and wait for its ready line."""
        self._process = subprocess.Popen(
            [*self._command, "serve", "-c", str(self.config)],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            cwd=ROOT,
            env=self.environment,
        )
        self._reader = threading.Thread(target=self._read, name="gateway log", daemon=True)
        self._reader.start()
        ready = self.wait_for("gateway.ready")
        ports = dict(re.findall(r"(udp|tcp|tls):[\d.]+:(\d+)", " ".join(ready["sip"])))
        self.sip_udp, self.sip_tcp = int(ports["udp"]), int(ports["tcp"])
        self.sip_tls = int(ports.get("tls", 0))
        self.url = ready["web"]

    def stop(self) -> int:
        """SIGTERM, as a service manager would; returns the exit code. Killed where it does not end."""
        process = self._process
        if process is None:
            return 0
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        assert self._reader is not None
        self._reader.join(PATIENCE_S)
        self._process = None
        return code

    def kill(self) -> None:
        """As `kill -9`; `start` may follow."""
        assert self._process is not None and self._reader is not None
        self._process.kill()
        self._process.wait()
        self._reader.join(PATIENCE_S)
        self._process = None
        self._lines, self._events = [], []

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    # ── the log ──

    def _read(self) -> None:
        assert self._process is not None and self._process.stderr is not None
        for line in self._process.stderr:
            event = _parsed(line)
            with self._more:
                self._lines.append(line.rstrip())
                self._events.append(event)
                self._more.notify_all()
        with self._more:
            self._more.notify_all()

    def mark(self) -> int:
        """A place in the log, for `events` and the waiting."""
        return len(self._events)

    def text(self, since: int = 0) -> str:
        return "\n".join(self._lines[since:])

    def events(self, kind: str | None = None, /, *, since: int = 0, **facts: Any) -> list[dict[str, Any]]:
        """What was logged: of one kind, with these facts; of any kind where none is given."""
        return [event for event in self._events[since:] if _fits(event, kind, facts)]

    def wait_for(
        self, kind: str, /, *, since: int = 0, timeout_s: float = PATIENCE_S, **facts: Any
    ) -> dict[str, Any]:
        """The first such event; blocks until it is logged. Raises AssertionError when the gateway ends or stays silent."""
        deadline = time.monotonic() + timeout_s
        at = since
        while True:
            with self._more:
                while at < len(self._events):
                    if _fits(self._events[at], kind, facts):
                        return self._events[at]
                    at += 1
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(
                        f"the gateway did not log {kind} {facts or ''} within {timeout_s:g} s"
                    )
                if not self.running and not (self._reader and self._reader.is_alive()):
                    raise AssertionError("the gateway has ended:\n" + self.text()[-4000:])
                self._more.wait(min(left, 0.5))

    async def logged(
        self, kind: str, /, *, since: int = 0, timeout_s: float = PATIENCE_S, **facts: Any
    ) -> dict[str, Any]:
        """`wait_for` without blocking the event loop."""
        return await asyncio.to_thread(self.wait_for, kind, since=since, timeout_s=timeout_s, **facts)

    def faults(self, since: int = 0) -> list[str]:
        """Lines that tell of a defect: exceptions, errors, failed assertions, output that is not the structured log.

        What PJSIP calls an error is for the greater part a peer's mistake.
        """
        pairs = zip(self._lines[since:], self._events[since:], strict=False)
        return [line for line, event in pairs if _is_fault(event)]

    # ── its face ──

    def uri(self, number: str, transport: str = "udp") -> str:
        """What to dial to reach a number through the gateway."""
        if transport == "tcp":
            return f"sip:{number}@127.0.0.1:{self.sip_tcp};transport=tcp"
        if transport == "tls":
            return f"sip:{number}@127.0.0.1:{self.sip_tls};transport=tls"
        return f"sip:{number}@127.0.0.1:{self.sip_udp}"

    async def get(self, path: str, who: str = "fiona") -> Any:
        """GET as JSON, with somebody's token. Raises for anything but 200."""
        headers = {"Authorization": f"Bearer {TOKENS[who]}"}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=PATIENCE_S) as client:
            response = await client.get(path)
            response.raise_for_status()
            return response.json()

    async def ask(self, verb: str, path: str, body: Any = None, who: str = "fiona") -> httpx.Response:
        """Any request, with somebody's token."""
        headers = {"Authorization": f"Bearer {TOKENS[who]}"}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=PATIENCE_S) as client:
            return await client.request(verb, path, json=body)

    async def calls(self) -> list[dict[str, Any]]:
        found = await self.get("/api/calls")
        assert isinstance(found, list)
        return found

    async def idle(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until no call is left."""
        await until(self.calls, lambda calls: not calls, timeout_s, "calls are left")

    @property
    def web_address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)

    def websocket_url(self, path: str, who: str = "fiona") -> str:
        return f"{self.url.replace('http', 'ws', 1)}{path}{'&' if '?' in path else '?'}token={TOKENS[who]}"

    def rss_bytes(self) -> int:
        """Resident memory of the process."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def free_port() -> int:
    """A port that is free for UDP and TCP, where the system gives none to others who ask for any."""
    while True:
        port = random.randrange(10_000, 20_000)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
                udp.bind(("127.0.0.1", port))
                tcp.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port


async def until(
    look: Callable[[], Any],
    holds: Callable[[Any], bool],
    timeout_s: float = PATIENCE_S,
    complaint: str = "it did not happen",
) -> Any:
    """Look again and again until it holds; returns what was seen. `look` may be a coroutine function."""
    deadline = time.monotonic() + timeout_s
    while True:
        seen = look()
        if asyncio.iscoroutine(seen):
            seen = await seen
        if holds(seen):
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"{complaint} after {timeout_s:g} s: {str(seen)[:1000]}")
        await asyncio.sleep(0.02)


def _parsed(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _is_fault(event: dict[str, Any]) -> bool:
    if not event or "exception" in event or "Assert failed" in str(event.get("event")):
        return True
    return event.get("level") in ("error", "critical") and event.get("logger") != "gateway.sip.pjsip"


def _fits(event: dict[str, Any], kind: str | None, facts: dict[str, Any]) -> bool:
    return (kind is None or event.get("event") == kind) and all(
        event.get(name) == value for name, value in facts.items()
    )
