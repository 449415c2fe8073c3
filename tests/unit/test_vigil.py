"""Silence of the parties: told, and acted on only when two counts prove that nobody is there."""

from __future__ import annotations

import pytest
from callscript import Script, phone_sdp

from gateway.core.actions import CountPackets
from gateway.core.events import LegReanswered, LegReoffered, StreamResumed, StreamSilent
from gateway.core.model import LegId

CALLER, ADVISOR = LegId("caller"), LegId("advisor")


@pytest.fixture
def script() -> Script:
    script = Script()
    script.talk()
    return script


def both_silent(script: Script) -> None:
    for leg in (CALLER, ADVISOR):
        script.event(StreamSilent(leg, 5000))
    script.clear()


def test_one_silent_party_is_only_told(script: Script) -> None:
    script.event(StreamSilent(CALLER, 5000))
    script.sees("news stream.silent")
    assert script.call.deadline_s() is None
    script.event(StreamResumed(CALLER))
    script.sees("news stream.resumed")


def test_both_silent_for_long_and_nothing_counted_is_the_end(script: Script) -> None:
    both_silent(script)
    script.passes(294)
    script.sees()
    script.passes(1.5)
    assert script.last(CountPackets).legs == (CALLER, ADVISOR)
    script.counts({"caller": 100, "advisor": 100})
    script.clear()
    script.passes(10)
    script.sees("CountPackets")
    script.counts({"caller": 100, "advisor": 100})
    assert script.lines(news=False) == ["hang up caller", "hang up advisor", "RemoveMedia"]


def test_a_lost_message_does_not_end_a_living_call(script: Script) -> None:
    both_silent(script)
    script.passes(296)
    script.counts({"caller": 100, "advisor": 100})
    script.passes(10)
    script.counts({"caller": 600, "advisor": 100})
    script.clear()
    script.passes(1000)
    script.sees()
    assert script.call.live


def test_one_heard_again_in_time(script: Script) -> None:
    both_silent(script)
    script.passes(200)
    script.event(StreamResumed(ADVISOR))
    script.clear()
    script.passes(1000)
    script.sees()


def test_a_patient_on_hold_may_be_silent_for_an_hour(script: Script) -> None:
    script.event(LegReoffered(ADVISOR, phone_sdp("8 101", "inactive")))
    script.event(LegReanswered(CALLER, phone_sdp("8 101", "inactive")))
    both_silent(script)
    script.passes(3000)
    script.sees()
    script.passes(600)
    script.sees("CountPackets")
