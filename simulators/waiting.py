"""Waiting for something to become true about an object that changes on the event loop's thread."""

# ruff: noqa: ASYNC109 - waiting with a timeout is what these methods are for

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Changing:
    """Call `_changed()` after each change; waiters look again."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()

    def _changed(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    async def _until(self, true: Callable[[], bool], timeout: float | None, what: Callable[[], str]) -> None:
        """Wait until `true()`. Raises TimeoutError with the words of `what` and how long it waited."""
        try:
            async with asyncio.timeout(timeout):
                while not true():
                    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                    self._waiters.add(waiter)
                    await waiter
        except TimeoutError:
            raise TimeoutError(f"{what()} within {timeout} s") from None
