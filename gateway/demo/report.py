"""The table of what was checked."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.demo.check import Check


def print_report(console: Console, checks: Sequence[Check]) -> bool:
    """Print every check; returns whether all passed."""
    table = Table(title="What was checked, in the recorded sound", title_justify="left", title_style="bold")
    for heading in ("scene", "what", "measured", "required", ""):
        table.add_column(heading, overflow="fold")
    before = ""
    for check in checks:
        scene = "" if check.scene == before else check.scene
        if scene and before:
            table.add_section()
        before = check.scene
        mark = Text("pass", "green") if check.passed else Text("FAIL", "bold red")
        table.add_row(scene, check.what, check.measured, check.required, mark)
    console.print(table)
    failed = sum(not check.passed for check in checks)
    if failed:
        console.print(Text(f"{failed} of {len(checks)} checks failed", "bold red"))
    else:
        console.print(Text(f"all {len(checks)} checks passed", "bold green"))
    return not failed
