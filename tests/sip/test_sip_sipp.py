"""SIPp on both sides of a two-leg B2BUA: 200 calls at 20 a second, none failed; a callee is killed."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
from pathlib import Path

import pytest
from sip_b2bua import B2bua, idle, running

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("sipp") is None, reason="needs sipp (Debian: sip-tester)"),
]


async def sipp(directory: Path, *arguments: str) -> asyncio.subprocess.Process:
    """Started without a terminal; its statistics and errors land in `directory`."""
    return await asyncio.create_subprocess_exec(
        *("sipp", "-nostdin", "-i", "127.0.0.1", *arguments),
        cwd=directory,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("mode", ["u1", "t1"], ids=["udp", "tcp"])
async def test_two_hundred_calls_at_twenty_a_second(tmp_path: Path, mode: str) -> None:
    callee_port = free_port()
    transport = ";transport=tcp" if mode == "t1" else ""
    bua = B2bua(lambda event: f"sip:{event.to_user}@127.0.0.1:{callee_port}{transport}")
    async with running(bua.deliver, farewell_s=2.0) as bua.sip:
        callee = await sipp(tmp_path, "-sn", "uas", "-t", mode, "-p", str(callee_port))
        try:
            caller = await sipp(
                tmp_path,
                *(
                    "-sn",
                    "uac",
                    "-t",
                    mode,
                    "-p",
                    str(free_port()),
                    "-s",
                    "2001",
                    "-timeout",
                    "60",
                    "-timeout_error",
                ),
                *("-r", "20", "-m", "200", "-d", "2000", "-trace_err", f"127.0.0.1:{bua.sip.bound[0][2]}"),
            )
            assert await caller.wait() == 0, f"see {tmp_path}"
        finally:
            callee.terminate()
            await callee.wait()
        async with asyncio.timeout(20):  # SIPp may be gone before its last BYE has come through to here
            while bua.ended < 200:  # noqa: ASYNC110 - a counter tells nobody
                await asyncio.sleep(0.02)
        assert bua.ended == 200
        await idle(bua.sip)


async def test_callee_killed_in_the_middle(tmp_path: Path) -> None:
    """Callers of a dead callee hang up as ever, and the next callee is reached at the same address."""
    callee_port = free_port()
    bua = B2bua(lambda event: f"sip:{event.to_user}@127.0.0.1:{callee_port}")
    async with running(bua.deliver) as bua.sip:
        gateway = f"127.0.0.1:{bua.sip.bound[0][2]}"
        callee = await sipp(tmp_path, "-sn", "uas", "-p", str(callee_port))
        caller = await sipp(
            tmp_path, "-sn", "uac", "-p", str(free_port()), "-r", "20", "-m", "20", "-d", "2500", gateway
        )
        await asyncio.sleep(1.8)
        callee.send_signal(signal.SIGKILL)
        await callee.wait()
        assert await caller.wait() == 0
        await idle(bua.sip)
        callee = await sipp(tmp_path, "-sn", "uas", "-p", str(callee_port))
        caller = await sipp(tmp_path, "-sn", "uac", "-p", str(free_port()), "-r", "10", "-m", "5", gateway)
        assert await caller.wait() == 0
        callee.terminate()
        await callee.wait()
