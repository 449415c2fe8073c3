"""The replay window against a set that forgets nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from native.replay import ReplayWindow, RtcpReplayWindow

WINDOW, RTCP_WINDOW = 1024, 64
steps = st.lists(
    st.one_of(st.integers(-70, 70), st.integers(-1100, 1100), st.integers(-30_000, 30_000)), max_size=300
)


@given(st.integers(0, 65_535), steps)
def test_every_index_once_and_only_inside_the_window(first: int, moves: list[int]) -> None:
    window, taken, newest = ReplayWindow(), {first}, first
    assert window.take(first) == first
    for move in moves:
        index = newest + move
        if index < 0:
            continue  # before the stream's begin there is nothing to estimate
        fresh = index not in taken and index > newest - WINDOW
        assert window.take(index & 0xFFFF) == (index if fresh else None)
        if fresh:
            taken.add(index)
            newest = max(newest, index)


@given(st.integers(0, 2**31 - 1), steps)
def test_rtcp_takes_each_index_once(first: int, moves: list[int]) -> None:
    window, taken, newest = RtcpReplayWindow(), {first}, first
    assert window.take(first)
    for move in moves:
        index = min(max(0, newest + move), 2**31 - 1)
        fresh = index not in taken and index > newest - RTCP_WINDOW
        assert window.take(index) is fresh
        if fresh:
            taken.add(index)
            newest = max(newest, index)


def test_the_middle_of_the_circle() -> None:
    """RFC 3711 Appendix A: half the circle away is the same round, and before round zero there is none."""
    window = ReplayWindow()
    assert [window.take(number) for number in (10, 10 + 0x8000, 9, 40_000)] == [
        10,
        10 + 0x8000,
        0x10009,
        None,
    ]
    early = ReplayWindow()
    assert [early.take(number) for number in (5, 65_530)] == [5, 65_530]
