"""Audits as CSV (RFC 4180), one line for each criterion, safe to be opened by a spreadsheet.

A cell that a spreadsheet would take for a formula (it begins with = + - @, a tab or a carriage return) gets
an apostrophe in front (OWASP, "CSV Injection").
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

COLUMNS = (
    "audit", "state", "auditor", "advisor", "team", "call", "call_started_at", "created_at", "finished_at",
    "form", "form_version", "score_percent", "passed", "failed_all", "section", "criterion", "text", "weight",
    "answer", "answer_percent", "comment", "markers_ms", "overall_comment",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(audits: Iterable[Mapping[str, Any]]) -> str:
    """A heading, then a line for each criterion of each audit; safe for spreadsheets."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    for audit in audits:
        for line in _lines(audit):
            writer.writerow({name: safe(value) for name, value in line.items()})
    return out.getvalue()


def safe(value: Any) -> Any:
    """Fit for a cell; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _lines(audit: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    form, result = audit["form"], audit["result"]
    at = {marker["number"]: marker["media_time_ms"] for marker in audit["markers"]}
    head = {name: audit[name] for name in ("state", "auditor", "team", "call", "call_started_at")}
    head |= {
        "audit": audit["id"],
        "advisor": audit["advisor"].get("id") or audit["advisor"].get("extension"),
        "created_at": audit["created_at"],
        "finished_at": audit["finished_at"],
        "form": form["id"],
        "form_version": form["version"],
        "score_percent": result["percent"],
        "passed": str(result["passed"]).lower() if audit["state"] == "finished" else "",
        "failed_all": " ".join(result["failed_all"]),
        "overall_comment": audit["comment"],
    }
    for criterion in form["criteria"]:
        given = audit["answers"].get(criterion["id"], {"value": None, "comment": "", "markers": []})
        worth = {choice["value"]: choice["percent"] for choice in criterion["choices"]}
        yield {
            **head,
            "section": criterion["section"],
            "criterion": criterion["id"],
            "text": criterion["text"],
            "weight": criterion["weight"],
            "answer": given["value"],
            "answer_percent": worth.get(given["value"]),
            "comment": given["comment"],
            "markers_ms": " ".join(str(at[number]) for number in given["markers"] if number in at),
        }
