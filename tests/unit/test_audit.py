"""`gateway.core.audit`: scores by hand, and what holds for every form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.audit import Choice, Criterion, Form, Given, check, score

MET = (
    Choice("yes", "Met", 100),
    Choice("partly", "Partly", 50),
    Choice("no", "Not met", 0),
    Choice("na", "–", None),
)
SAFE = (Choice("safe", "Safe", 100), Choice("unsafe", "Not safe", 0))


def criterion(id_: str, weight: float, *, safe: bool = False, comment: str = "never") -> Criterion:
    return Criterion(id_, "", id_, "", weight, SAFE if safe else MET, safe, comment)


FORM = Form(
    "form",
    "A form",
    1,
    80,
    (criterion("greeting", 2), criterion("facts", 6, comment="below_full"), criterion("life", 10, safe=True)),
)

# Answers (a comment after a slash), the score, passed, what fails all, what is missing.
SCORES = """
greeting=yes facts=yes life=safe                100     pass  -     -
greeting=no facts=yes life=safe                 88.89   pass  -     -
greeting=no facts=partly/why life=safe          72.22   fail  -     -
greeting=yes facts=partly life=safe             83.33   pass  -     facts
greeting=yes facts=partly/why life=safe         83.33   pass  -     -
greeting=yes facts=yes life=unsafe              44.44   fail  life  -
greeting=na facts=na life=unsafe                0       fail  life  -
greeting=na facts=yes life=safe                 100     pass  -     -
greeting=yes                                    100     pass  -     facts,life
-                                               none    fail  -     greeting,facts,life
""".strip().splitlines()


def answers_of(words: list[str]) -> dict[str, Given]:
    answers = {}
    for word in words:
        if word != "-":
            id_, _, rest = word.partition("=")
            value, _, comment = rest.partition("/")
            answers[id_] = Given(value, comment)
    return answers


@pytest.mark.parametrize("line", SCORES)
def test_scores(line: str) -> None:
    *words, percent, passed, failed, missing = line.split()
    result = score(FORM, answers_of(words))
    assert result.percent == (None if percent == "none" else float(percent))
    assert result.passed is (passed == "pass")
    assert ",".join(result.failed_all) == failed.strip("-")
    assert ",".join(result.missing) == missing.strip("-")


def test_a_form_is_kept_as_it_was() -> None:
    assert Form.from_snapshot(FORM.snapshot()) == FORM


@pytest.mark.parametrize(
    ("answers", "markers", "why"),
    [
        ({"shouting": Given("yes")}, (), "no such criterion; allowed: greeting, facts, life"),
        ({"life": Given("yes")}, (), "answers.life.value: allowed: safe, unsafe"),
        ({"life": Given("safe", "", (1, 2))}, (1,), "no marker 2 in this audit"),
    ],
)
def test_what_the_form_does_not_know(answers: dict[str, Given], markers: tuple[int, ...], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check(FORM, answers, markers)


answered = st.fixed_dictionaries(
    {},
    optional={
        one.id: st.builds(Given, st.sampled_from([choice.value for choice in one.choices]))
        for one in FORM.criteria
    },
)


@given(answered)
def test_always(answers: dict[str, Given]) -> None:
    """The score lies between 0 and 100, a better answer never lowers it, and what fails all never passes."""
    check(FORM, answers, ())
    result = score(FORM, answers)
    assert result.percent is None or 0 <= result.percent <= 100
    assert not (result.passed and result.failed_all)
    for id_, given_ in answers.items():
        if given_.value in ("no", "partly", "unsafe"):
            better = {**answers, id_: Given("safe" if given_.value == "unsafe" else "yes")}
            assert (score(FORM, better).percent or 0) >= (result.percent or 0)
