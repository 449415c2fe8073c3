"""How calls end: every state against every end, and who is told what."""

from __future__ import annotations

import pytest
from callscript import Script, phone_sdp

from gateway.core.callstate import State
from gateway.core.model import Mode
from gateway.core.progress import carried_back, masked
from gateway.core.setup import Policy


def ringing() -> Script:
    script = Script()
    script.start()
    script.rings()
    return script


def early() -> Script:
    script = Script()
    script.start()
    script.rings(183, phone_sdp("8 101"))
    return script


def talking() -> Script:
    script = Script()
    script.talk()
    return script


def taken() -> Script:
    script = talking()
    script.joins("fw1", Mode.TAKEOVER)
    script.ends("advisor")
    return script


STATES = {"ringing": ringing, "early": early, "talking": talking, "taken": taken}


@pytest.mark.parametrize("state", STATES)
def test_the_caller_leaves(state: str) -> None:
    script = STATES[state]()
    script.clear()
    script.ends("caller", 487 if state in ("ringing", "early") else 200)
    lines = script.lines(news=False)
    others = {"taken": ["fw1"]}.get(state, ["advisor"])
    code = "" if state == "taken" else " 487"
    assert lines == [f"hang up {other}{code}" for other in others] + ["RemoveMedia"]
    assert script.call.state is State.ENDING
    for other in others:
        script.ends(other)
    script.sees("Gone")


@pytest.mark.parametrize("state", ["ringing", "early", "talking"])
def test_the_advisor_leaves(state: str) -> None:
    script = STATES[state]()
    script.clear()
    script.ends("advisor", 486 if state != "talking" else 200)
    assert script.lines(news=False)[0].startswith("hang up caller")
    script.ends("caller")
    script.sees("Gone")


@pytest.mark.parametrize("state", STATES)
def test_the_gateway_ends_it(state: str) -> None:
    script = STATES[state]()
    script.clear()
    script.call.hang_up("stopping", script.now)
    script._take()
    lines = script.lines(news=False)
    assert lines[0] == "hang up caller 503"
    assert lines[-1] == "RemoveMedia"
    for leg in script.call.leg_ids():
        script.ends(leg)
    script.sees("Gone")


@pytest.mark.parametrize("state", ["ringing", "early"])
def test_an_answer_that_crosses_our_cancel_is_hung_up_again(state: str) -> None:
    script = STATES[state]()
    script.ends("caller", 487)
    script.clear()
    script.picks_up()
    script.sees("hang up advisor")


@pytest.mark.parametrize("state", STATES)
def test_events_after_the_end_change_nothing(state: str) -> None:
    script = STATES[state]()
    script.call.hang_up("stopping", script.now)
    script._take()
    script.clear()
    script.rings(183, phone_sdp("0"))
    script.rings()
    assert script.lines() == []


def test_dialogs_whose_end_is_never_told_are_forgotten() -> None:
    script = talking()
    script.ends("caller")
    script.clear()
    script.passes(120)
    script.sees("Gone")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (486, 486),
        (603, 603),
        (480, 480),
        (404, 404),
        (408, 408),
        (503, 503),
        (415, 488),
        (302, 480),
        (407, 502),
        (487, 480),
        (699, 603),
    ],
)
def test_the_right_code_is_carried_back(code: int, told: int) -> None:
    script = ringing()
    script.clear()
    script.ends("advisor", code)
    assert script.lines(news=False)[0] == f"hang up caller {told}"
    assert carried_back(code) == told


def test_retry_after_is_carried_back() -> None:
    script = ringing()
    script.ends("advisor", 503, retry_after_s=7)
    hang_up = next(a for a in script.actions if getattr(a, "code", None) == 503)
    assert getattr(hang_up, "retry_after_s", None) == 7


def test_nobody_answers() -> None:
    script = Script(policy=Policy(ring_timeout_s=30))
    script.start()
    script.rings()
    script.clear()
    script.passes(29.9)
    script.sees()
    script.passes(0.2)
    script.sees("hang up caller 480", "hang up advisor 480", "RemoveMedia")


def test_hanging_up_comes_before_everything_else() -> None:
    script = talking()
    script.joins("fw1", Mode.WHISPER)
    script.joins("fw2", Mode.LISTEN)
    script.clear()
    script.ends("caller")
    script.sees(
        "hang up advisor 487",
        "hang up fw1",
        "hang up fw2",
        "RemoveMedia",
        "news supervisor.left",
        "news supervisor.left",
        "news call.ended",
    )


def test_numbers_are_masked() -> None:
    assert masked("07700900123") == "********123"
    assert masked("123") == "***"
    assert masked("") == ""
    assert talking().call.snapshot()["caller"] == "********123"
