"""The outbox against a broker of paper that takes, forgets and breaks as it likes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alerts.backoff import FIRST_S, LONGEST_S, Backoff
from gateway.alerts.outbox import AlertOutbox, CallStates, HelpOutbox
from gateway.alerts.topics import Message, Origin, Topics

TOPICS = Topics("gateway", "leeds", "node1")
ORIGIN = Origin("leeds", "node1")
AT = "2026-11-22T10:00:00.000Z"


class PaperBroker:
    """Keeps what was published in order, and what it retains."""

    def __init__(self) -> None:
        self.seen: list[Message] = []
        self.retained: dict[str, bytes] = {}

    def take(self, message: Message) -> None:
        self.seen.append(message)
        if message.retain and message.payload:
            self.retained[message.topic] = message.payload
        elif message.retain:
            self.retained.pop(message.topic, None)

    def told(self) -> list[tuple[str, int]]:
        """(id, revision) of every alert state, repetitions included."""
        facts = [json.loads(message.payload) for message in self.seen if message.payload]
        return [(fact["id"], fact["revision"]) for fact in facts]


def outbox() -> AlertOutbox:
    return AlertOutbox(TOPICS, ORIGIN)


def change(box: AlertOutbox, alert: str, state: str, request: str | None = None) -> None:
    box.changed({"id": alert, "state": state}, AT, request)


def flush(box: AlertOutbox, broker: PaperBroker) -> None:
    while (message := box.head) is not None:
        broker.take(message)
        box.done(message)


def test_every_revision_in_order_then_cleared() -> None:
    box, broker = outbox(), PaperBroker()
    change(box, "a-1", "raised", "press-1")
    change(box, "a-2", "raised")
    change(box, "a-1", "repeated", "press-2")
    change(box, "a-1", "resolved")
    flush(box, broker)
    assert broker.told() == [("a-1", 1), ("a-2", 1), ("a-1", 2), ("a-1", 3)]
    assert list(broker.retained) == [TOPICS.alert_state("a-2")]
    assert json.loads(broker.seen[3].payload)["requests"] == ["press-1", "press-2"]
    assert all(message.qos == 1 and message.retain for message in broker.seen)


def test_unacknowledged_message_stays_first() -> None:
    box = outbox()
    change(box, "a-1", "raised")
    first = box.head
    change(box, "a-2", "raised")
    assert box.head is first
    box.done(Message("other", b""))
    assert (box.head is first, len(box)) == (True, 2)


def test_broker_that_forgot_is_told_again_and_one_that_did_not_is_left_alone() -> None:
    box, broker = outbox(), PaperBroker()
    change(box, "a-1", "raised")
    change(box, "a-2", "raised")
    flush(box, broker)
    box.begin_comparison()
    assert box.reconcile(broker.retained) == []
    assert box.head is None
    del broker.retained[TOPICS.alert_state("a-1")]
    box.reconcile(broker.retained)
    flush(box, broker)
    assert broker.told() == [("a-1", 1), ("a-2", 1), ("a-1", 1)]


def test_what_was_acknowledged_while_comparing_is_not_repeated() -> None:
    box, broker = outbox(), PaperBroker()
    box.begin_comparison()
    before = dict(broker.retained)
    change(box, "a-1", "raised")
    flush(box, broker)
    change(box, "a-2", "raised")
    assert box.reconcile(before) == []
    flush(box, broker)
    assert broker.told() == [("a-1", 1), ("a-2", 1)]


def test_alert_from_before_a_restart_is_reported_and_left() -> None:
    ours = ORIGIN.payload({"id": "a-0"})
    found = {
        TOPICS.alert_state("a-0"): ours,
        TOPICS.alert_state("b-0"): Origin("leeds", "node2").payload({"id": "b-0"}),
        TOPICS.call_state("c-0"): ours,
    }
    box = outbox()
    assert box.reconcile(found) == [TOPICS.alert_state("a-0")]
    assert box.head is None


def test_resolved_alert_whose_clearing_was_lost_in_a_restart_is_cleared() -> None:
    topic = TOPICS.alert_state("a-0")
    box = outbox()
    assert box.reconcile({topic: ORIGIN.payload({"id": "a-0", "state": "resolved"})}) == []
    assert box.head == Message(topic, b"")


@given(
    st.lists(
        st.sampled_from(["raise", "settle", "resolve", "send", "lose answer", "reconnect", "forget"]),
        max_size=40,
    )
)
def test_nothing_is_lost_whatever_the_broker_does(story: list[str]) -> None:
    """Every revision arrives, first arrivals in order; in the end exactly the open alerts are retained."""
    box, broker = outbox(), PaperBroker()
    expected: list[tuple[str, int]] = []
    open_alerts: dict[str, int] = {}
    born = 0

    def moved(alert: str, state: str) -> None:
        open_alerts[alert] = open_alerts.get(alert, 0) + 1
        expected.append((alert, open_alerts[alert]))
        change(box, alert, state)

    for step in story:
        if step == "raise":
            born += 1
            moved(f"a-{born}", "raised")
        elif step == "settle" and open_alerts:
            moved(min(open_alerts), "acknowledged")
        elif step == "resolve" and open_alerts:
            alert = min(open_alerts)
            moved(alert, "resolved")
            del open_alerts[alert]
        elif step == "send" and (message := box.head):
            broker.take(message)
            box.done(message)
        elif step == "lose answer" and (message := box.head):
            broker.take(message)
        elif step == "reconnect":
            box.begin_comparison()
            box.reconcile(dict(broker.retained))
        elif step == "forget":
            broker.retained.clear()
    box.begin_comparison()
    box.reconcile(dict(broker.retained))
    flush(box, broker)
    assert list(dict.fromkeys(broker.told())) == expected
    assert set(broker.retained) == {TOPICS.alert_state(alert) for alert in open_alerts}


# ── calls ──


def live(*calls: str, state: str = "talking") -> list[dict]:
    return [{"id": call, "state": state} for call in calls]


def test_only_the_latest_state_goes_out() -> None:
    calls = CallStates(TOPICS, ORIGIN)
    for _ in range(5):
        calls.changed("c-1", AT)
    assert [message.topic for message in calls.take(live("c-1", "c-2"))] == [TOPICS.call_state("c-1")]
    calls.done()
    assert calls.take(live("c-1")) == []


def test_call_that_is_over_is_cleared_once() -> None:
    calls = CallStates(TOPICS, ORIGIN)
    calls.changed("c-1", AT)
    calls.take(live("c-1"))
    calls.done()
    for _ in range(2):
        calls.changed("c-1", AT)
        taken = calls.take([])
    assert taken == []


def test_call_that_was_never_told_need_not_be_cleared() -> None:
    calls = CallStates(TOPICS, ORIGIN)
    calls.changed("c-1", AT)
    assert calls.take([]) == []


def test_failed_messages_are_taken_again_with_what_is_true_by_then() -> None:
    calls = CallStates(TOPICS, ORIGIN)
    calls.changed("c-1", AT)
    calls.take(live("c-1"))
    calls.failed()
    assert [message.payload for message in calls.take([])] == [b""]


def test_comparison_clears_what_died_and_tells_what_lives() -> None:
    calls = CallStates(TOPICS, ORIGIN)
    found = {
        TOPICS.call_state("old"): ORIGIN.payload({"id": "old"}),
        TOPICS.call_state("theirs"): Origin("leeds", "node2").payload({"id": "theirs"}),
    }
    calls.reconcile(found, live("c-1"), AT)
    assert [(message.topic, bool(message.payload)) for message in calls.take(live("c-1"))] == [
        (TOPICS.call_state("old"), False),
        (TOPICS.call_state("c-1"), True),
    ]


# ── backoff ──


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_waits_double_up_to_a_bound_and_start_afresh(spread: float) -> None:
    backoff = Backoff(lambda low, high: low + (high - low) * spread)
    waits = [backoff.next_s() for _ in range(12)]
    assert waits[0] == FIRST_S * (0.5 + spread / 2)
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_S * (0.5 + spread / 2)
    backoff.reset()
    assert backoff.next_s() == waits[0]


def test_requests_for_help_have_an_outbox_of_their_own() -> None:
    topics, origin = Topics("gateway", "leeds", "node1"), Origin("leeds", "node1")
    outbox = HelpOutbox(topics, origin)
    outbox.changed({"id": "h1", "state": "asked"}, "t0")
    outbox.changed({"id": "h1", "state": "closed"}, "t1")
    sent = []
    while (message := outbox.head) is not None:
        sent.append((message.topic, json.loads(message.payload)["state"] if message.payload else None))
        outbox.done(message)
    assert sent == [("gateway/leeds/help/h1/state", state) for state in ("asked", "closed", None)]
    old = origin.payload({"id": "h0", "state": "asked"})
    assert outbox.reconcile({topics.help_state("h0"): old, topics.alert_state("a0"): old}) == [
        topics.help_state("h0")
    ]
