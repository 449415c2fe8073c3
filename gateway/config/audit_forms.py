"""Audit forms: one TOML file each in the folder `[audit] forms`; the file's name is the form's id.

Checked like the configuration: every mistake with its file, its key and what is allowed.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, ValidationError

from gateway.config.fields import Name
from gateway.config.mistakes import FROM_WHERE, Mistake, key_path, near, plain, shown
from gateway.config.model import Section
from gateway.core.audit import Choice, Criterion, Form

MAX_FILE_BYTES = 1024 * 1024
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Percent = Annotated[float, Field(strict=True, ge=0, le=100)]


class Answer(Section):
    value: Name
    label: Text
    percent: Percent | None = None
    """What it is worth; left out: the criterion does not count."""


class Scale(Section):
    name: Name
    answer: tuple[Answer, ...] = Field(min_length=2, max_length=20)


class CriterionEntry(Section):
    id: Name
    section: Annotated[str, Field(max_length=200)] = ""
    text: Text
    guidance: Annotated[str, Field(max_length=4000)] = ""
    weight: Annotated[float, Field(strict=True, gt=0, le=1000)] = 1.0
    scale: Name
    fail_all: StrictBool = False
    comment: Literal["never", "below_full", "always"] = "never"


class FormFile(Section):
    title: Text
    version: Annotated[int, Field(strict=True, ge=1)] = 1
    pass_percent: Percent = 80.0
    scale: tuple[Scale, ...] = Field(min_length=1, max_length=50)
    criterion: tuple[CriterionEntry, ...] = Field(min_length=1, max_length=200)

    def form(self, id_: str) -> Form:
        scales = {
            scale.name: tuple(Choice(one.value, one.label, one.percent) for one in scale.answer)
            for scale in self.scale
        }
        criteria = tuple(
            Criterion(
                one.id,
                one.section,
                one.text,
                one.guidance,
                one.weight,
                scales[one.scale],
                one.fail_all,
                one.comment,
            )
            for one in self.criterion
        )
        return Form(id_, self.title, self.version, self.pass_percent, criteria)


def read_forms(folder: Path) -> tuple[dict[str, Form], list[Mistake]]:
    """Every form in the folder by its id, and every mistake in them. Never raises."""
    forms: dict[str, Form] = {}
    mistakes: list[Mistake] = []
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix == ".toml")
    except OSError as error:
        why = f"{plain(folder)} cannot be read: {error.strerror or error}"
        return {}, [Mistake("audit.forms", why, FROM_WHERE)]
    if not files:
        mistakes.append(Mistake("audit.forms", f"{plain(folder)} has no .toml file in it", fatal=False))
    for path in files:
        form, wrong = _read(path)
        mistakes += wrong
        if form is not None:
            forms[form.id] = form
    return forms, mistakes


def _read(path: Path) -> tuple[Form | None, list[Mistake]]:
    where = plain(path.name)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", path.stem):
        return None, [Mistake(where, "the name becomes the form's id; allowed: letters, digits, . _ -")]
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return None, [Mistake(where, "is larger than 1 MiB; this is no form")]
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        return None, [Mistake(where, f"cannot be read: {plain(error)}")]
    try:
        file = FormFile.model_validate(table)
    except ValidationError as error:
        return None, [
            Mistake(f"{where}: {key_path(detail['loc'])}", _words(detail)) for detail in error.errors()
        ]
    wrong = [Mistake(f"{where}: {key_path(loc)}", text, hint) for loc, text, hint in _cross(file)]
    return (None if wrong else file.form(path.stem)), wrong


def _words(detail: Mapping[str, Any]) -> str:
    if detail["type"] == "missing":
        return "is missing"
    if detail["type"] == "extra_forbidden":
        return "unknown key"
    return f"found {shown(detail['input'])}; {plain(str(detail['msg']).removeprefix('Value error, '))}"


def _cross(file: FormFile) -> Iterator[tuple[Sequence[int | str], str, str]]:
    scales = {scale.name: scale for scale in file.scale}
    for position, scale in enumerate(file.scale):
        for value, count in Counter(one.value for one in scale.answer).items():
            if count > 1:
                yield ("scale", position, "answer"), f'"{value}" is there {count} times', ""
        if all(one.percent is None for one in scale.answer):
            yield ("scale", position, "answer"), "none has a percent, so nothing could be scored by it", ""
    if len(scales) < len(file.scale):
        yield ("scale",), "two scales have the same name", ""
    ids = Counter(one.id for one in file.criterion)
    for position, criterion in enumerate(file.criterion):
        loc = ("criterion", position)
        if ids[criterion.id] > 1:
            yield (*loc, "id"), f'"{criterion.id}" is there {ids[criterion.id]} times', ""
        used = scales.get(criterion.scale)
        if used is None:
            text = f'found "{criterion.scale}"; no [[scale]] has that name'
            yield (*loc, "scale"), text, near(criterion.scale, scales)
        elif criterion.fail_all and all(one.percent != 0 for one in used.answer):
            yield (*loc, "fail_all"), f'no answer of scale "{used.name}" is worth 0: it could never fail', ""
