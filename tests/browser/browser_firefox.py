"""Debian's Firefox without a window, driven by WebDriver BiDi (https://www.w3.org/TR/webdriver-bidi/): no driver program in between."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import websockets
from e2e_gateway import PATIENCE_S, until

PREFERENCES = {
    "media.autoplay.default": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.normandy.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "toolkit.startup.max_resumed_crashes": -1,
    "extensions.update.enabled": False,
    "services.settings.server": "",
}
READY = re.compile(r"WebDriver BiDi listening on (ws://[\d.]+:\d+)")


class Firefox:
    """One page. `complaints`: errors and exceptions that its console told of."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._page = ""
        self.complaints: list[str] = []

    async def listen(self) -> None:
        """Until the connection ends; beside everything else."""
        async for text in self._connection:
            message = json.loads(text)
            if message.get("id") in self._answers:
                self._answers.pop(message["id"]).set_result(message)
            elif message.get("method") == "log.entryAdded" and message["params"]["level"] == "error":
                self.complaints.append(message["params"]["text"])

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Raises AssertionError with Firefox's words where it refuses."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        told = await asyncio.wait_for(answer, 2 * PATIENCE_S)
        assert told["type"] == "success", f"{method}: {told.get('error')}: {told.get('message')}"
        result: dict[str, Any] = told["result"]
        return result

    async def open(self, url: str, script: str) -> None:
        """A page in which `script` runs first."""
        await self.command("session.new", capabilities={})
        await self.command("session.subscribe", events=["log.entryAdded"])
        await self.command("script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}")
        self._page = (await self.command("browsingContext.create", type="tab"))["context"]
        await self.command("browsingContext.navigate", context=self._page, url=url, wait="complete")

    async def look(self, expression: str) -> Any:
        """What an expression is in the page: text, number or truth."""
        found = await self.command(
            "script.evaluate", expression=expression, target={"context": self._page}, awaitPromise=True
        )
        assert found["type"] == "success", found["exceptionDetails"]["text"]
        return found["result"].get("value")

    async def shows(self, selector: str, text: str) -> None:
        """Wait until an element with this text is in sight."""
        wanted = f"[...document.querySelectorAll({json.dumps(selector)})].some((one) => one.checkVisibility() && one.textContent.includes({json.dumps(text)}))"
        await until(lambda: self.look(wanted), bool, complaint=f"no {selector} says {text!r}")

    async def click(self, selector: str) -> None:
        """As by a mouse, on the first such element in sight."""
        node = await self._node(selector)
        down_and_up = [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        move = {"type": "pointerMove", "x": 0, "y": 0, "origin": {"type": "element", "element": node}}
        await self._act({"type": "pointer", "id": "mouse", "actions": [move, *down_and_up]})

    async def type(self, selector: str, text: str) -> None:
        """As by a keyboard, into an element."""
        await self.click(selector)
        keys = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        await self._act({"type": "key", "id": "keyboard", "actions": keys})

    async def _act(self, source: dict[str, Any]) -> None:
        await self.command("input.performActions", context=self._page, actions=[source])

    async def _node(self, selector: str) -> dict[str, Any]:
        async def found() -> list[dict[str, Any]]:
            locator = {"type": "css", "value": selector}
            answer = await self.command("browsingContext.locateNodes", context=self._page, locator=locator)
            nodes: list[dict[str, Any]] = answer["nodes"]
            return nodes

        nodes = await until(found, bool, complaint=f"there is no {selector}")
        return {"sharedId": nodes[0]["sharedId"]}


def _program(name: str) -> str:
    program = shutil.which(name)
    assert program, f"{name} is missing: apt-get install firefox-esr pulseaudio"
    return program


@asynccontextmanager
async def loudspeaker(folder: Path) -> AsyncIterator[dict[str, str]]:
    """A sound card that nobody hears, without which Firefox plays nothing; what its environment must say."""
    address = folder / "loudspeaker"
    modules = ["module-null-sink", f"module-native-protocol-unix auth-anonymous=1 socket={address}"]
    options = ["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes"]
    process = await asyncio.create_subprocess_exec(
        *(_program("pulseaudio"), *options, *(f"--load={module}" for module in modules)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)},
    )
    try:
        await until(address.is_socket, bool, complaint="pulseaudio does not start")
        yield {"PULSE_SERVER": f"unix:{address}"}
    finally:
        await _end(process)


@asynccontextmanager
async def firefox(profile: Path, environment: dict[str, str]) -> AsyncIterator[Firefox]:
    """profile: an empty folder."""
    program = _program("firefox-esr")
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines))
    process = await asyncio.create_subprocess_exec(
        *(program, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    try:
        url = await asyncio.wait_for(_address(process), 2 * PATIENCE_S)
        rest = asyncio.create_task(_read_on(process))
        async with websockets.connect(f"{url}/session", max_size=None, proxy=None) as connection:
            browser = Firefox(connection)
            listening = asyncio.create_task(browser.listen())
            yield browser
            listening.cancel()
        rest.cancel()
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), PATIENCE_S)
    if process.returncode is None:
        process.kill()
        await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    said = []
    async for line in process.stderr:
        said.append(line.decode(errors="replace"))
        if ready := READY.search(said[-1]):
            return ready[1]
    raise AssertionError("Firefox ended:\n" + "".join(said)[-2000:])


async def _read_on(process: asyncio.subprocess.Process) -> None:
    """A full pipe would hold it up."""
    assert process.stderr is not None
    async for _ in process.stderr:
        pass
