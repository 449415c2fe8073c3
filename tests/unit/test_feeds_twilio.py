"""Twilio's dialect: the messages, their numbers, and what a slow peer makes of them."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import numpy as np
import pytest
from feed_fakes import FakeSink, pair_at

from gateway.feeds.frames import Format, end_message, missed_message, pack_frame, start_message
from gateway.feeds.g711 import encode_ulaw
from gateway.feeds.listener import Sink
from gateway.feeds.twilio import take_protocol


def peer(track: str | None = None) -> tuple[FakeSink, Sink, Format]:
    real = FakeSink()
    query = {"protocol": "twilio", **({"track": track} if track else {})}
    sink, rest = take_protocol(real, query, "c-1")
    return real, sink, Format.parse(rest)


def told(sink: FakeSink) -> list[dict[str, Any]]:
    return [json.loads(message) for message in sink.taken]


def frame(wanted: Format, media_ms: int) -> bytes:
    return pack_frame(1, media_ms, 0, wanted.encode(pair_at(media_ms)))


def test_a_stream_from_beginning_to_end() -> None:
    real, sink, wanted = peer()
    for message in (
        start_message("c-1", wanted, None),
        frame(wanted, 1000),
        missed_message(40),
        frame(wanted, 1060),
        end_message("call ended"),
    ):
        assert sink.try_write(message)
    connected, start, *media, stop = told(real)
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    stream = start["streamSid"]
    assert start["start"] == {
        "accountSid": "",
        "callSid": "c-1",
        "streamSid": stream,
        "tracks": ["inbound", "outbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {},
    }
    assert stop["event"] == "stop" and stop["stop"]["callSid"] == "c-1"
    assert [message["sequenceNumber"] for message in (start, *media, stop)] == [str(n) for n in range(1, 7)]
    assert {message["streamSid"] for message in (start, *media, stop)} == {stream}
    facts = [(m["media"]["track"], m["media"]["chunk"], m["media"]["timestamp"]) for m in media]
    assert facts == [
        ("inbound", "1", "0"),
        ("outbound", "1", "0"),
        ("inbound", "2", "60"),
        ("outbound", "2", "60"),
    ]
    said = [encode_ulaw(np.ascontiguousarray(row)).tobytes() for row in pair_at(1000)]
    assert [b64decode(m["media"]["payload"]) for m in media[:2]] == said


@pytest.mark.parametrize(("track", "row"), [("inbound_track", 0), ("outbound_track", 1)])
def test_one_track(track: str, row: int) -> None:
    real, sink, wanted = peer(track)
    sink.try_write(start_message("c-1", wanted, None))
    sink.try_write(frame(wanted, 20))
    _, start, media = told(real)
    assert start["start"]["tracks"] == [track.removesuffix("_track")]
    said = encode_ulaw(np.ascontiguousarray(pair_at(20)[row])).tobytes()
    assert b64decode(media["media"]["payload"]) == said


def test_a_full_peer_loses_no_number_and_no_half_of_a_frame() -> None:
    real, sink, wanted = peer()
    sink.try_write(start_message("c-1", wanted, None))
    real.room = 1
    assert sink.try_write(frame(wanted, 20)), "taken: its second half waits"
    assert not sink.try_write(frame(wanted, 40))
    assert not sink.try_write(frame(wanted, 40))
    real.room = 99
    assert sink.try_write(frame(wanted, 60))
    media = told(real)[2:]
    assert [(m["sequenceNumber"], m["media"]["chunk"]) for m in media] == [
        ("2", "1"),
        ("3", "1"),
        ("4", "2"),
        ("5", "2"),
    ]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"protocol": "sip"}, "protocol=sip: allowed: twilio"),
        ({"protocol": "twilio", "track": "left"}, "track=left: allowed: both_tracks | inbound_track"),
        ({"protocol": "twilio", "rate": "8000"}, "rate: fixed by protocol=twilio"),
    ],
)
def test_what_cannot_be_is_refused_in_words(query: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("|", r"\|")):
        take_protocol(FakeSink(), query, "c-1")


def test_without_a_protocol_nothing_is_translated() -> None:
    sink = FakeSink()
    assert take_protocol(sink, {"rate": "8000"}, "c-1") == (sink, {"rate": "8000"})
