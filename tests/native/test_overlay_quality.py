"""What being whispered to and barged in on costs in quality, by PESQ (ITU-T P.862, P.862.2): at most 0.1 against the codec's own round
trips by others (`othercodecs`), as many as the voice takes.

A floorwalker whose leg is uncompressed is coded once, by us: held against one round trip. One with the listener's codec is coded twice,
by their phone and by us, as is a patient who is spoken over: held against two. Opus phones send 24 kbit/s, we 96.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from codecphones import CodecPhone, CodecRig, likeness, talk
from native.transcoder import kind_facts
from othercodecs import OpusCoder, round_trip
from pesq import pesq
from voices import ADVISOR, FLOORWALKER, PATIENT, speech

MOST_LOST = 0.1
CODECS = ["PCMA", "PCMU", "G722", "opus"]
PHONES_BPS, OURS_BPS = 24_000, 96_000
BEFORE_S = 0.5
"""Silence before the first word: a way that has just opened lets nothing through that was said before."""

each_codec = pytest.mark.parametrize("codec", CODECS)
two_talkers = pytest.mark.parametrize("who", [FLOORWALKER, ADVISOR])


def uncompressed(codec: str) -> str:
    return f"L16/{kind_facts(codec)['rate_hz']}"


@cache
def words(who: str, rate_hz: int) -> np.ndarray:
    """At -26 dBFS, as P.830 has it."""
    silence = np.zeros(int(BEFORE_S * rate_hz), np.int16)
    return np.concatenate([silence, speech(who, rate_hz) // 2, silence])


def twice(codec: str, samples: np.ndarray) -> np.ndarray:
    """By a phone, then by us."""
    return round_trip(codec, round_trip(codec, samples, PHONES_BPS), OURS_BPS)


def phone_codes(phone: CodecPhone) -> None:
    """By a coder that is none of ours, where that makes a difference."""
    if phone.law == "opus":
        phone.coder = OpusCoder(PHONES_BPS)


def say(
    rig: CodecRig, supervisor: CodecPhone, whisper: np.ndarray, patient: np.ndarray | None = None
) -> None:
    """The floorwalker is a packet ahead, so that nobody's clock has to be made up for in the middle of a word."""
    supervisor.say(np.zeros(supervisor.rate_hz // 50, np.int16))
    rig.taken()
    nothing = np.zeros_like(whisper)
    talk(
        rig,
        [
            (supervisor, whisper),
            (rig.caller, nothing if patient is None else patient),
            (rig.advisor, nothing),
        ],
    )


def hears_as_well(listener: CodecPhone, said: np.ndarray, reference: np.ndarray) -> None:
    """PESQ of what this ear has heard is at most MOST_LOST below the reference's."""
    rate_hz = listener.rate_hz
    band = "wb" if rate_hz == 16000 else "nb"
    own, ear = pesq(rate_hz, said, reference, band), pesq(rate_hz, said, listener.audio(), band)
    print(f"{listener.law}: by its own round trips {own:.3f}, through the overlay {ear:.3f}")
    assert ear >= own - MOST_LOST


@two_talkers
@each_codec
def test_a_whisper_costs_no_more_than_its_coding(codec: str, who: str) -> None:
    """By a floorwalker without compression: coded once."""
    with CodecRig(laws=(codec, codec)) as rig:
        supervisor = rig.supervisor(uncompressed(codec))
        rig.whisper(supervisor)
        said = words(who, supervisor.rate_hz)
        say(rig, supervisor, said)
        hears_as_well(rig.advisor, said, round_trip(codec, said, OURS_BPS))


@two_talkers
@each_codec
def test_a_barge_costs_no_more_than_its_coding_twice(codec: str, who: str) -> None:
    """By a floorwalker with the parties' codec, at both parties' ears."""
    with CodecRig(laws=(codec, codec)) as rig:
        supervisor = rig.supervisor(codec)
        phone_codes(supervisor)
        rig.barge(supervisor)
        said = words(who, supervisor.rate_hz)
        say(rig, supervisor, said)
        reference = twice(codec, said)
        for listener in (rig.caller, rig.advisor):
            hears_as_well(listener, said, reference)


@pytest.mark.soak
@pytest.mark.parametrize("who", [FLOORWALKER, ADVISOR, PATIENT])
@pytest.mark.parametrize("same", [False, True], ids=["uncompressed", "same"])
@pytest.mark.parametrize("mode", ["whisper", "barge"])
@each_codec
def test_every_mode_costs_no_more_than_its_coding(codec: str, mode: str, same: bool, who: str) -> None:
    with CodecRig(laws=(codec, codec)) as rig:
        supervisor = rig.supervisor(codec if same else uncompressed(codec))
        phone_codes(supervisor)
        (rig.whisper if mode == "whisper" else rig.barge)(supervisor)
        said = words(who, supervisor.rate_hz)
        say(rig, supervisor, said)
        reference = twice(codec, said) if same else round_trip(codec, said, OURS_BPS)
        for listener in (rig.advisor,) if mode == "whisper" else (rig.caller, rig.advisor):
            hears_as_well(listener, said, reference)


@each_codec
def test_a_whisper_while_the_patient_speaks(codec: str) -> None:
    """The advisor hears the sum, of which the patient's part is coded by the patient's phone and again by us."""
    with CodecRig(laws=(codec, codec)) as rig:
        supervisor = rig.supervisor(uncompressed(codec))
        phone_codes(rig.caller)
        rig.whisper(supervisor)
        rate_hz = supervisor.rate_hz
        length = min(len(words(who, rate_hz)) for who in (FLOORWALKER, PATIENT))
        whisper, patient = words(FLOORWALKER, rate_hz)[:length], words(PATIENT, rate_hz)[:length]
        say(rig, supervisor, whisper, patient)
        together = np.zeros(length, np.int16)
        for voice in (whisper, patient):
            _, late_ms, _ = likeness(rig.advisor.audio(), voice, 40, rate_hz)
            late = round(late_ms * rate_hz / 1000)
            together[late:] += voice[: length - late]
        hears_as_well(rig.advisor, together, twice(codec, together))


@each_codec
def test_a_barge_leaves_the_advisor_sounding_as_before(codec: str) -> None:
    """The patient hears the advisor through an overlay in which the floorwalker is silent: as by their phone's round trip."""
    with CodecRig(laws=(codec, codec)) as rig:
        supervisor = rig.supervisor("PCMA")
        phone_codes(rig.advisor)
        rig.barge(supervisor)
        said = words(ADVISOR, rig.advisor.rate_hz)
        talk(rig, [(rig.caller, np.zeros_like(said)), (rig.advisor, said)])
        hears_as_well(rig.caller, said, round_trip(codec, said, PHONES_BPS))
        assert rig.caller.stats()["overlaid"] >= len(said) * 50 // rig.advisor.rate_hz - 10
