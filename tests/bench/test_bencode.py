"""Bencode as BEP 3 gives it, there and back; and nothing broken is taken for something."""

from __future__ import annotations

import pytest
from bencode import decode, encode
from hypothesis import given
from hypothesis import strategies as some

PAIRS = [
    ("spam", b"4:spam"),
    ("", b"0:"),
    ("é", b"2:\xc3\xa9"),
    (-3, b"i-3e"),
    (["spam", 42], b"l4:spami42ee"),
    ({"spam": ["a", "b"], "cow": "moo"}, b"d3:cow3:moo4:spaml1:a1:bee"),
]
values = some.recursive(
    some.text() | some.integers(), lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner)
)


@pytest.mark.parametrize(("value", "data"), PAIRS)
def test_as_in_bep_3(value: object, data: bytes) -> None:
    assert encode(value) == data
    assert decode(data) == value


@given(values)
def test_there_and_back(value: object) -> None:
    assert decode(encode(value)) == value


@pytest.mark.parametrize(
    "data", [b"", b"4:spa", b"i3", b"l4:spam", b"d3:cow", b"d3:cowe", b"di1ei2ee", b"4:spam!", b"x", b"ie"]
)
def test_refuses_what_is_broken(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        decode(data)
