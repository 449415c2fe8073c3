"""What is read from text: streams of messages, scripts, SIPp's statistics."""

import pytest

from simulators import sipp
from simulators.commentary import bar
from simulators.errors import MalformedMessage, WrongUsage
from simulators.impairment import Impairment
from simulators.message import uri
from simulators.script import KeyPress, key_presses, seconds
from simulators.stream import StreamReader
from simulators.timers import TimerQueue

MESSAGE = b"OPTIONS sip:a SIP/2.0\r\nl: 4\r\n\r\nbody"


def test_a_stream_is_cut_into_messages_wherever_it_is_broken():
    whole = b"\r\n\r\n" + MESSAGE + b"\r\n" + MESSAGE.replace(b"l: 4", b"Content-Length:4")
    for cut in range(len(whole)):
        reader = StreamReader()
        assert len(reader.feed(whole[:cut]) + reader.feed(whole[cut:])) == 2


@pytest.mark.parametrize(
    "data",
    [b"OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\n", b"x" * 70_000, b"A B C\r\nContent-Length: 99999999\r\n\r\n"],
)
def test_a_stream_that_cannot_be_followed_is_refused(data):
    with pytest.raises(MalformedMessage):
        StreamReader().feed(data)


@pytest.mark.parametrize(("text", "value"), [("5", 5), ("5s", 5), ("1.5s", 1.5), ("800ms", 0.8), ("2m", 120)])
def test_times(text, value):
    assert seconds(text) == pytest.approx(value)


def test_key_presses_come_in_order_of_time():
    assert key_presses(["12s:4,5s:*99", "800ms:#"]) == [
        KeyPress(0.8, "#"),
        KeyPress(5, "*99"),
        KeyPress(12, "4"),
    ]
    assert key_presses([]) == []


@pytest.mark.parametrize("wrong", ["5s", "x:1", "5s:", "5s:hello", "5h:1"])
def test_wrong_key_presses_are_explained(wrong):
    with pytest.raises(WrongUsage, match="write"):
        key_presses([wrong])


def test_statistics_are_the_last_whole_line():
    text = (
        "StartTime;OutgoingCall(C);IncomingCall(C);SuccessfulCall(C);FailedCall(C);FailedUnexpectedMessage(C);"
        "Retransmissions(C);CurrentCall;\nx;1;0;0;0;0;0;1;\nx;3;0;2;1;1;4;0;\n"
    )
    read = sipp.read_statistics(text)
    assert (read.created, read.successful, read.failed, read.retransmissions) == (3, 2, 1, 4)
    assert read.reasons == ("FailedUnexpectedMessage: 1",)
    assert sipp.read_statistics("") == sipp.Statistics()


def test_a_scenario_plays_a_file_or_nothing():
    with_rtp = sipp.caller_scenario("sip:2001@127.0.0.1:5060", 5_000, "speech.alaw")
    assert 'rtp_stream="speech.alaw,-1,8"' in with_rtp
    assert "m=audio [rtpstream_audio_port]" in with_rtp
    assert 'milliseconds="5000"' in with_rtp
    assert "rtp_stream" not in sipp.caller_scenario("sip:2001@127.0.0.1:5060", 5_000, None)


def test_uris_as_people_write_them():
    assert str(uri("2001@127.0.0.1:5060")) == "sip:2001@127.0.0.1:5060"
    assert uri("<sip:*722001@127.0.0.1;transport=tcp>").user == "*722001"
    with pytest.raises(WrongUsage, match="expected something like"):
        uri("sip:@@")


def test_timers_come_due_in_order_and_can_be_moved():
    timers: TimerQueue[str] = TimerQueue()
    timers.set("late", 5)
    timers.set("early", 3)
    timers.set("late", 2)
    timers.set("never", 1)
    timers.cancel("never")
    assert timers.next() == 2
    assert [timers.pop_due(2.5), timers.pop_due(2.5), timers.pop_due(9), timers.next()] == [
        "late",
        None,
        "early",
        None,
    ]


def test_bars():
    assert bar(float("-inf")).endswith("silence")
    assert bar(-30.0, width=10) == "█████·····  -30.0 dBFS"


def test_no_impairment_sends_everything_at_once():
    assert Impairment().delays_ms() == [0.0]
