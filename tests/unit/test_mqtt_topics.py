"""Topic names as strangers will type them, payloads as they will read them."""

from __future__ import annotations

import json

import pytest

from gateway.alerts.topics import Origin, Topics

TOPICS = Topics("nhs/gateway", "leeds", "node1")


def test_names() -> None:
    assert TOPICS.status == "nhs/gateway/leeds/gateway/node1/status"
    assert TOPICS.call_state("c-1") == "nhs/gateway/leeds/call/c-1/state"
    assert TOPICS.alert_state("a-1") == "nhs/gateway/leeds/alert/a-1/state"
    assert TOPICS.inbound == (
        "nhs/gateway/leeds/alert/raise",
        "nhs/gateway/leeds/alert/+/acknowledge",
        "nhs/gateway/leeds/alert/+/resolve",
        "nhs/gateway/leeds/gateway/node1/drill",
    )
    assert TOPICS.help_state("h-1") == "nhs/gateway/leeds/help/h-1/state"


@pytest.mark.parametrize("strange", ["a/b", "#", "+", "a b", "ü", "%2F"])
def test_strange_ids_stay_one_level_and_come_back(strange: str) -> None:
    topic = TOPICS.alert_state(strange)
    assert topic.count("/") == 5
    assert not set("+#") & set(topic)
    assert TOPICS.alert_of(topic) == strange


@pytest.mark.parametrize(
    "other",
    [
        "nhs/gateway/leeds/alert/raise",
        "nhs/gateway/leeds/alert/state",
        "nhs/gateway/leeds/alert//state",
        "nhs/gateway/leeds/alert/a/b/state",
        "nhs/gateway/york/alert/a/state",
        "nhs/gateway/leeds/call/a/state",
    ],
)
def test_other_topics_are_no_alert(other: str) -> None:
    assert TOPICS.alert_of(other) is None


def test_payload() -> None:
    payload = Origin("leeds", "node1").payload({"id": "a-1", "reason": "Zoë"})
    assert payload.decode() == '{"schema":1,"site":"leeds","node":"node1","id":"a-1","reason":"Zoë"}'


@pytest.mark.parametrize(
    ("payload", "ours"),
    [
        ({"site": "leeds", "node": "node1"}, True),
        ({"site": "leeds", "node": "node2"}, False),
        ({"site": "york", "node": "node1"}, False),
        ([], False),
    ],
)
def test_whose_payload(payload: object, ours: bool) -> None:
    assert Origin("leeds", "node1").is_ours(json.dumps(payload).encode()) is ours


def test_garbage_is_not_ours() -> None:
    assert not Origin("leeds", "node1").is_ours(b"\xff{")
