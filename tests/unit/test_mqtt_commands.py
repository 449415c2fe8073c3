"""What buttons and wallboards send, right and wrong."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alerts.commands import Acknowledge, Command, Raise, Resolve, parse
from gateway.alerts.topics import Topics

TOPICS = Topics("gateway", "leeds", "node1")
RAISE = TOPICS.raise_alert
ACKNOWLEDGE = "gateway/leeds/alert/a-1/acknowledge"
RESOLVE = "gateway/leeds/alert/a-1/resolve"


@pytest.mark.parametrize(
    ("topic", "facts", "command"),
    [
        (RAISE, {"advisor": "adv1"}, Raise("adv1", None, "", None)),
        (RAISE, {"call": "c-1", "reason": "help", "id": "7", "schema": 1}, Raise(None, "c-1", "help", "7")),
        (RAISE, {"advisor": "adv1", "id": 7, "call": None}, Raise("adv1", None, "", "7")),
        (ACKNOWLEDGE, {"user": "fw1"}, Acknowledge("a-1", "fw1")),
        (RESOLVE, {"user": "fw1"}, Resolve("a-1", "fw1")),
    ],
)
def test_right(topic: str, facts: dict, command: Command) -> None:
    assert parse(TOPICS, topic, json.dumps(facts).encode(), retained=False) == command


@pytest.mark.parametrize(
    ("topic", "payload", "told"),
    [
        (RAISE, b"", "not JSON"),
        (RAISE, b"{" * 5000, "not JSON"),
        (RAISE, b'"adv1"', "expected a JSON object, found str"),
        (RAISE, b" " * 9000, "9000 bytes; allowed: 8192"),
        (RAISE, b"{}", "advisor or call must be given"),
        (RAISE, b'{"advisor":""}', "advisor or call must be given"),
        (RAISE, b'{"advisor":["adv1"]}', "advisor: expected text, found list"),
        (RAISE, b'{"advisor":true}', "advisor: expected text, found bool"),
        (RAISE, b'{"advisor":"adv1","who":"me"}', "who: unknown key; allowed: advisor, call, reason, id"),
        (RAISE, b'{"advisor":"adv1","schema":2}', "unknown schema; allowed: 1"),
        (RAISE, json.dumps({"advisor": "x" * 501}).encode(), "advisor: 501 characters; allowed: 500"),
        (ACKNOWLEDGE, b"{}", "user must be given"),
        (ACKNOWLEDGE, b'{"advisor":"adv1"}', "advisor: unknown key; allowed: user"),
        ("gateway/leeds/alert/a-1/dance", b'{"user":"fw1"}', "nothing is done with topic"),
    ],
)
def test_wrong(topic: str, payload: bytes, told: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 (the text is what is tested)
        parse(TOPICS, topic, payload, retained=False)
    assert told in str(refused.value)


def test_retained_command_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be retained"):
        parse(TOPICS, RAISE, b'{"advisor":"adv1"}', retained=True)


@given(st.binary(max_size=200))
def test_garbage_never_gets_further_than_a_refusal(payload: bytes) -> None:
    for topic in (RAISE, ACKNOWLEDGE):
        try:
            command = parse(TOPICS, topic, payload, retained=False)
        except ValueError:
            continue
        assert isinstance(command, Raise | Acknowledge)
