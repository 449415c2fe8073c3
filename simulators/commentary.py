"""The running commentary of the command line: one line for each thing that happens, with time and speaker."""

from __future__ import annotations

import math
import time

from rich.console import Console
from rich.markup import escape

from .endpoint import Traced

QUIETEST_DB = -60.0


class Commentary:
    """Prints to the terminal. `who` begins each line."""

    def __init__(self, who: str, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._who = who
        self._began = time.monotonic()

    def say(self, text: str, style: str = "") -> None:
        at_s = time.monotonic() - self._began
        words = f"[{style}]{escape(text)}[/]" if style else escape(text)
        self.console.print(f"[dim]{at_s:7.2f} s[/]  [bold]{escape(self._who)}[/]  {words}", soft_wrap=True)

    def good(self, text: str) -> None:
        self.say(text, "green")

    def bad(self, text: str) -> None:
        self.say(text, "red")

    def level(self, level_db: float) -> None:
        self.say(f"hears {bar(level_db)}")

    def message(self, traced: Traced) -> None:
        """A SIP message's first line, for --verbose."""
        arrow = "→" if traced.direction == "sent" else "←"
        self.say(f"{arrow} {traced.hop}  {traced.first_line}", "dim")


def bar(level_db: float, width: int = 24) -> str:
    """A level as a bar and a number."""
    if math.isinf(level_db) or level_db <= QUIETEST_DB:
        return "·" * width + "  silence"
    filled = round(width * min(1.0, (level_db - QUIETEST_DB) / -QUIETEST_DB))
    return "█" * filled + "·" * (width - filled) + f"  {level_db:5.1f} dBFS"
