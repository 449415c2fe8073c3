"""Who describes their silence (comfort noise, RFC 3389) is not dead to who listens: it is heard in the mix, as loud as described, until they
speak again, and the words that end it come at once.
"""

from __future__ import annotations

import numpy as np
import pytest
from codecphones import CodecPhone, CodecRig, at_rate, in_real_time, likeness, voice
from voices import level_db

COMFORT_NOISE, LEVEL_DB = 13, 40
SECONDS = 1.0


def describe(phone: CodecPhone, level_db: int = LEVEL_DB) -> None:
    phone.post(phone.sealed(phone.packet(bytes([level_db]), COMFORT_NOISE)))
    phone.sequence += 1


def paused(rig: CodecRig, who: CodecPhone, others: list[CodecPhone], seconds: float = SECONDS) -> None:
    """Who has described their silence sends nothing; the others say zeros."""
    nothing = [(phone, np.zeros(round(seconds * phone.rate_hz), np.int16)) for phone in others]
    in_real_time(rig, nothing)
    who.timestamp += who.coder.ticks(round(seconds * who.rate_hz))


def listening(rig: CodecRig, supervisor: CodecPhone) -> None:
    both = [(rig.caller, rig.advisor), (rig.advisor, rig.caller)]
    rig.path(*both, (rig.caller, supervisor), (rig.advisor, supervisor))
    rig.sync()


def speak(rig: CodecRig, seconds: float = 0.4) -> None:
    in_real_time(rig, [(phone, voice(phone.leg, seconds, phone.rate_hz)) for phone in rig.phones()])


@pytest.mark.parametrize("ear", ["PCMA", "G722", "opus"])
@pytest.mark.parametrize("party", ["PCMA", "G722", "L16/16000"])
def test_a_listening_supervisor_hears_the_patients_silence(party: str, ear: str) -> None:
    with CodecRig(laws=(party, "PCMA")) as rig:
        supervisor = rig.supervisor(ear)
        listening(rig, supervisor)
        speak(rig)
        describe(rig.caller)
        supervisor.forget()
        paused(rig, rig.caller, [rig.advisor, supervisor])
        heard = supervisor.audio()[supervisor.rate_hz // 4 :]
        assert len(heard) > supervisor.rate_hz // 2
        assert abs(level_db(heard) + LEVEL_DB) < 4  # narrow noise is half of a wide band
        quietest = min(level_db(piece) for piece in np.array_split(heard, 20))
        assert quietest > -LEVEL_DB - 8, "a hole"


def test_a_whispered_advisor_hears_it_and_the_patient_only_the_advisor() -> None:
    with CodecRig() as rig:
        supervisor = rig.supervisor()
        rig.whisper(supervisor)
        speak(rig)
        describe(rig.caller)
        describe(supervisor)
        for phone in rig.phones():
            phone.forget()
        said = len(rig.advisor.said)
        paused(rig, rig.caller, [rig.advisor])
        assert abs(level_db(rig.advisor.audio()[2000:]) + LEVEL_DB - 3) < 3, "of both"
        assert rig.caller.payloads() == rig.advisor.said[said:]


def test_nobody_hears_noise_that_was_not_described() -> None:
    with CodecRig() as rig:
        supervisor = rig.supervisor()
        listening(rig, supervisor)
        speak(rig)
        supervisor.forget()
        paused(rig, rig.caller, [rig.advisor])
        assert np.abs(supervisor.audio()[2000:].astype(int)).max() <= 8


def test_on_hold_it_is_over() -> None:
    with CodecRig() as rig:
        supervisor = rig.supervisor()
        listening(rig, supervisor)
        speak(rig)
        describe(rig.caller)
        rig.sync()
        rig.caller.connect(sends=False, receives=False)
        rig.sync()
        supervisor.forget()
        paused(rig, rig.caller, [rig.advisor])
        assert np.abs(supervisor.audio()[2000:].astype(int)).max() <= 8


@pytest.mark.parametrize("party", ["PCMA", "G722"])
def test_the_words_that_end_it_are_heard_at_once(party: str) -> None:
    with CodecRig(laws=(party, "PCMA")) as rig:
        supervisor = rig.supervisor(party)
        listening(rig, supervisor)
        delays = []
        for number in range(3):
            supervisor.forget()
            words = voice(number, 1.0, rig.caller.rate_hz)
            quiet = np.zeros(8000, np.int16)
            in_real_time(rig, [(rig.caller, words), (rig.advisor, quiet)])
            before = np.zeros(supervisor.rate_hz // 10, np.int16)  # the clock may be a packet ahead
            said = at_rate(words, rig.caller.rate_hz, supervisor.rate_hz)
            found, lag_ms, _ = likeness(
                np.concatenate([before, supervisor.audio()]), said, 300, supervisor.rate_hz
            )
            assert found > 0.7
            delays.append(lag_ms - 100)
            describe(rig.caller)
            paused(rig, rig.caller, [rig.advisor])
        assert max(delays) <= 20, f"{delays} ms"


def test_the_same_silence_sounds_the_same() -> None:
    def heard() -> list[bytes]:
        with CodecRig() as rig:
            supervisor = rig.supervisor()
            listening(rig, supervisor)
            speak(rig)
            describe(rig.caller)
            supervisor.forget()
            paused(rig, rig.caller, [rig.advisor])
            return supervisor.payloads()

    assert heard() == heard()
