"""`gateway.serving`: signals end the gateway in order; the capacity is told."""

import asyncio
import os
import signal

import pytest

from gateway.core.errors import GatewayError
from gateway.serving import capacity_warning, until_signalled


async def wait_for_ever(log: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        log.append("ended in order")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_order(number: int) -> None:
    log: list[str] = []
    asyncio.get_running_loop().call_soon(os.kill, os.getpid(), number)
    await until_signalled(wait_for_ever(log))
    assert log == ["ended in order"]


async def test_sighup_changes_nothing() -> None:
    async def reloaded() -> str:
        os.kill(os.getpid(), signal.SIGHUP)
        for _ in range(3):
            await asyncio.sleep(0)
        done.append("still there")
        return ""

    done: list[str] = []
    await until_signalled(reloaded())  # type: ignore[arg-type]
    assert done == ["still there"]


async def test_what_it_raises_is_raised_and_the_signals_are_given_back() -> None:
    async def fails() -> None:
        raise GatewayError("port in use")

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(GatewayError, match="port in use"):
        await until_signalled(fails())
    assert signal.getsignal(signal.SIGTERM) == before


async def test_being_cancelled_from_outside_is_not_swallowed() -> None:
    task = asyncio.create_task(until_signalled(wait_for_ever([])))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_the_capacity_in_plain_words() -> None:
    assert "carries 4 call legs" in capacity_warning(4, True, 200)
    assert capacity_warning(4096, False, 200) == ""
    assert (
        capacity_warning(100, False, 51)
        == "PJSIP carries 100 call legs, and [limits] max_calls = 51 needs 102"
    )
