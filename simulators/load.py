"""Many calls at once, placed by SIPp: it is started here with a scenario made for the purpose, and its result
read.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from . import g711, sipp, speech
from .errors import SimulatorError, ToolMissing
from .message import uri

SLACK_S = 60.0
"How much longer than planned SIPp may take before it is ended."


@dataclass(frozen=True)
class Load:
    """What to place."""

    to: str
    calls: int = 200
    rate: float = 20.0
    "New calls a second."
    duration_s: float = 10.0
    rtp: bool = True
    "Send speech (A-law, 50 packets a second) in each call."
    host: str = "127.0.0.1"
    transport: str = "udp"
    answer_port: int | None = None
    "Also answer calls at this port, echoing RTP; None leaves that to others."


@dataclass(frozen=True)
class LoadResult:
    """What came of it."""

    created: int
    successful: int
    failed: int
    retransmissions: int
    seconds: float
    reasons: tuple[str, ...]
    exit_code: int

    @property
    def ok(self) -> bool:
        """Every call that was wanted was placed, answered, and hung up properly."""
        return self.exit_code == 0 and self.failed == 0 and self.successful == self.created > 0


async def run_load(load: Load) -> LoadResult:
    """Place the calls and wait for the last to end. Raises `ToolMissing` or `SimulatorError`."""
    program = shutil.which("sipp")
    if program is None:
        raise ToolMissing("SIPp is not installed; on Debian: apt-get install sip-tester")
    with tempfile.TemporaryDirectory(prefix="load-") as name:
        folder = Path(name)
        async with contextlib.AsyncExitStack() as stack:
            if load.answer_port is not None:
                await stack.enter_async_context(answering(load.host, load.answer_port, load.transport))
            return await _place(program, load, folder)


@contextlib.asynccontextmanager
async def answering(host: str, port: int, transport: str = "udp") -> AsyncIterator[None]:
    """While open, SIPp answers every call at `host:port` and sends back the RTP that it gets."""
    program = shutil.which("sipp")
    if program is None:
        raise ToolMissing("SIPp is not installed; on Debian: apt-get install sip-tester")
    with tempfile.TemporaryDirectory(prefix="answer-") as name:
        folder = Path(name)
        (folder / "answerer.xml").write_text(sipp.ANSWERER)
        command = [*_common(program, host, port, transport), "-sf", "answerer.xml", "-rtp_echo"]
        process = await _start([*command, "-mp", str(_free_media_port(host))], folder)
        try:
            await asyncio.sleep(0.5)
            if process.returncode is not None:
                raise SimulatorError(
                    f"SIPp cannot answer at {host}:{port}: {await _last_words(process, folder)}"
                )
            yield
        finally:
            await _end(process)


async def _place(program: str, load: Load, folder: Path) -> LoadResult:
    audio_file = None
    if load.rtp:
        audio_file = "speech.alaw"
        (folder / audio_file).write_bytes(g711.encode(speech.phrase("patient-chest-pain"), "PCMA"))
    target = uri(load.to)
    scenario = sipp.caller_scenario(str(target), round(load.duration_s * 1_000), audio_file)
    (folder / "caller.xml").write_text(scenario)
    planned_s = load.calls / load.rate + load.duration_s
    command = [
        *_common(program, load.host, 0, load.transport),
        *("-sf", "caller.xml", "-m", str(load.calls), "-r", f"{load.rate:g}", "-l", str(load.calls)),
        *("-mp", str(_free_media_port(load.host))),
        *("-timeout", f"{planned_s + SLACK_S / 2:.0f}s", "-timeout_error"),
        *("-trace_stat", "-stf", "statistics.csv", "-fd", "1s", "-trace_err", "-error_file", "errors.log"),
        f"{target.host}:{target.port or 5060}",
    ]
    began = time.monotonic()
    process = await _start(command, folder)
    try:
        async with asyncio.timeout(planned_s + SLACK_S):
            await process.wait()
    except TimeoutError:
        raise SimulatorError(f"SIPp did not end within {planned_s + SLACK_S:.0f} s") from None
    finally:
        await _end(process)
    took_s = time.monotonic() - began
    file = folder / "statistics.csv"
    statistics = sipp.read_statistics(file.read_text() if file.exists() else "")
    if statistics.created == 0:
        raise SimulatorError(f"SIPp placed no call: {await _last_words(process, folder)}")
    assert process.returncode is not None
    return LoadResult(
        created=statistics.created,
        successful=statistics.successful,
        failed=statistics.failed,
        retransmissions=statistics.retransmissions,
        seconds=took_s,
        reasons=(*statistics.reasons, *_first_errors(folder)),
        exit_code=process.returncode,
    )


def _common(program: str, host: str, port: int, transport: str) -> list[str]:
    options = [program, "-i", host, "-mi", host, "-t", "t1" if transport == "tcp" else "u1", "-nostdin"]
    return [*options, "-p", str(port)] if port else options


async def _start(command: list[str], folder: Path) -> asyncio.subprocess.Process:
    with (folder / "output.txt").open("wb") as output:
        return await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(3):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _last_words(process: asyncio.subprocess.Process, folder: Path) -> str:
    lines = (folder / "output.txt").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"exit code {process.returncode}"


def _first_errors(folder: Path, most: int = 3) -> list[str]:
    file = folder / "errors.log"
    if not file.exists():
        return []
    lines = [line.strip() for line in file.read_text(errors="replace").splitlines() if line.strip()]
    return lines[1 : 1 + most]


def _free_media_port(host: str) -> int:
    """An even port that is free now, so that two SIPps do not meet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1]) & ~1
