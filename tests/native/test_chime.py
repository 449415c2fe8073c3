"""An advisor hears a short tone over the call; the patient and the supervisors hear nothing of it, and no packet is lost over it."""

from __future__ import annotations

import numpy as np
import pytest
from codecphones import CodecPhone, CodecRig, voice
from rig import tone, wait_until

AT, ROUNDS = 15, 45
"""The tone is asked for before this packet of so many."""


def strength(audio: np.ndarray, hz: float, rate_hz: int) -> float:
    """Amplitude of one note."""
    window = np.hanning(len(audio))
    wave = np.exp(-2j * np.pi * hz * np.arange(len(audio)) / rate_hz)
    return float(2 * abs(np.sum(audio * window * wave)) / np.sum(window))


def assert_tone(audio: np.ndarray, rate_hz: int) -> None:
    """200 ms of 440 and 620 Hz at -24 dBFS and nothing else, without a jump at either end."""
    loud = np.flatnonzero(np.abs(audio.astype(int)) > 150)
    lasts = (loud[-1] - loud[0]) / rate_hz
    assert 0.18 < lasts < 0.22, lasts
    middle = audio[loud[0] + rate_hz // 50 : loud[-1] - rate_hz // 50].astype(float)
    level_db = 20 * np.log10(np.sqrt(np.mean(middle**2)) / 32768)
    assert abs(level_db + 24) < 1, level_db
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), rate_hz))
    highest = int(np.argmax(spectrum))
    spectrum[highest - 30 : highest + 30] = 0
    assert {round(highest, -1), round(int(np.argmax(spectrum)), -1)} == {440, 620}
    steepest = 2067 * 2 * np.pi * (440 + 620) / rate_hz
    assert np.abs(np.diff(audio.astype(int))).max() < 1.25 * steepest, "a click"


def six_listen(rig: CodecRig) -> list[CodecPhone]:
    supervisors = [rig.supervisor() for _ in range(6)]
    rig.path(
        (rig.caller, rig.advisor),
        (rig.advisor, rig.caller),
        *((party, one) for party in (rig.caller, rig.advisor) for one in supervisors),
    )
    rig.sync()
    return supervisors


@pytest.mark.parametrize(
    "laws", [("PCMA", "PCMA"), ("G722", "G722"), ("PCMA", "G722"), ("PCMU", "opus")], ids="-".join
)
def test_the_advisor_alone_hears_it(laws: tuple[str, str]) -> None:
    with CodecRig(laws=laws) as rig:
        supervisors = six_listen(rig)
        quiet = np.zeros(rig.caller.rate_hz // 50, np.int16)
        said = []
        for number in range(ROUNDS):
            if number == AT:
                rig.engine.chime(rig.advisor.leg)
                rig.sync()
            rig.caller.say(quiet)
            rig.taken()
            note = tone(1000, 20, start=number * 160)
            said.append(rig.advisor.say(note if rig.advisor.rate_hz == 8000 else np.repeat(note, 2)))
            rig.done()
        rig.sync()
        assert_tone(rig.advisor.audio(), rig.advisor.rate_hz)
        sequences = [heard.sequence for heard in rig.advisor.heard]
        assert sequences == list(range(sequences[0], sequences[0] + ROUNDS))
        if laws[0] == laws[1]:
            assert rig.caller.payloads() == said, "to the patient: every byte"
            assert rig.caller.stats()["overlaid"] == 0
        listeners = [rig.caller, *supervisors]
        for phone in listeners:
            audio = phone.audio()
            assert len(audio) > phone.rate_hz // 2
            for hz in (440, 620):
                assert strength(audio, hz, phone.rate_hz) < 40, "the tone is nobody else's"


def test_the_relay_goes_on_behind_it_with_every_packet() -> None:
    with CodecRig() as rig:
        rig.talk()
        rig.sync()
        said: list[list[bytes]] = [[], []]
        for number in range(ROUNDS):
            if number == AT:
                rig.engine.chime(rig.advisor.leg)
                rig.sync()
            for party, phone in enumerate((rig.caller, rig.advisor)):
                said[party].append(phone.say(voice((number, party), 0.02, 8000)))
                rig.taken()
            rig.done()
        rig.sync()
        assert rig.caller.payloads() == said[1], "to the patient: every byte"
        heard = rig.advisor.payloads()
        assert len(heard) == ROUNDS
        assert heard[:AT] == said[0][:AT] and heard[AT + 10 :] == said[0][AT + 10 :]
        assert all(one != other for one, other in zip(heard[AT : AT + 10], said[0][AT:], strict=False))
        assert rig.advisor.stats()["overlaid"] == 10
        assert rig.caller.stats()["overlaid"] == 0


def test_it_is_heard_while_the_patient_sends_nothing_and_then_nothing_is_sent() -> None:
    with CodecRig() as rig:
        rig.talk()
        rig.sync()
        rig.engine.chime(rig.advisor.leg)
        wait_until(lambda: len(rig.advisor.payloads()) >= 10, "the whole tone")
        assert_tone(rig.advisor.audio(), 8000)
        rig.sync()
        rig.passes(100)
        assert len(rig.advisor.payloads()) == 10
        assert rig.caller.payloads() == []


def test_asked_twice_at_once_it_sounds_once() -> None:
    with CodecRig() as rig:
        rig.talk()
        rig.sync()
        rig.engine.chime(rig.advisor.leg)
        rig.engine.chime(rig.advisor.leg)
        for _ in range(20):
            rig.caller.say(np.zeros(160, np.int16))
            rig.done()
        assert_tone(rig.advisor.audio(), 8000)


def test_on_hold_it_is_not_kept_for_later() -> None:
    with CodecRig() as rig:
        rig.talk()
        rig.advisor.connect(sends=False)
        rig.engine.chime(rig.advisor.leg)
        rig.sync()
        rig.advisor.connect()
        rig.sync()
        said = []
        for number in range(20):
            said.append(rig.caller.say(voice(number, 0.02, 8000)))
            rig.done()
        assert rig.advisor.payloads() == said


def test_only_an_advisor_may_have_it() -> None:
    with CodecRig() as rig:
        for phone in (rig.caller, rig.supervisor()):
            with pytest.raises(ValueError, match="no advisor's"):
                rig.engine.chime(phone.leg)
        with pytest.raises(KeyError):
            rig.engine.chime(9999)
