"""Single key presses from the terminal, on the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import AsyncIterator, Iterator


@contextlib.contextmanager
def unbuffered() -> Iterator[None]:
    """While open, the terminal hands over each key at once and does not print it; put back however this
    ends.
    """
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


async def keys() -> AsyncIterator[str]:
    """Each character typed; ends with the input."""
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()
    typed: asyncio.Queue[str] = asyncio.Queue()
    loop.add_reader(descriptor, lambda: typed.put_nowait(os.read(descriptor, 64).decode(errors="ignore")))
    try:
        while text := await typed.get():
            for character in text:
                yield character
    finally:
        loop.remove_reader(descriptor)
