"""A configuration that may be broken in places: its mistakes field by field, and what can still be used of
it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.config.mistakes import Mistake, about, escaped, key_path, plain, translate
from gateway.config.model import Config

REPEATED = ("trunk", "route", "advisor", "user")


class Draft:
    """`table` as far as it is sound. Never raises.

    `config` lacks the keys, entries and sections that are broken, which are then at their defaults; `broken`
    names the sections with any mistake. `listed` says how many entries of `advisor` stand in the file; what
    comes after them are rows of `csv_name`.
    """

    def __init__(self, table: Mapping[str, Any], *, listed: int = 0, csv_name: object = None) -> None:
        self._raw = table
        self._listed = listed
        self._csv_name = csv_name
        self.broken: set[str] = set()
        self.mistakes: list[Mistake] = []
        self._bad: set[tuple[int | str, ...]] = set()
        self._positions = {
            name: list(range(len(entries)))
            for name in REPEATED
            if isinstance(entries := table.get(name), list)
        }
        self.config = self._salvage(copy.deepcopy(dict(table)))

    def _salvage(self, table: dict[str, Any]) -> Config:
        """Validate; without the wrong keys; without the entries and sections that cannot do without those."""
        locs = [detail["loc"] for detail in _errors(table)]
        self.mistakes = [self._translate(detail) for detail in _errors(table)]
        for loc in locs:
            self.broken.add(str(loc[0]))
            self._bad.add(tuple(loc[:2]))
        for loc in locs:
            _drop_key(table, loc)
        self._drop_entries(table, [detail["loc"] for detail in _errors(table)])
        return _validate(table)

    def _drop_entries(self, table: dict[str, Any], locs: Sequence[Sequence[int | str]]) -> None:
        for name in {str(loc[0]) for loc in locs}:
            bad = {loc[1] if len(loc) > 1 else None for loc in locs if loc[0] == name}
            if name in self._positions and None not in bad:
                kept = [position for position in self._positions[name] if position not in bad]
                table[name] = [table[name][position] for position in kept]
                self._positions[name] = kept
            else:
                table.pop(name, None)

    def _translate(self, detail: ErrorDetails) -> Mistake:
        mistake = translate(self._raw, detail)
        return Mistake(self._path(detail["loc"]), mistake.message, mistake.hint, mistake.about)

    def _path(self, loc: Sequence[int | str]) -> str:
        if len(loc) > 1 and loc[0] == "advisor" and isinstance(loc[1], int) and loc[1] >= self._listed:
            row = self._raw["advisor"][loc[1]]
            line = getattr(row, "line", loc[1] - self._listed + 2)
            return f"{plain(self._csv_name)} line {line}" + "".join(f", {plain(step)}" for step in loc[2:])
        return key_path(loc)

    def mistake(
        self, loc: Sequence[int | str], message: str, hint: str = "", *, fatal: bool = True
    ) -> Mistake:
        """A mistake at `loc`, in which positions are those in `config`."""
        original = list(loc)
        if len(original) > 1 and isinstance(original[1], int) and str(original[0]) in self._positions:
            original[1] = self._positions[str(original[0])][original[1]]
        where, whose = self._path(original), about(self._raw, original)
        return Mistake(where, escaped(message), escaped(hint), whose, fatal)

    def is_broken(self, section: str, key: str) -> bool:
        """Is this key, or its whole section, at its default because it was wrong? key "": the section."""
        return (section,) in self._bad or (section, key) in self._bad

    def is_sound(self, section: str, position: int) -> bool:
        """Was nothing left out of this entry of `config`?"""
        return (section, self._positions[section][position]) not in self._bad

    def names(self, section: str, key: str) -> set[str]:
        """The values of `key` in all entries of a repeated table, broken ones too."""
        entries = self._raw.get(section)
        if not isinstance(entries, list):
            return set()
        return {
            entry[key] for entry in entries if isinstance(entry, dict) and isinstance(entry.get(key), str)
        }

    def has(self, name: str) -> bool:
        """Does the file have this section or key at all?"""
        return name in self._raw


def _validate(table: Mapping[str, Any]) -> Config:
    return Config.model_validate(table, by_alias=True, by_name=False)


def _errors(table: Mapping[str, Any]) -> list[ErrorDetails]:
    try:
        _validate(table)
    except ValidationError as error:
        return error.errors(include_url=False)
    return []


def _drop_key(table: dict[str, Any], loc: Sequence[int | str]) -> None:
    """Delete what `loc` names: a key, or the whole list that a wrong item is in. Repeated tables stay."""
    holder: Any = table
    entry = len(loc) > 1 and loc[0] in REPEATED and isinstance(loc[1], int)
    if entry and isinstance(table.get(str(loc[0])), list):
        holder, loc = table[str(loc[0])][int(loc[1])], loc[2:]
    for position, step in enumerate(loc):
        if not isinstance(holder, dict) or step not in holder:
            return
        inner = loc[position + 1 :]
        if not inner or isinstance(inner[0], int):
            del holder[step]
            return
        holder = holder[step]
