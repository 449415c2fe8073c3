"""The advisors' list as a CSV file (RFC 4180), as a spreadsheet saves it: with or without BOM, commas or
semicolons."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from gateway.config.mistakes import FROM_WHERE, Mistake, near, plain

COLUMNS = ("id", "name", "extension", "team")
REQUIRED = ("id", "extension", "team")
MAX_FILE_BYTES = 64 * 1024 * 1024


class Row(dict[str, Any]):
    """One advisor, and the line of the file that it ends on."""

    line: int = 0


def read_advisors(path: Path, name: str) -> tuple[list[Row], list[Mistake]]:
    """The rows as tables of `[[advisor]]`, and what is wrong with the file itself; `name` is what the file is
    called in mistakes."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return [], [Mistake("advisors_csv", f"{plain(path)} cannot be read: {why}", FROM_WHERE)]
    if len(data) > MAX_FILE_BYTES:
        return [], [Mistake("advisors_csv", f"{plain(path)} is larger than 64 MiB")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return [], [Mistake(plain(name), f"line {line}: not UTF-8 text", "save the file as CSV UTF-8")]
    return parse_advisors(text, plain(name))


def parse_advisors(text: str, name: str) -> tuple[list[Row], list[Mistake]]:
    """As `read_advisors`, of the file's text."""
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    mistakes: list[Mistake] = []
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        if wrong := _header_mistakes(header, name):
            return [], wrong
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                message = f"{len(cells)} columns found, {len(header)} expected as in the first line"
                mistakes.append(Mistake(f"{name} line {reader.line_num}", message))
                continue
            row = Row((key, cell.strip()) for key, cell in zip(header, cells, strict=True))
            row.line = reader.line_num
            rows.append(row)
    except csv.Error as error:
        mistakes.append(Mistake(f"{name} line {reader.line_num}", f"not CSV: {error}"))
    return rows, mistakes


def _header_mistakes(header: list[str], name: str) -> list[Mistake]:
    path = f"{name} line 1"
    allowed = f"allowed: {', '.join(COLUMNS)}"
    wrong = [
        Mistake(path, f'unknown column "{plain(cell)}"', near(cell, COLUMNS) or allowed)
        for cell in header
        if cell not in COLUMNS
    ]
    wrong += [
        Mistake(path, f'column "{column}" is missing', allowed) for column in REQUIRED if column not in header
    ]
    wrong += [Mistake(path, f'column "{c}" stands twice') for c in COLUMNS if header.count(c) > 1]
    return wrong
