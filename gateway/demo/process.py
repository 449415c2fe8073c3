"""The gateway as a process of its own, `gateway serve`, so that what is shown is the true thing."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.demo.errors import DemoFailed

START_S = 30.0
STOP_S = 15.0
_SHOWN_LINES = 8
_SHOWN_CHARACTERS = 200
_PR_SET_PDEATHSIG = 1


class GatewayProcess:
    """`start`, then `stop`. Its log goes to `log`, one JSON object a line."""

    def __init__(self, config: Path, log: Path, environ: Mapping[str, str]) -> None:
        self.log = log
        self.sip: tuple[str, int] = ("", 0)
        """Where it takes SIP over UDP; known once started."""
        self.url = ""
        """Root of its HTTP API."""
        self.errors: list[str] = []
        """What it logged as an error, so far."""
        self._config = config
        self._environ = environ
        self._tail: deque[str] = deque(maxlen=_SHOWN_LINES)
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    async def start(self) -> None:
        """Return once it listens. Raises `DemoFailed` with its last words where it does not."""
        # In a session of its own: Ctrl-C is the demonstration's to handle. Should that be killed, the kernel
        # tells the gateway to end.
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway",
            "serve",
            "-c",
            str(self._config),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **self._environ},
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        self._reading = asyncio.create_task(self._read(self._process))
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({ready, self._reading}, timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if not self._ready.is_set():
            code = await self._process.wait() if self._reading.done() else None
            how = f"not ready within {START_S:g} s" if code is None else f"it ended with exit code {code}"
            last = "".join(f"\n  {line}" for line in self._tail)
            raise DemoFailed(f"the gateway did not start: {how}; its last lines:{last}")

    async def ended(self) -> str:
        """Wait until it ends by itself; returns in words how."""
        assert self._process is not None
        code = await self._process.wait()
        return f"killed by signal {-code}" if code < 0 else f"exit code {code}"

    async def stop(self) -> int:
        """Let it end its calls and go; returns its exit code, negative for the signal that ended it.

        Safe twice.
        """
        if self._process is None:
            return 0
        try:
            if self._process.returncode is None:
                self._process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(STOP_S):
                code = await self._process.wait()
        except TimeoutError:
            self._process.kill()
            code = await self._process.wait()
        except BaseException:
            if self._process.returncode is None:
                self._process.kill()
            raise
        if self._reading is not None:
            await self._reading
        return code

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Keep the log and look for what matters in it, until the process ends."""
        assert process.stdout is not None
        with self.log.open("ab") as file:
            async for line in process.stdout:
                file.write(line)
                file.flush()
                self._look_at(line.decode(errors="replace").strip())

    def _look_at(self, line: str) -> None:
        self._tail.append(line[:_SHOWN_CHARACTERS])
        try:
            facts: dict[str, Any] = json.loads(line)
        except ValueError:
            if line.startswith("Traceback"):
                self.errors.append(line)
            return
        if facts.get("event") == "gateway.ready":
            udp = next(place for place in facts["sip"] if place.startswith("udp:"))
            _, host, port = udp.split(":")
            self.sip, self.url = (host, int(port)), facts["web"]
            self._ready.set()
        elif facts.get("level") in ("error", "critical"):
            self.errors.append(str(facts.get("event")))


def _end_with_parent() -> None:
    """In the child, before it becomes the gateway: SIGTERM when the parent dies (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
