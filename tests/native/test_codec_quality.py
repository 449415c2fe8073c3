"""How overlaid streams sound, by PESQ (ITU-T P.862, wide band P.862.2), on the simulators' speech.

G.711, G.722 and L16: an overlay of silence sounds like the stream itself. Opus has to be coded again; that costs less than 0.1. With a
voice laid over, no codec loses more than 0.1 against taking both voices through it twice, which is what they go through.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from native.plc import conceal_array
from native.resample import RateChange
from native.transcoder import KINDS_BY_NAME, Transcoder, kind_facts
from voices import ADVISOR, FLOORWALKER, PATIENT, frames, speech

pesq = pytest.importorskip("pesq", reason="PESQ is not installed: pip install pesq")

PHONES = [(name, 0) for name in KINDS_BY_NAME] + [("opus", 24000), ("opus", 32000)]
each_phone = pytest.mark.parametrize(("name", "bits_per_second"), PHONES)
each_talker = pytest.mark.parametrize("talker", [PATIENT, ADVISOR])


def score(true: np.ndarray, heard: np.ndarray, delay: int, rate_hz: int) -> float:
    heard = np.concatenate((heard[delay:], np.zeros(delay, np.int16)))
    return float(pesq.pesq(rate_hz, true, heard, "wb" if rate_hz == 16000 else "nb"))


def round_trip(name: str, audio: np.ndarray, bits_per_second: int = 0) -> tuple[np.ndarray, int]:
    sender, receiver = Transcoder(name, bits_per_second), Transcoder(name)
    heard = [receiver.decode(sender.encode(frame)) for frame in frames(audio, sender.rate_hz)]
    return np.concatenate(heard), sender.delay


def added(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.clip(a.astype(int) + b, -32768, 32767).astype(np.int16)


def overlaid(
    name: str, talker: np.ndarray, voice: np.ndarray, bits_per_second: int = 0, loss: int = 0
) -> tuple[np.ndarray, int]:
    """What the far side hears of a phone's stream with `voice` laid over each packet, and how late."""
    phone, source, listener, far = (Transcoder(name, bits_per_second if who == 0 else 0) for who in range(4))
    listener.tell_loss(loss)
    heard = []
    for frame, third in zip(frames(talker, phone.rate_hz), frames(voice, phone.rate_hz), strict=True):
        audio = source.decode(phone.encode(frame))
        payload = listener.overlay(source, third) or listener.encode(added(audio, third))
        heard.append(far.decode(payload))
    return np.concatenate(heard), phone.delay + (listener.delay if name == "opus" else 0)


@cache
def two_voices(rate_hz: int, talker: str) -> tuple[np.ndarray, np.ndarray]:
    a, b = speech(talker, rate_hz), speech(FLOORWALKER, rate_hz)
    length = min(len(a), len(b))
    return a[:length], b[:length]


@each_talker
@each_phone
def test_an_overlay_of_silence(name: str, bits_per_second: int, talker: str) -> None:
    rate_hz = kind_facts(name)["rate_hz"]
    audio = speech(talker, rate_hz)
    once, delay = round_trip(name, audio, bits_per_second)
    heard, later = overlaid(name, audio, np.zeros_like(audio), bits_per_second)
    if name != "opus":
        assert np.array_equal(heard, once)
    else:
        assert score(audio, heard, later, rate_hz) >= score(audio, once, delay, rate_hz) - 0.1


@each_talker
@each_phone
def test_an_overlaid_voice(name: str, bits_per_second: int, talker: str) -> None:
    """The talker comes as their phone codes them; the voice is added where it is heard at the same time."""
    rate_hz = kind_facts(name)["rate_hz"]
    a, b = two_voices(rate_hz, talker)
    heard, later = overlaid(name, a, b, bits_per_second)
    lead = (
        Transcoder(name, bits_per_second).delay if name != "G722" else 0
    )  # of the voice before the talker's decoded words
    together = added(a, np.concatenate((b[lead:], np.zeros(lead, np.int16))))
    once, delay = round_trip(name, together, bits_per_second)
    twice, again = round_trip(name, once)
    assert score(together, heard, later, rate_hz) >= score(together, twice, delay + again, rate_hz) - 0.1


@each_talker
def test_a_lossy_line_with_redundancy(talker: str) -> None:
    """With 5 % of the packets lost, redundancy is worth more than a whole point."""
    audio = speech(talker, 16000)
    lost = np.random.default_rng(3).random(len(audio) // 320) < 0.05

    def heard(told: int) -> float:
        sender, receiver = Transcoder("opus"), Transcoder("opus")
        sender.tell_loss(told)
        payloads = [sender.encode(frame) for frame in frames(audio, 16000)]
        pieces = []
        for at, payload in enumerate(payloads):
            if lost[at]:
                following = payloads[at + 1] if at + 1 < len(payloads) and not lost[at + 1] else b""
                pieces.append(receiver.recover(following, 320))
            else:
                pieces.append(receiver.decode(payload))
        return score(audio, np.concatenate(pieces), sender.delay, 16000)

    assert heard(5) > heard(0) + 0.3


@pytest.mark.parametrize(("rate_hz", "least"), [(8000, 0.2), (16000, 0.2)])
def test_concealment_is_better_than_silence(rate_hz: int, least: float) -> None:
    audio, gains = speech(PATIENT, rate_hz), []
    frame = rate_hz // 50
    for seed in range(3):
        lost = np.random.default_rng(seed).random(len(audio) // frame) < 0.05
        silent = audio.copy().reshape(-1, frame)
        silent[lost] = 0
        concealed = conceal_array(audio, lost, frame, rate_hz)
        gains.append(score(audio, concealed, 0, rate_hz) - score(audio, silent.ravel(), 0, rate_hz))
    assert np.mean(gains) > least


@pytest.mark.parametrize(
    ("before", "after", "least"),
    [
        ("PCMA", "G722", 3.7),
        ("PCMA", "opus", 3.95),
        ("G722", "PCMA", 3.6),
        ("opus", "PCMA", 3.9),
        ("G722", "opus", 3.2),
    ],
)
def test_transcoding(before: str, after: str, least: float) -> None:
    """From one leg's codec to another's, judged in the telephone band (narrow-band PESQ; A-law alone: 4.08) where one of them ends there.

    The last has wide-band PESQ, by which G.722 alone has 3.30 on this voice.
    """
    rates = [kind_facts(name)["rate_hz"] for name in (before, after)]
    sender, gateway, onward, far = (Transcoder(name) for name in (before, before, after, after))
    change = RateChange(*rates)
    true = speech(PATIENT, rates[0])
    heard = [
        far.decode(onward.encode(change.process(gateway.decode(sender.encode(frame)))))
        for frame in frames(true, rates[0])
    ]
    audio, low = np.concatenate(heard), min(rates)
    late = sender.delay * rates[1] // rates[0] + change.latency + onward.delay
    if rates[1] > low:
        down = RateChange(rates[1], low)
        audio, late = down.process(audio), late * low // rates[1] + down.latency
    if rates[0] > low:
        down = RateChange(rates[0], low)
        true, late = down.process(true), late - down.latency
    assert score(true, audio, late, low) >= least
