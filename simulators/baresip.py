"""A baresip of its own, driven from here: a phone by other hands, to see that the gateway gets on with it.

It is started with a configuration made for the purpose, plays a WAV file as its microphone, writes what it
hears to another, and takes commands as JSON over TCP (its module `ctrl_tcp`).
"""

# ruff: noqa: ASYNC109 - waiting with a timeout is what these methods are for

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any

from . import speech
from .errors import SimulatorError, ToolMissing
from .g711 import Audio
from .tls import Tls

MODULES = ("g711", "g722", "opus", "sndfile", "aufile", "srtp")
FORMATS = {"G722": "G722/16000/1", "opus": "opus/48000/2"}
"""How it names the codecs that are not of 8 kHz."""
APPLICATIONS = ("account", "menu", "contact", "ctrl_tcp")
START_TIMEOUT_S = 30.0


class Baresip:
    """Use as an async context manager. With a `registrar` it registers there; else it takes calls at `uri`.

    `say` is a phrase's name, a WAV file or text, said from the start of each call. `answer`: "auto" or
    "manual". `srtp`: "off", "optional" (RTP/AVP with a key) or "required" (RTP/SAVP). `rtcp_mux`: it asks
    for one port for RTP and RTCP. `rate_hz`: of what it says and hears; above 8000 `say` is a WAV file of
    that rate. `tls`: its certificate, where `transport` is "tls".
    Raises `ToolMissing` where baresip is not installed.
    """

    def __init__(
        self,
        user: str,
        *,
        registrar: str | None = None,
        password: str | None = None,
        transport: str = "udp",
        say: str = "advisor-greeting",
        answer: str = "auto",
        codec: str = "PCMA",
        host: str = "127.0.0.1",
        srtp: str = "off",
        tls: Tls | None = None,
        rtcp_mux: bool = False,
        rate_hz: int = speech.RATE_HZ,
    ) -> None:
        self.user = user
        self.host = host
        self.port = _free_port(host)
        self.events: list[dict[str, Any]] = []
        "What baresip reported: CALL_INCOMING, CALL_ESTABLISHED, CALL_CLOSED and others, oldest first."
        self._tls = tls
        self._registrar = registrar
        self._password = password
        self._transport = transport
        self._say = say
        self._answer = answer
        self._codec = codec
        self._secured = {"off": None, "optional": "srtp", "required": "srtp-mand"}[srtp]
        self._rtcp_mux = rtcp_mux
        self._rate_hz = rate_hz
        self._control = _free_port(host)
        self._changed = asyncio.Event()

    @property
    def uri(self) -> str:
        """Dial this to reach it directly."""
        return f"sip:{self.user}@{self.host}:{self.sip_port};transport={self._transport}"

    @property
    def sip_port(self) -> int:
        """Where it takes calls: by TLS at the port above the one that it is told."""
        return self.port + 1 if self._transport == "tls" else self.port

    async def __aenter__(self) -> Baresip:
        program = shutil.which("baresip")
        if program is None:
            raise ToolMissing("baresip is not installed; on Debian: apt-get install baresip")
        self._folder = tempfile.TemporaryDirectory(prefix="baresip-")
        self._configure(Path(self._folder.name))
        with (Path(self._folder.name) / "output").open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *(program, "-f", self._folder.name),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
            )
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                self._reader, self._writer = await self._connected()
        except TimeoutError:
            printed = self.output
            await self._end()
            raise SimulatorError(f"baresip did not start: {printed[-500:]}") from None
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.cancel()
        self._writer.close()
        await self._end()

    @property
    def statistics(self) -> dict[str, Any]:
        """What it knows of its RTP by the latest report: `tx` and `rx` with `sent`, `lost`, `jit`, and `rtt`
        [µs]; empty before the first.
        """
        heard = [event["rtcp_stats"] for event in self.events if "rtcp_stats" in event]
        return heard[-1] if heard else {}

    @property
    def output(self) -> str:
        """Everything that it printed."""
        return (Path(self._folder.name) / "output").read_text(errors="replace")

    def heard(self) -> Audio:
        """What it has heard in its latest call, at `rate_hz`, whole once the call is over. Raises
        `SimulatorError`.
        """
        files = sorted(Path(self._folder.name).glob("dump-*-dec.wav"))
        if not files:
            raise SimulatorError("baresip has heard nothing yet")
        return speech.read_wav(
            files[-1], stereo=True, as_it_is=self._rate_hz > speech.RATE_HZ
        )  # stereo, as it decodes Opus

    async def registered(self, timeout: float = 30.0) -> None:
        """Wait for the registrar's 200, which may come before `events` begin. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while "200 OK" not in self.output:  # noqa: ASYNC110 - a file tells nobody that it has grown
                await asyncio.sleep(0.05)

    async def dial(self, target: str) -> None:
        """Call someone; wait with `event("CALL_ESTABLISHED")`."""
        await self.command("dial", target)

    async def press(self, keys: str, ms: int = 150) -> None:
        """Press keys in the call, one after the other; they go out as telephone-events."""
        for key in keys:
            await self.command("sndcode", key)
            await asyncio.sleep(ms / 1_000)

    async def hang_up(self) -> None:
        await self.command("hangup")

    async def command(self, command: str, params: str = "") -> None:
        """Any command of baresip's menu, such as "hold", "resume", "accept"."""
        data = json.dumps({"command": command, "params": params, "token": command}).encode()
        self._writer.write(str(len(data)).encode() + b":" + data + b",")
        await self._writer.drain()

    async def event(self, kind: str, timeout: float = 30.0, *, count: int = 1) -> dict[str, Any]:
        """Wait for the `count`-th event of a kind since the start, and return it. Raises TimeoutError."""
        try:
            async with asyncio.timeout(timeout):
                while len(found := [event for event in self.events if event.get("type") == kind]) < count:
                    self._changed.clear()
                    await self._changed.wait()
                return found[count - 1]
        except TimeoutError:
            seen = ", ".join(str(event.get("type")) for event in self.events) or "nothing"
            raise TimeoutError(f"baresip did not report {kind} within {timeout} s, but {seen}") from None

    def _configure(self, folder: Path) -> None:
        said = folder / "said.wav"
        if self._rate_hz > speech.RATE_HZ:
            shutil.copyfile(self._say, said)
        else:
            speech.write_wav(said, speech.audio(self._say, "advisor"))
        domain = (self._registrar or f"sip:{self.host}").removeprefix("sip:")
        account = f"<sip:{self.user}@{domain};transport={self._transport}>;answermode={self._answer}"
        account += f";audio_codecs={FORMATS.get(self._codec, f'{self._codec}/8000/1')}"
        account += f";mediaenc={self._secured}" if self._secured else ""
        account += ";regint=60" if self._registrar else ";regint=0"
        account += f";auth_pass={self._password}" if self._password else ""
        (folder / "accounts").write_text(account + "\n")
        (folder / "contacts").write_text("")
        papers = folder / "certificate.pem"
        if self._tls and self._tls.certificate and self._tls.key:
            papers.write_bytes(self._tls.certificate.read_bytes() + self._tls.key.read_bytes())
        lines = [
            *([f"sip_certificate {papers}"] if self._tls else []),
            *([f"sip_cafile {self._tls.ca}"] if self._tls and self._tls.ca else []),
            f"sip_listen {self.host}:{self.port}",
            f"audio_source aufile,{said}",
            "audio_player nothing,nothing",
            "audio_alert nothing,nothing",
            *(f"ausrc_srate {self._rate_hz}", f"auplay_srate {self._rate_hz}"),
            *("ausrc_channels 1", "auplay_channels 1"),
            f"ctrl_tcp_listen {self.host}:{self._control}",
            f"rtcp_mux {'yes' if self._rtcp_mux else 'no'}",
            f"snd_path {folder}",
            f"module_path {_module_path()}",
            *(f"module {name}.so" for name in MODULES),
            *(f"module_app {name}.so" for name in APPLICATIONS),
        ]
        (folder / "config").write_text("\n".join(lines) + "\n")

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while True:
            try:
                return await asyncio.open_connection(self.host, self._control)
            except OSError:
                if self._process.returncode is not None:
                    raise SimulatorError(f"baresip ended at once: {self.output[-500:]}") from None
                await asyncio.sleep(0.05)

    async def _listen(self) -> None:
        async for message in _netstrings(self._reader):
            read = json.loads(message)
            if read.get("event"):
                self.events.append(read)
                self._changed.set()

    async def _end(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()
            try:
                async with asyncio.timeout(3):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        self._folder.cleanup()


async def _netstrings(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Each message of `ctrl_tcp`: its length in digits, a colon, the bytes, a comma."""
    while True:
        try:
            length = int((await reader.readuntil(b":"))[:-1])
            message = await reader.readexactly(length + 1)
        except (asyncio.IncompleteReadError, ValueError, OSError):
            return
        yield message[:-1]


def _module_path() -> Path:
    for folder in ("/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"):
        if Path(folder).is_dir():
            return Path(folder)
    raise ToolMissing("baresip's modules are not installed; on Debian: apt-get install baresip")


def _free_port(host: str) -> int:
    """A port that is free now for TCP and UDP, with the next one free for TLS."""
    while True:
        with (
            socket.socket() as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.socket() as tls,
        ):
            tcp.bind((host, 0))
            port = int(tcp.getsockname()[1])
            try:
                udp.bind((host, port))
                tls.bind((host, port + 1))
            except (OSError, OverflowError):
                continue
            return port
