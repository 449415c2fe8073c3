"""Numbered steps with elapsed time: a live line on a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

HEARTBEAT_S = 10.0  # [s] between lines in a log while a step runs


class Steps:
    """Announces steps `[2/6] Compile ... 14 s`. For one thread."""

    def __init__(self, total: int, console: Console | None = None) -> None:
        self.total = total
        self.number = 0
        self.console = console or Console(file=sys.stdout, highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """Run one step; call the value that is given with a few words of detail as often as you like."""
        self.number += 1
        head = f"[{self.number}/{self.total}] {title}"
        begun = time.monotonic()
        said = begun
        detail = ""
        live = self.console.status(head) if self.console.is_terminal else None
        if live:
            live.start()
        else:
            self.console.print(f"{head} ...", markup=False)

        def tell(text: str) -> None:
            nonlocal said, detail
            detail = text
            elapsed = time.monotonic() - begun
            if live:
                live.update(f"{head.replace('[', chr(92) + '[', 1)}  {elapsed:.0f} s  {text}")
            elif time.monotonic() - said >= HEARTBEAT_S:
                said = time.monotonic()
                self.console.print(f"      {elapsed:.0f} s  {text}", markup=False)

        good = False
        try:
            yield tell
            good = True
        finally:
            if live:
                live.stop()
            tail = f"  ({detail})" if detail else ""
            verdict = f"{time.monotonic() - begun:.0f} s" if good else "stopped"
            self.console.print(f"{head}: {verdict}{tail}", markup=False)
