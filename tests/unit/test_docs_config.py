"""docs/admin.md and config/gateway.toml against the model and the metrics: all that there is, and nothing else."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gateway import overview
from gateway.config.mistakes import allowed_keys

ROOT = Path(__file__).parents[2]
ADMIN = (ROOT / "docs" / "admin.md").read_text()
REPEATED = ("trunk", "route", "advisor", "team", "user")
SECTIONS = [
    ("node",), ("sip",), ("media",), ("trunk", 0), ("route", 0), ("advisor", 0), ("user", 0), ("team", 0), ("supervision",),
    ("alerts",), ("audit",), ("mqtt",), ("web",), ("web", "oidc"), ("store",), ("limits",), ("log",),
]  # fmt: skip


def heading(path: tuple[Any, ...]) -> str:
    name = ".".join(str(step) for step in path if not isinstance(step, int))
    return f"[[{name}]]" if name in REPEATED else f"[{name}]"


def chapter(path: tuple[Any, ...]) -> str:
    """What docs/admin.md says under the section's heading."""
    for text in re.split(r"(?m)^##+ ", ADMIN):
        if f"`{heading(path)}`" in text.partition("\n")[0]:
            return text
    raise AssertionError(f"docs/admin.md has no heading {heading(path)}")


@pytest.mark.parametrize("path", SECTIONS, ids=heading)
def test_every_key_is_in_the_manual_and_every_key_of_the_manual_is_one(path: tuple[Any, ...]) -> None:
    allowed, text = set(allowed_keys(path)), chapter(path)
    inside = {"oidc"} if path == ("web",) else set()  # has a chapter of its own
    missing = {key for key in allowed - inside if not re.search(rf"`(\[\[?[a-z.]*\.)?{key}\b", text)}
    assert missing == set(), f"{heading(path)} lacks {sorted(missing)}"
    first_cells = re.findall(r"(?m)^\| (`[^|]*`) \|", text)
    keys = {key.split(".")[0] for cell in first_cells for key in re.findall(r"`([a-z_.]+)`", cell)}
    assert keys <= allowed | set(re.findall(r"`([a-z]+)` \| (?:yes|no)", text)), heading(path)


def test_the_example_shows_every_key_of_every_table() -> None:
    text = (ROOT / "config" / "gateway.toml").read_text()
    table = tomllib.loads(re.sub(r"(?m)^# (\[*[a-z_.]+\]*(?: = .*)?)$", r"\1", text))
    for name in REPEATED:
        shown = set().union(*(set(entry) for entry in table[name]))
        assert shown == set(allowed_keys((name, 0))), name
    assert set(table["audit"]) == set(allowed_keys(("audit",)))
    assert set(table["web"]["oidc"]) == set(allowed_keys(("web", "oidc")))


def test_every_figure_that_the_manual_names_is_one() -> None:
    code = Path(overview.__file__).read_text()
    there = set(re.findall(r'"(gateway_[a-z_]+)"', code))
    named = {name.removesuffix("_total") for name in re.findall(r"\bgateway_[a-z_]+", ADMIN)}
    assert named and named <= there, sorted(named - there)
