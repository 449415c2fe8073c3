"""How it is shown: lines of commentary above, and in a terminal a live picture below them with a prompt."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from gateway.demo.levels import Levels, bar
from gateway.demo.picture import COLUMNS, Scenery, picture, sentence
from gateway.demo.settings import Person
from gateway.log import get_logger

log = get_logger(__name__)

FRAMES_PER_S = 8
PLAIN_LEVELS_S = 2.0
PLAIN_WIDTH = 118
NAME_WIDTH = 8


class Scene(Protocol):
    """What the picture is drawn from."""

    def scenery(self) -> Scenery: ...
    def levels(self) -> Levels: ...


class Show:
    """Use `running` around everything that is to be shown live; lines may be told before and after it."""

    def __init__(self) -> None:
        self.console = Console(highlight=False)
        if not self.console.is_terminal:
            self.console = Console(highlight=False, width=PLAIN_WIDTH)
        self.prompt: Callable[[], RenderableType] | None = None
        """What stands below the picture."""
        self.plain_levels_s = PLAIN_LEVELS_S
        """Without a terminal, a line of levels so often."""
        self._began_s = time.monotonic()
        self._scenes = 0
        self._sentence = ""

    # ── lines ──

    def title(self, words: str) -> None:
        self._print(Text(words, "bold"))

    def scene(self, title: str, words: str) -> None:
        """A new scene begins."""
        self._scenes += 1
        self._print(Text(""))
        self._print(Text.assemble((f"{self._scenes}. {title}", "bold underline"), ("  " + words, "italic")))

    def does(self, person: Person, words: str) -> None:
        self._line(person.name, person.style, Text(words))

    def says(self, person: Person, words: str) -> None:
        self._line(person.name, person.style, Text(f"“{words}”", "italic"))

    def notes(self, words: str, style: str = "dim") -> None:
        """The gateway's, the broker's or the exchange's side of it."""
        self._line("", "", Text(words, style))

    def verbatim(self, words: str) -> None:
        """A line that is to be copied: never broken by us."""
        self.console.print(Text("  " + words), soft_wrap=True)

    def fails(self, words: str) -> None:
        self._print(Text(words, "bold red"))

    def _line(self, name: str, style: str, words: Text) -> None:
        at_s = time.monotonic() - self._began_s
        start = Text.assemble((f"{at_s:5.1f} s  ", "dim"), (f"{name:<{NAME_WIDTH}}", style), " ")
        # Continued lines begin below the words.
        width = self.console.width - start.cell_len
        for number, part in enumerate(words.wrap(self.console, max(20, width))):
            part.rstrip()
            self._print((start if number == 0 else Text(" " * start.cell_len)) + part)

    def _print(self, line: RenderableType) -> None:
        self.console.print(line, soft_wrap=not self.console.is_terminal)

    # ── live ──

    @contextlib.asynccontextmanager
    async def running(self, scene: Scene) -> AsyncIterator[None]:
        """Draw while inside; in plain lines without a terminal."""
        live = self.console.is_terminal and not self.console.is_dumb_terminal
        drawing = asyncio.create_task(self._draw(scene) if live else self._print_levels(scene))
        drawing.add_done_callback(_tell_of_failure)
        try:
            yield
        finally:
            drawing.cancel()
            await asyncio.gather(drawing, return_exceptions=True)

    async def _draw(self, scene: Scene) -> None:
        with Live(console=self.console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(self._panel(scene), refresh=True)
                await asyncio.sleep(1 / FRAMES_PER_S)

    def _panel(self, scene: Scene) -> RenderableType:
        parts: list[RenderableType] = [picture(scene.scenery(), scene.levels(), self.console.width)]
        if self.prompt is not None:
            parts += [Text(""), self.prompt()]
        return Panel(
            Group(*parts),
            title="who hears whom:  ● heard   ✕ kept from",
            title_align="left",
            border_style="dim",
        )

    async def _print_levels(self, scene: Scene) -> None:
        shown_s = 0.0
        while True:
            line = sentence(scene.scenery())
            if line and line != self._sentence:
                self.notes(line, "")
                self._sentence = line
            if time.monotonic() - shown_s >= self.plain_levels_s:
                shown_s = time.monotonic()
                self._tell_levels(scene.levels())
            await asyncio.sleep(1 / FRAMES_PER_S)

    def _tell_levels(self, levels: Levels) -> None:
        heard = {key: level for key, level in levels.hears.items() if not math.isinf(level)}
        if heard:
            bars = (f"{key} {bar(heard[key], 10)}" for key in COLUMNS if key in heard)
            self.notes("heard:  " + "   ".join(bars))


def _tell_of_failure(drawing: asyncio.Task[None]) -> None:
    """A picture that cannot be drawn is no reason to end the call."""
    if not drawing.cancelled() and (error := drawing.exception()) is not None:
        log.error("demo.picture_failed", error=f"{type(error).__name__}: {error}")
