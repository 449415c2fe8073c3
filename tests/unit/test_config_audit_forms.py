"""Audit forms: the example is sound, and each mistake is told with its file and key."""

from __future__ import annotations

from pathlib import Path

import pytest
from configs import mistakes_of, sound

from gateway.config.audit_forms import read_forms

EXAMPLE = Path(__file__).parents[2] / "config" / "audit"


def test_the_example_is_sound() -> None:
    forms, mistakes = read_forms(EXAMPLE)
    assert mistakes == []
    form = forms["call-handling"]
    assert {one.id for one in form.criteria if one.fail_all} == {"life-threat", "advice", "confidentiality"}
    assert all(one.choices for one in form.criteria)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'scale = "safe"\nfail_all',
            'scale = "save"\nfail_all',
            'no [[scale]] has that name; did you mean "safe"?',
        ),
        ("percent = 0.0", "percent = 10.0", 'criterion[3].fail_all: no answer of scale "safe" is worth 0'),
        ('id = "record"', 'id = "greeting"', 'criterion[9].id: "greeting" is there 2 times'),
        ("weight = 2.0", "weight = -2.0", "criterion[1].weight: found -2.0"),
        ("weight = 2.0", "wait = 2.0", "criterion[1].wait: unknown key"),
        ('title = "Call handling', 'titel = "Call handling', "title: is missing"),
        ('value = "partly"', 'value = "yes"', 'scale[1].answer: "yes" is there 2 times'),
        ('name = "safe"', 'name = "met"', "scale: two scales have the same name"),
        ("version = 1", "version = one", "cannot be read"),
        ("pass_percent = 86.0", "pass_percent = 860.0", "pass_percent: found 860.0"),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (EXAMPLE / "call-handling.toml").read_text()
    assert old in text
    (tmp_path / "mine.toml").write_text(text.replace(old, new))
    forms, mistakes = read_forms(tmp_path)
    assert forms == {}
    assert any(said in str(mistake) and "mine.toml" in str(mistake) for mistake in mistakes), mistakes


def test_names_and_folders(tmp_path: Path) -> None:
    (tmp_path / "my form.toml").write_text("")
    assert "the name becomes the form's id" in str(read_forms(tmp_path)[1][0])
    nowhere = read_forms(tmp_path / "nowhere")[1][0]
    assert "cannot be read: No such file" in str(nowhere) and "relative path" in nowhere.hint
    (tmp_path / "empty").mkdir()
    assert not read_forms(tmp_path / "empty")[1][0].fatal


def test_gateway_check_looks_into_them(tmp_path: Path) -> None:
    (found,) = mistakes_of({**sound(), "audit": {"forms": "nowhere"}}, tmp_path)
    assert (
        found.startswith("audit.forms: ") and "cannot be read: No such file or directory; a relative" in found
    )
