"""Mistakes in a configuration, in words for the person who has to mend them.

A mistake names the key as `trunk[2].uri`: entries of repeated tables are counted from 1, with their name
beside where one is known.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from gateway.config.model import Config

_SECRET_KEY = re.compile(r"password|token|secret", re.IGNORECASE)
_TITLES = ("name", "id", "match")
_LONGEST_SHOWN = 80
FROM_WHERE = "a relative path begins at the folder of the configuration file"

Loc = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong, or (`fatal` False) one that probably is not meant."""

    path: str
    """Key path such as `trunk[2].uri`, or the file."""
    message: str
    """What is wrong, what was found, what is allowed; no full stop."""
    hint: str = ""
    """What to do; may be empty."""
    about: str = ""
    """Name of the trunk, route or user that it is in."""
    fatal: bool = True

    def __str__(self) -> str:
        about = f" ({self.about})" if self.about else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.path}{about}: {self.message}{hint}"


def key_path(loc: Sequence[int | str]) -> str:
    """`("trunk", 1, "uri")` is `trunk[2].uri`."""
    path = ""
    for step in loc:
        path += f"[{step + 1}]" if isinstance(step, int) else f".{plain(step)}" if path else plain(step)
    return path


def escaped(text: object) -> str:
    """Fit for a terminal and one line: what cannot be printed is escaped."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text)
    )


def plain(text: object) -> str:
    """`escaped`, and cut where it is too long."""
    shown = escaped(text)
    return shown if len(shown) <= _LONGEST_SHOWN else shown[: _LONGEST_SHOWN - 1] + "…"


def shown(value: object) -> str:
    """A value as TOML would write it, roughly."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{plain(value)}"'
    if isinstance(value, Mapping):
        return "a table"
    return plain(value)


def near(word: str, known: Iterable[str]) -> str:
    """`did you mean "trunk"?`, or nothing."""
    found = difflib.get_close_matches(word[:100], list(known), n=1, cutoff=0.55)
    return f'did you mean "{found[0]}"?' if found else ""


def about(raw: Mapping[str, Any], loc: Sequence[int | str]) -> str:
    """The name of the repeated table's entry that `loc` is in; empty where it has none."""
    if len(loc) < 2 or not isinstance(loc[1], int):
        return ""
    entries = raw.get(str(loc[0]))
    entry = entries[loc[1]] if isinstance(entries, list) and loc[1] < len(entries) else None
    if isinstance(entry, dict):
        for title in _TITLES:
            if title != loc[-1] and isinstance(entry.get(title), str):
                return plain(entry[title])
    return ""


def translate(raw: Mapping[str, Any], error: ErrorDetails) -> Mistake:
    """A pydantic error in the words of this project."""
    loc = error["loc"]
    message, hint = _words(loc, error)
    return Mistake(key_path(loc), message, hint, about(raw, loc))


def _words(loc: Loc, error: ErrorDetails) -> tuple[str, str]:
    kind, ctx = error["type"], error.get("ctx", {})
    last = str(loc[-1]) if loc else ""
    found = "" if any(_SECRET_KEY.search(str(step)) for step in loc) else f"found {shown(error['input'])}; "
    if kind == "missing":
        return "is missing", ""
    if kind == "extra_forbidden":
        return _unknown_key(loc, last)
    if kind == "value_error":
        return found + str(ctx["error"]), ""
    if kind in ("literal_error", "enum"):
        allowed = re.sub(r"'([^']*)'", r'"\1"', str(ctx["expected"]))
        return f"{found}allowed: {allowed}", near(str(error["input"]), re.findall(r'"([^"]*)"', allowed))
    if kind in ("model_type", "model_attributes_type"):
        return f"{found}a table is expected", f"write [{last}] or {{key = value}}" if last else ""
    if kind == "tuple_type" and isinstance(error["input"], Mapping):
        return f"{found}it may stand more than once", f"write [[{last}]] with two brackets"
    return found + _SIMPLE.get(kind, error["msg"]).format(**ctx), ""


_SIMPLE = {
    "string_type": "text in quotes is expected",
    "int_type": "a whole number is expected",
    "int_from_float": "a whole number is expected",
    "float_type": "a number is expected",
    "finite_number": "a finite number is expected",
    "bool_type": "true or false is expected, without quotes",
    "tuple_type": "a list in square brackets is expected",
    "too_short": "at least {min_length} entries are expected",
    "too_long": "at most {max_length} entries are allowed",
    "greater_than": "allowed: more than {gt}",
    "greater_than_equal": "allowed: at least {ge}",
    "less_than": "allowed: less than {lt}",
    "less_than_equal": "allowed: at most {le}",
    "string_too_long": "allowed: at most {max_length} characters",
}


def _unknown_key(loc: Loc, key: str) -> tuple[str, str]:
    allowed = allowed_keys(loc[:-1])
    env = next((name for name in allowed if name.endswith("_env")), "")
    if env and _SECRET_KEY.search(key) and not key.endswith("_env"):
        return (
            "secrets do not stand in this file",
            f"put it into an environment variable, whose name into {env}",
        )
    if guess := near(key, allowed):
        return "unknown key", guess
    return "unknown key", f"allowed: {', '.join(allowed)}" if allowed else ""


def allowed_keys(loc: Sequence[int | str]) -> list[str]:
    """The TOML keys of the section at `loc`."""
    model: type[BaseModel] | None = Config
    for step in loc:
        if isinstance(step, int):
            continue
        fields = {field.alias or name: field for name, field in model.model_fields.items()} if model else {}
        model = _model_in(fields[step].annotation) if step in fields else None
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (tuple, UnionType):
        return next((model for arg in get_args(annotation) if (model := _model_in(arg))), None)
    return None
