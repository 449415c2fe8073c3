"""What holds for every codec: sizes, times, refusals, and that no leg's codec knows of another's."""

from __future__ import annotations

import numpy as np
import pytest
from native.g711 import decode_array, encode_array
from native.transcoder import KINDS_BY_NAME, Transcoder, kind_facts
from voices import ADVISOR, PATIENT, frames, snr_db, speech

NAMES = list(KINDS_BY_NAME)
each_codec = pytest.mark.parametrize("name", NAMES)
each_ptime = pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 50, 60, 120])
TABLE = {
    # rtpmap name, sample rate, RTP clock, channels, static type: RFC 3551 §4.5, §6; RFC 7587 §4.1, §7
    "PCMA": ("PCMA", 8000, 8000, 1, 8),
    "PCMU": ("PCMU", 8000, 8000, 1, 0),
    "G722": ("G722", 16000, 8000, 1, 9),
    "opus": ("opus", 16000, 48000, 2, None),
    "L16/8000": ("L16", 8000, 8000, 1, None),
    "L16/16000": ("L16", 16000, 16000, 1, None),
}


def said(name: str, seconds: float = 1.0, phrase: str = PATIENT) -> np.ndarray:
    rate_hz = kind_facts(name)["rate_hz"]
    return speech(phrase, rate_hz)[: int(seconds * rate_hz)]


@each_codec
def test_facts(name: str) -> None:
    facts = kind_facts(name)
    assert (
        tuple(facts[key] for key in ("name", "rate_hz", "clock_hz", "channels", "payload_type"))
        == TABLE[name]
    )


@each_codec
@each_ptime
def test_a_packet_says_how_long_it_is(name: str, ptime_ms: int) -> None:
    codec, rate_hz = Transcoder(name), kind_facts(name)["rate_hz"]
    for frame in frames(said(name), rate_hz, ptime_ms):
        payload = codec.encode(frame)
        assert codec.samples(payload) == len(frame)
        assert codec.ticks(len(frame)) == ptime_ms * kind_facts(name)["clock_hz"] // 1000
        decoded = codec.decode(payload)
        assert decoded.dtype == np.int16
        assert len(decoded) == len(frame)


@each_codec
def test_speech_comes_through(name: str) -> None:
    codec, audio = Transcoder(name), said(name, 3)
    heard = np.concatenate([codec.decode(codec.encode(frame)) for frame in frames(audio, codec.rate_hz)])
    end = len(audio) - codec.delay
    likeness = np.corrcoef(audio[:end], heard[codec.delay :])[0, 1]
    assert likeness > (0.98 if name != "opus" else 0.95)


def test_g711_and_l16_are_what_they_are() -> None:
    audio = said("PCMA")[:160]
    for law in ("PCMA", "PCMU"):
        payload = Transcoder(law).encode(audio)
        assert payload == encode_array(law, audio)
        assert np.array_equal(Transcoder(law).decode(payload), decode_array(law, payload))
    payload = Transcoder("L16/8000").encode(audio)
    assert payload == audio.astype(">i2").tobytes()
    assert np.array_equal(Transcoder("L16/8000").decode(payload), audio)


@each_codec
def test_what_is_too_long_or_does_not_fit_is_refused(name: str) -> None:
    codec, rate_hz = Transcoder(name), kind_facts(name)["rate_hz"]
    assert codec.encode(np.zeros(0, np.int16)) is None
    assert codec.encode(np.zeros(1921, np.int16)) is None
    frame = said(name)[: rate_hz // 50]
    whole = len(Transcoder(name).encode(frame))
    assert codec.encode(frame, most=whole // 2) is None or name == "opus"  # Opus makes do with less
    assert codec.decode(b"") is None
    assert codec.decode(b"\xff" * 4000) is None
    assert codec.samples(b"\xff" * 4000) is None


def test_odd_sizes_are_not_of_l16_or_g722_or_opus() -> None:
    assert Transcoder("L16/8000").decode(b"\0" * 161) is None
    assert Transcoder("G722").encode(np.zeros(161, np.int16)) is None
    for n in (1, 100, 161, 333):
        assert Transcoder("opus").encode(np.zeros(n, np.int16)) is None


@each_codec
def test_a_refused_payload_changes_nothing(name: str) -> None:
    disturbed, other = Transcoder(name), Transcoder(name)
    sender = Transcoder(name)
    for frame in frames(said(name), disturbed.rate_hz):
        payload = sender.encode(frame)
        for bad in (b"", b"\xff" * 4000, b"\0" * 3845):
            assert disturbed.decode(bad) is None
        assert np.array_equal(disturbed.decode(payload), other.decode(payload))


@each_codec
def test_codecs_know_nothing_of_one_another(name: str) -> None:
    """Two talkers through two codecs in turn, and each through one of its own: the same."""
    first, second = (
        frames(said(name), kind_facts(name)["rate_hz"]),
        frames(said(name, 1, ADVISOR), kind_facts(name)["rate_hz"]),
    )

    def alone(voice: list[np.ndarray]) -> list[tuple[bytes, bytes]]:
        codec = Transcoder(name)
        return [(payload := codec.encode(frame), codec.decode(payload).tobytes()) for frame in voice]

    a, b = Transcoder(name), Transcoder(name)
    together: tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]] = ([], [])
    for one, two in zip(first, second, strict=True):
        for codec, frame, into in ((a, one, together[0]), (b, two, together[1])):
            payload = codec.encode(frame)
            into.append((payload, codec.decode(payload).tobytes()))
    assert together[0] == alone(first)
    assert together[1] == alone(second)


@each_codec
def test_decoding_begins_in_the_middle_of_a_stream(name: str) -> None:
    """From the packets that were relayed meanwhile, it is soon where a decoder is that has heard them all."""
    sender, whole = Transcoder(name), Transcoder(name)
    payloads = [sender.encode(frame) for frame in frames(said(name, 4), sender.rate_hz)]
    decoded = [whole.decode(payload) for payload in payloads]
    loud = [at for at in range(30, len(payloads) - 1) if np.abs(decoded[at]).max() > 3000][::5]
    assert len(loud) > 10
    behind = []
    for at in loud:
        late = Transcoder(name)
        for payload in payloads[:at]:
            late.relayed(payload)
        late.catch_up()
        behind.append(snr_db(decoded[at], late.decode(payloads[at])))
    assert np.median(behind) > 20
    assert min(behind) > 5


@each_codec
def test_catching_up_gives_the_last_packet(name: str) -> None:
    sender, late = Transcoder(name), Transcoder(name)
    assert late.catch_up() is None
    for frame in frames(said(name, 0.5), sender.rate_hz):
        late.relayed(payload := sender.encode(frame))
    last = late.catch_up()
    assert len(last) == len(frame)
    assert late.catch_up() is None
    late.relayed(payload)
    late.relayed(b"\0" * 1281)  # longer than is kept: what was before it is of no use either
    assert late.catch_up() is None


@each_codec
def test_a_stream_that_begins_anew_is_decoded_anew(name: str) -> None:
    sender, codec = Transcoder(name), Transcoder(name)
    payloads = [sender.encode(frame) for frame in frames(said(name, 0.5), sender.rate_hz)]
    first = [codec.decode(payload).tobytes() for payload in payloads]
    codec.end_decoding()
    assert [codec.decode(payload).tobytes() for payload in payloads] == first
