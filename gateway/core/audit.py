"""Scoring a call against a form: weighted criteria, answers worth a share of their weight, criteria that fail
the whole audit. Pure.

The score is the sum of weight times the answer's worth over the sum of the weights, in per cent. Answers
without a worth ("does not apply") leave their criterion out of both sums. A criterion marked `fail_all` that
is answered with 0 % fails the audit, whatever the score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.core.errors import GatewayError

NEVER, BELOW_FULL, ALWAYS = "never", "below_full", "always"
"""When a criterion needs a comment; `below_full`: where the answer is worth less than 100 %."""


class AuditIncomplete(GatewayError):
    """It cannot be finished yet; the text says what is missing."""


class AuditFinished(GatewayError):
    """A finished audit is not changed any more."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One possible answer."""

    value: str
    label: str
    percent: float | None
    """What it is worth of the criterion's weight; None: the criterion does not count."""


@dataclass(frozen=True, slots=True)
class Criterion:
    id: str
    section: str
    text: str
    guidance: str
    weight: float
    choices: tuple[Choice, ...]
    fail_all: bool
    comment: str
    """`never`, `below_full` or `always` needed."""

    def choice(self, value: str | None) -> Choice | None:
        return next((choice for choice in self.choices if choice.value == value), None)


@dataclass(frozen=True, slots=True)
class Form:
    id: str
    title: str
    version: int
    pass_percent: float
    criteria: tuple[Criterion, ...]

    def criterion(self, id_: str) -> Criterion | None:
        return next((criterion for criterion in self.criteria if criterion.id == id_), None)

    def snapshot(self) -> dict[str, Any]:
        """Ready for JSON; `from_snapshot` reads it."""
        return {
            "id": self.id,
            "title": self.title,
            "version": self.version,
            "pass_percent": self.pass_percent,
            "criteria": [
                {
                    "id": one.id,
                    "section": one.section,
                    "text": one.text,
                    "guidance": one.guidance,
                    "weight": one.weight,
                    "fail_all": one.fail_all,
                    "comment": one.comment,
                    "choices": [
                        {"value": choice.value, "label": choice.label, "percent": choice.percent}
                        for choice in one.choices
                    ],
                }
                for one in self.criteria
            ],
        }

    @classmethod
    def from_snapshot(cls, facts: Mapping[str, Any]) -> Form:
        """The form as it was when an audit was begun with it."""
        criteria = tuple(
            Criterion(**{**one, "choices": tuple(Choice(**choice) for choice in one["choices"])})
            for one in facts["criteria"]
        )
        return cls(**{**facts, "criteria": criteria})


@dataclass(frozen=True, slots=True)
class Given:
    """One criterion's answer as an auditor gives it."""

    value: str | None
    comment: str = ""
    markers: tuple[int, ...] = ()
    """Ids of the audit's markers that it is about."""

    def snapshot(self) -> dict[str, Any]:
        return {"value": self.value, "comment": self.comment, "markers": list(self.markers)}


@dataclass(frozen=True, slots=True)
class Result:
    percent: float | None
    """None: nothing that counts was answered."""
    passed: bool
    failed_all: tuple[str, ...]
    """Criteria that fail the whole audit."""
    missing: tuple[str, ...]
    """Criteria without an answer, or without the comment that they need."""

    def snapshot(self) -> dict[str, Any]:
        return {
            "percent": self.percent,
            "passed": self.passed,
            "failed_all": list(self.failed_all),
            "missing": list(self.missing),
        }


def check(form: Form, answers: Mapping[str, Given], markers: Iterable[int]) -> None:
    """Raises ValueError for an answer that the form does not know, or a marker that the audit has not."""
    known = set(markers)
    for id_, given in answers.items():
        criterion = form.criterion(id_)
        if criterion is None:
            allowed = ", ".join(one.id for one in form.criteria)
            raise ValueError(f"answers.{id_}: the form has no such criterion; allowed: {allowed}")
        if given.value is not None and criterion.choice(given.value) is None:
            allowed = ", ".join(choice.value for choice in criterion.choices)
            raise ValueError(f"answers.{id_}.value: allowed: {allowed}")
        if unknown := set(given.markers) - known:
            raise ValueError(f"answers.{id_}.markers: no marker {min(unknown)} in this audit")


def score(form: Form, answers: Mapping[str, Given]) -> Result:
    """The result so far; final once nothing is missing."""
    reached = possible = 0.0
    failed, missing = [], []
    for criterion in form.criteria:
        given = answers.get(criterion.id, Given(None))
        choice = criterion.choice(given.value)
        if choice is None:
            missing.append(criterion.id)
            continue
        if _needs_comment(criterion, choice) and not given.comment.strip():
            missing.append(criterion.id)
        if choice.percent is None:
            continue
        reached += criterion.weight * choice.percent
        possible += criterion.weight
        if criterion.fail_all and choice.percent == 0:
            failed.append(criterion.id)
    percent = round(reached / possible, 2) if possible else None
    passed = not failed and percent is not None and percent >= form.pass_percent
    return Result(percent, passed, tuple(failed), tuple(missing))


def _needs_comment(criterion: Criterion, choice: Choice) -> bool:
    if criterion.comment == BELOW_FULL:
        return choice.percent is not None and choice.percent < 100
    return criterion.comment == ALWAYS
