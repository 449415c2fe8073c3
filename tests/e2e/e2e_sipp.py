"""SIPp as many callers, advisors and supervisors at once, and a counter for the RTP of all of them.

The scenarios are the simulators' own, with the called number and the caller's name from a list, so that each
call has its advisor.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simulators import g711, sipp, speech

SIPP = shutil.which("sipp")
needs_sipp = pytest.mark.skipif(
    SIPP is None, reason="SIPp is not installed; on Debian: apt-get install sip-tester"
)
COUNTER = Path(__file__).with_name("rtp_counter.py")
SLACK_S = 60.0


@dataclass(frozen=True)
class Calls:
    """Many calls of one kind."""

    numbers: tuple[str, ...]
    "Dialled in turn, from the first again when they are through."
    calls: int
    rate: float
    "New calls a second."
    seconds: float
    "From answer to BYE."
    user: str = "load"
    "Who calls."


class Callers:
    """A SIPp that places calls; `result` waits for its end."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, wanted: Calls) -> None:
        self._process = process
        self._folder = folder
        self._wanted = wanted

    @property
    def statistics(self) -> sipp.Statistics:
        """As far as they are written; SIPp does so every second."""
        file = self._folder / "statistics.csv"
        return sipp.read_statistics(file.read_text() if file.exists() else "")

    @property
    def placed(self) -> bool:
        """Are all calls up?"""
        return self.statistics.current >= self._wanted.calls

    async def result(self) -> sipp.Statistics:
        """Raises AssertionError with SIPp's own words unless every call succeeded."""
        planned_s = self._wanted.calls / self._wanted.rate + self._wanted.seconds
        async with asyncio.timeout(planned_s + SLACK_S):
            code = await self._process.wait()
        found = self.statistics
        assert code == 0 and found.failed == 0 and found.successful == self._wanted.calls, (
            f"{found}\n{self.errors()}"
        )
        return found

    def errors(self) -> str:
        texts = [(self._folder / name) for name in ("errors.log", "output")]
        return "\n".join(file.read_text(errors="replace")[-1_500:] for file in texts if file.exists())


@asynccontextmanager
async def callers(folder: Path, gateway_port: int, wanted: Calls) -> AsyncIterator[Callers]:
    """Place calls by UDP, each with A-law speech at 50 packets a second."""
    folder.mkdir()
    (folder / "speech.alaw").write_bytes(g711.encode(speech.phrase("patient-chest-pain"), "PCMA"))
    numbers = [wanted.numbers[n % len(wanted.numbers)] for n in range(wanted.calls)]
    (folder / "numbers.csv").write_text("SEQUENTIAL\n" + "".join(f"{number};\n" for number in numbers))
    scenario = sipp.caller_scenario(
        f"sip:[field0]@127.0.0.1:{gateway_port}", round(wanted.seconds * 1_000), "speech.alaw"
    )
    (folder / "caller.xml").write_text(scenario.replace("sip:load@", f"sip:{wanted.user}@"))
    planned_s = wanted.calls / wanted.rate + wanted.seconds
    options = [
        *(
            "-sf",
            "caller.xml",
            "-inf",
            "numbers.csv",
            "-m",
            str(wanted.calls),
            "-l",
            str(wanted.calls),
            "-r",
            f"{wanted.rate:g}",
        ),
        *("-trace_stat", "-stf", "statistics.csv", "-fd", "1s", "-trace_err", "-error_file", "errors.log"),
        *("-timeout", f"{planned_s + SLACK_S / 2:.0f}s", "-timeout_error", f"127.0.0.1:{gateway_port}"),
    ]
    async with _sipp(folder, options) as process:
        yield Callers(process, folder, wanted)


@asynccontextmanager
async def answerers(folder: Path, port: int, rtp_port: int) -> AsyncIterator[None]:
    """Answer every call at `port`; their RTP goes to `rtp_port`."""
    folder.mkdir()
    (folder / "answerer.xml").write_text(sipp.ANSWERER.replace("[media_port]", str(rtp_port)))
    async with _sipp(folder, ["-sf", "answerer.xml", "-p", str(port)]):
        yield


@asynccontextmanager
async def _sipp(folder: Path, options: Iterable[str]) -> AsyncIterator[asyncio.subprocess.Process]:
    assert SIPP is not None
    with (folder / "output").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(SIPP, "-i", "127.0.0.1", "-mi", "127.0.0.1", "-t", "u1", "-nostdin", "-mp", str(_media_port())),
            *options,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(5):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


def _media_port() -> int:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1]) & ~1


class RtpCounter:
    """The advisors' end of the media; an async context manager. After `counted` it is over."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> RtpCounter:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, str(COUNTER), str(self.port), stdin=pipe, stdout=pipe
        )
        assert self._process.stdout is not None
        assert await self._process.stdout.readline() == b"ready\n"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def counted(self) -> list[dict[str, Any]]:
        """Per stream: `packets` and `missing`."""
        output, _ = await self._process.communicate(b"")
        return list(json.loads(output))
