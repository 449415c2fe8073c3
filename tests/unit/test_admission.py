"""How much is taken on."""

from __future__ import annotations

import pytest

from gateway.calls.admission import Admission
from gateway.core.errors import Overloaded


class Clock:
    s = 0.0

    def __call__(self) -> float:
        return self.s


def test_calls_a_second() -> None:
    clock = Clock()
    admission = Admission(100, 10, 7, clock)
    answers = [admission.refuse_when(0) for _ in range(12)]
    assert answers == [None] * 10 + [7, 7]
    clock.s = 0.1
    assert [admission.refuse_when(0) for _ in range(2)] == [None, 7]
    clock.s = 100
    assert sum(admission.refuse_when(0) is None for _ in range(50)) == 10


def test_a_rate_below_one_a_second_lets_the_first_through() -> None:
    clock = Clock()
    admission = Admission(100, 0.1, 7, clock)
    assert [admission.refuse_when(0) for _ in range(2)] == [None, 7]
    clock.s = 10.1
    assert admission.refuse_when(0) is None


def test_legs_at_once() -> None:
    admission = Admission(10, 1000, 7, Clock())
    assert admission.refuse_when(39) is None
    assert admission.refuse_when(40) == 7


def test_room_for_calls() -> None:
    admission = Admission(2, 10, 7, Clock())
    admission.require_room(1)
    with pytest.raises(Overloaded) as refused:
        admission.require_room(2)
    assert refused.value.retry_after_s == 7


def test_draining() -> None:
    admission = Admission(2, 10, 7, Clock())
    admission.draining = True
    assert admission.refuse_when(0) == 7
    with pytest.raises(Overloaded):
        admission.require_room(0)
