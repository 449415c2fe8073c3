"""The table of DESIGN §4, cell by cell."""

from __future__ import annotations

import pytest

from gateway.core.model import LegId, Mode
from gateway.core.talkpath import talk_path

P, A, S, T = LegId("p"), LegId("a"), LegId("s"), LegId("t")


@pytest.mark.parametrize(
    ("mode", "caller", "advisor", "supervisor"),
    [
        (Mode.LISTEN, "a", "p", "ap"),
        (Mode.WHISPER, "a", "ps", "ap"),
        (Mode.BARGE, "as", "ps", "ap"),
        (Mode.TAKEOVER, "s", "ps", "p"),
    ],
)
def test_one_supervisor(mode: Mode, caller: str, advisor: str, supervisor: str) -> None:
    gains = talk_path(P, A, {S: mode})
    for listener, heard in ((P, caller), (A, advisor), (S, supervisor)):
        assert "".join(sorted(source for source, ear in gains if ear == listener)) == heard


def test_nobody_listens() -> None:
    assert talk_path(P, A, {}) == {(P, A): 1.0, (A, P): 1.0}


def test_a_whisper_reaches_the_other_supervisor_and_not_the_caller() -> None:
    gains = talk_path(P, A, {S: Mode.WHISPER, T: Mode.LISTEN})
    assert (S, T) in gains
    assert (T, S) not in gains
    assert (S, P) not in gains


def test_the_advisor_has_left() -> None:
    assert talk_path(P, None, {S: Mode.TAKEOVER}) == {(P, S): 1.0, (S, P): 1.0}
