"""One row of the table: a claim of the story, measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    scene: str
    what: str
    measured: str
    required: str
    passed: bool
