"""Lines that the user types: edited in a terminal, or read as they come from a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import AsyncIterator

from gateway.demo.prompt import LineEditor
from simulators import keyboard


class Typed:
    """An async iterator of lines; ends with the input."""

    def __init__(self) -> None:
        self.editor = LineEditor()
        self.in_terminal = sys.stdin is not None and sys.stdin.isatty()

    async def lines(self) -> AsyncIterator[str]:
        if self.in_terminal:
            with keyboard.unbuffered():
                async for key in keyboard.keys():
                    line = self.editor.press(key)
                    if line is not None:
                        yield line
        elif sys.stdin is not None:
            async for line in _from_pipe(sys.stdin.fileno()):
                yield line


async def _from_pipe(descriptor: int) -> AsyncIterator[str]:
    """A thread reads, since not every input can be waited for (a file, /dev/null)."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        piece = b"?"
        while piece:
            try:
                piece = os.read(descriptor, 4_096)
            except OSError:
                piece = b""
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(pieces.put_nowait, piece)

    threading.Thread(target=read, name="stdin", daemon=True).start()
    rest = b""
    while piece := await pieces.get():
        *complete, rest = (rest + piece).split(b"\n")
        for line in complete:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")
