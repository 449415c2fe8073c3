"""The states of a leg in every order of events, and the two queues. No pjsua2, no sockets."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.events import (
    LegAnswered,
    LegConfirmed,
    LegEnded,
    LegInfoDigit,
    LegProgress,
    LegReanswered,
    LegReoffered,
    LegReofferRefused,
    SignallingEvent,
)
from gateway.core.model import LegId
from gateway.sip.errors import CommandQueueFull
from gateway.sip.leg import Leg
from gateway.sip.mailbox import CommandQueue, EventMailbox
from gateway.sip.states import LEG_MOVES, OFFER_MOVES, IllegalMove, LegState, OfferState

ID = LegId("leg")


def leg_in(state: LegState) -> tuple[Leg, list[SignallingEvent]]:
    events: list[SignallingEvent] = []
    return Leg(ID, state, events.append), events


def test_outgoing_call() -> None:
    leg, events = leg_in(LegState.CALLING)
    leg.progressed(180, "Ringing", None, "a")
    leg.progressed(183, "Progress", "early a", "a")
    leg.answered(None, "a")
    leg.progressed(180, "Ringing", None, "a")
    leg.answered("again", "a")
    assert leg.ended(200, "bye")
    assert not leg.ended(500, "again")
    assert events == [
        LegProgress(ID, 180, "Ringing", None),
        LegProgress(ID, 183, "Progress", "early a"),
        LegAnswered(ID, "early a"),
        LegEnded(ID, 200, "bye"),
    ]


def test_early_answer_of_another_fork_does_not_count() -> None:
    leg, events = leg_in(LegState.CALLING)
    leg.progressed(183, "Progress", "early a", "a")
    leg.answered(None, "b")
    assert events[-1] == LegAnswered(ID, None)


def test_incoming_call() -> None:
    leg, events = leg_in(LegState.OFFERED)
    leg.confirmed("too early")
    leg.we_answered()
    leg.confirmed(None)
    leg.confirmed(None)
    assert events == [LegConfirmed(ID, None)]
    assert leg.state is LegState.ESTABLISHED


def test_our_reoffer() -> None:
    leg, events = leg_in(LegState.ESTABLISHED)
    leg.reanswered("unasked")
    leg.reoffer_refused(491)
    assert leg.may_reoffer()
    leg.we_reoffered()
    assert not leg.may_reoffer()
    leg.reanswered("answer")
    leg.we_reoffered()
    leg.reoffer_refused(488)
    leg.reoffer_not_possible()
    assert events == [LegReanswered(ID, "answer"), LegReofferRefused(ID, 488), LegReofferRefused(ID, 491)]


def test_their_reoffer() -> None:
    leg, events = leg_in(LegState.ESTABLISHED)
    assert not leg.takes_reanswer()
    leg.reoffered("offer")
    assert leg.takes_reanswer()
    leg.reoffer_closed("answered")
    assert not leg.takes_reanswer()
    leg.reoffer_closed("again")
    assert events == [LegReoffered(ID, "offer")]


def test_an_update_is_told_with_its_answer_and_waits_for_none() -> None:
    leg, events = leg_in(LegState.ESTABLISHED)
    leg.updated("one", "ours")
    assert not leg.takes_reanswer()
    leg.reoffered("two")
    assert leg.takes_reanswer()
    assert events == [LegReoffered(leg.id, "one", "ours"), LegReoffered(leg.id, "two")]


def test_illegal_moves_say_what_is_allowed() -> None:
    leg, _ = leg_in(LegState.CALLING)
    with pytest.raises(
        IllegalMove, match="calling to answered is not a move; from calling it goes to ended, established"
    ):
        leg.we_answered()
    leg, _ = leg_in(LegState.ESTABLISHED)
    leg.we_reoffered()
    with pytest.raises(IllegalMove, match="we_offered to peer_offered"):
        leg.reoffered("glare")


def test_tables_name_every_state() -> None:
    assert set(LEG_MOVES) == set(LegState)
    assert set(OFFER_MOVES) == set(OfferState)
    assert not LEG_MOVES[LegState.ENDED]


PEER_DEEDS = [
    lambda leg: leg.progressed(180, "Ringing", "x", "a"),
    lambda leg: leg.answered("x", "a"),
    lambda leg: leg.confirmed("x"),
    lambda leg: leg.reanswered("x"),
    lambda leg: leg.late_reanswered("x"),
    lambda leg: leg.reoffer_refused(488),
    lambda leg: leg.reoffer_not_possible(),
    lambda leg: leg.updated("x", "y"),
    lambda leg: leg.takes_reanswer(),
    lambda leg: leg.reoffer_closed("x"),
    lambda leg: leg.digit("5"),
    lambda leg: leg.ended(200, "bye"),
]


@given(st.sampled_from(LegState), st.lists(st.integers(0, len(PEER_DEEDS) - 1)))
def test_any_order_of_what_the_peer_does(state: LegState, deeds: list[int]) -> None:
    """Never an exception, never an event after the end."""
    leg, events = leg_in(state)
    for deed in deeds:
        PEER_DEEDS[deed](leg)
    ends = [index for index, event in enumerate(events) if isinstance(event, LegEnded)]
    assert ends in ([], [len(events) - 1])
    assert state is not LegState.ENDED or not events


def test_commands_run_in_order_and_past_failures() -> None:
    wakes: list[int] = []
    ran: list[str] = []
    queue = CommandQueue(3, lambda: wakes.append(1))
    queue.put(lambda: ran.append("a"))
    queue.put(lambda: 1 / 0)
    queue.put(lambda: ran.append("b"))
    with pytest.raises(CommandQueueFull):
        queue.put(lambda: ran.append("c"))
    assert len(wakes) == 1
    queue.run_all()
    assert ran == ["a", "b"]
    assert len(queue) == 0


async def test_events_come_in_one_batch_and_in_order() -> None:
    got: list[SignallingEvent] = []
    mailbox = EventMailbox(asyncio.get_running_loop(), got.append, limit=100)
    for digit in "123":
        mailbox.post(LegInfoDigit(ID, digit))
    assert len(mailbox) == 3
    await asyncio.sleep(0)
    assert [event.digit for event in got if isinstance(event, LegInfoDigit)] == ["1", "2", "3"]


async def test_full_mailbox_keeps_what_a_call_cannot_do_without() -> None:
    got: list[SignallingEvent] = []
    mailbox = EventMailbox(asyncio.get_running_loop(), got.append, limit=2)
    for _ in range(5):
        mailbox.post(LegProgress(ID, 180, "Ringing", None))
    mailbox.post(LegEnded(ID, 200, "bye"))
    assert mailbox.full
    assert mailbox.dropped == 3
    await asyncio.sleep(0)
    assert got[-1] == LegEnded(ID, 200, "bye")
    assert not mailbox.full


def test_closed_loop_is_survived() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    EventMailbox(loop, print, limit=1).post(LegEnded(ID, 200, "bye"))
