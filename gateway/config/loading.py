"""From a TOML file to a `Config`, with every mistake found on the way and not just the first.

Where one section is broken the others are still looked at together: what is broken is left out of that view,
and nothing is said about what depends on it.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.config.advisors_csv import read_advisors
from gateway.config.audit_forms import read_forms
from gateway.config.crosscheck import cross_check
from gateway.config.draft import Draft
from gateway.config.mistakes import Mistake, plain
from gateway.config.model import Config
from gateway.config.secrets import secret
from gateway.core.errors import ConfigError

MAX_FILE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Report:
    """What came of reading a file: a configuration, or mistakes."""

    config: Config | None
    """None where there is any mistake."""
    mistakes: tuple[Mistake, ...] = ()
    warnings: tuple[Mistake, ...] = ()


def load(path: str | Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the file and check it wholly. Raises `ConfigError` with every mistake; warnings are not told (see
    `examine`)."""
    report = examine(path, environ)
    if report.config is None:
        raise ConfigError([str(mistake) for mistake in report.mistakes])
    return report.config


def examine(path: str | Path, environ: Mapping[str, str] = os.environ) -> Report:
    """Read the file and check it, the environment's secrets and the advisors' CSV file. Never raises."""
    path = Path(path)
    raw, mistake = read_toml(path)
    if mistake:
        return Report(None, (mistake,))
    return examine_table(raw, path.parent, environ)


def examine_table(raw: Mapping[str, Any], base: Path, environ: Mapping[str, str] = os.environ) -> Report:
    """As `examine`, for a table that is parsed already; `base` is where relative paths start."""
    table = dict(raw)
    mistakes: list[Mistake] = []
    csv_name = table.get("advisors_csv")
    if isinstance(csv_name, str):
        rows, mistakes = read_advisors(base / csv_name, csv_name)
        listed = table.get("advisor", [])
        if isinstance(listed, list):
            table["advisor"] = [*listed, *rows]
    draft = Draft(
        table, listed=len(raw["advisor"]) if isinstance(raw.get("advisor"), list) else 0, csv_name=csv_name
    )
    mistakes += draft.mistakes
    mistakes += cross_check(draft, environ)
    if draft.config.audit.forms is not None:
        folder = base / draft.config.audit.forms
        mistakes += read_forms(folder)[1]
        draft.config = draft.config.with_(
            audit=draft.config.audit.model_copy(update={"forms": str(folder.absolute())})
        )
    fatal = tuple(mistake for mistake in mistakes if mistake.fatal)
    warnings = tuple(mistake for mistake in mistakes if not mistake.fatal)
    return Report(None if fatal else draft.config, fatal, warnings)


def read_toml(path: Path) -> tuple[dict[str, Any], Mistake | None]:
    """The file's table, or why there is none."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return {}, Mistake(plain(path), f"cannot be read: {why}")
    if len(data) > MAX_FILE_BYTES:
        return {}, Mistake(plain(path), "is larger than 16 MiB; this is no configuration")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return {}, Mistake(plain(path), f"line {line}: not UTF-8 text", "save the file as UTF-8")
    try:
        return tomllib.loads(text), None
    except RecursionError:
        return {}, Mistake(plain(path), "not TOML that can be read: nested too deeply")
    except ValueError as error:  # TOMLDecodeError, and numbers and dates out of Python's range
        return {}, Mistake(plain(path), _syntax(str(error), text), "see https://toml.io for the syntax")


def _syntax(error: str, text: str) -> str:
    """The parser's words with the place in front: `line 3, column 5: ...`."""
    found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", error, re.DOTALL)
    if not found:
        return plain(error).replace(
            "(at end of document)", f"at the end of the file, line {text.count(chr(10)) + 1}"
        )
    what, line, column = found.groups()
    return f"line {line}, column {column}: {plain(what)}"


__all__ = ["Report", "examine", "examine_table", "load", "read_toml", "secret"]
