"""Who hears whom: a table that changes with the mode, and levels as bars. Facts in, rich renderables out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.table import Table
from rich.text import Text

from gateway.core.model import LegId, Mode
from gateway.core.talkpath import talk_path
from gateway.demo.levels import Levels, bar
from gateway.demo.settings import ADVISOR, AUDITOR, FLOORWALKER, PATIENT, Person

COLUMNS: Mapping[str, Person] = {
    "patient": PATIENT,
    "advisor": ADVISOR,
    "floorwalker": FLOORWALKER,
    "auditor": AUDITOR,
}
WIDE = 100
"""Columns of a terminal from which on there is room for long bars; 80 are enough for short ones."""


@dataclass(frozen=True, slots=True)
class Scenery:
    """What is so at this moment, by the gateway's own account."""

    patient: bool = False
    """Is the patient on the call?"""
    advisor: bool = False
    auditor: bool = False
    sarah: Mode | None = None
    """What she does on the call; None: she is not on it."""
    others: Mapping[str, Mode] = field(default_factory=dict)
    """Further supervisors by name: real telephones that have joined."""


def hearers(scenery: Scenery) -> dict[str, list[str]]:
    """By who speaks, those who hear it: the gateway's own talk path, and the auditor beside it."""
    patient = LegId("patient") if scenery.patient else None
    advisor = LegId("advisor") if scenery.advisor else None
    modes = {LegId(name): mode for name, mode in scenery.others.items()}
    if scenery.sarah is not None:
        modes[LegId("floorwalker")] = scenery.sarah
    heard: dict[str, list[str]] = {}
    for speaker, listener in talk_path(patient, advisor, modes):
        heard.setdefault(speaker, []).append(listener)
    for party in (patient, advisor):
        if scenery.auditor and party is not None:
            heard.setdefault(party, []).append("auditor")
    return {speaker: sorted(listeners, key=_order) for speaker, listeners in heard.items()}


def sentence(scenery: Scenery) -> str:
    """The same in one line."""
    by_listener: dict[str, list[str]] = {}
    for speaker, listeners in hearers(scenery).items():
        for listener in listeners:
            by_listener.setdefault(listener, []).append(speaker)
    return " · ".join(
        f"{listener} ← {' + '.join(sorted(by_listener[listener], key=_order))}"
        for listener in sorted(by_listener, key=_order)
    )


def picture(scenery: Scenery, levels: Levels, width: int) -> Table:
    """The table for a terminal of so many columns."""
    heard = hearers(scenery)
    says, ear, gap = (16, 9, 2) if width >= WIDE else (7, 7, 0)
    table = Table(box=None, padding=(0, 1), collapse_padding=True, header_style="dim")
    table.add_column("\nspeaks", width=18, no_wrap=True)
    table.add_column("\nhow loud", width=says + 5, no_wrap=True)
    for person in COLUMNS.values():
        room = max(ear, len(person.role)) + gap
        table.add_column(f"{person.role}\nhears", width=room, justify="center", no_wrap=True)
    rows = {
        "patient": (PATIENT, scenery.patient),
        "advisor": (ADVISOR, scenery.advisor),
        "floorwalker": (FLOORWALKER, scenery.sarah is not None),
    }
    for key, (person, there) in rows.items():
        doing = f" ({scenery.sarah.value})" if key == "floorwalker" and scenery.sarah else ""
        title = f"{person.name}{doing}" if doing or key == "patient" else person.title
        name = Text(title, person.style if there else "dim")
        table.add_row(
            name, _says(levels.says.get(key, -math.inf), says, there, person), *_marks(key, heard, scenery)
        )
    for other, mode in scenery.others.items():
        table.add_row(Text(f"{other} ({mode.value})", "bright_yellow"), "", *_marks(other, heard, scenery))
    ears = [Text(bar(levels.hears.get(key, -math.inf), ear), COLUMNS[key].style) for key in COLUMNS]
    table.add_row("", Text("heard", "dim", justify="right"), *ears)
    return table


def _order(name: str) -> int:
    return list(COLUMNS).index(name) if name in COLUMNS else len(COLUMNS)


def _says(level: float, width: int, there: bool, person: Person) -> Text:
    if not there:
        return Text("absent", "dim")
    number = "    " if math.isinf(level) or level < -70 else f"{level:4.0f}"
    return Text(bar(level, width), person.style).append(f" {number}", "dim")


def _marks(speaker: str, heard: Mapping[str, list[str]], scenery: Scenery) -> list[Text]:
    present = {
        "patient": scenery.patient,
        "advisor": scenery.advisor,
        "floorwalker": scenery.sarah is not None,
        "auditor": scenery.auditor,
    }
    marks = []
    for listener in COLUMNS:
        if listener == speaker or not present[listener] or not present.get(speaker, True):
            marks.append(Text(""))
        elif listener in heard.get(speaker, []):
            marks.append(Text("●", "bold green"))
        else:
            marks.append(Text("✕", "bold red"))
    return marks
