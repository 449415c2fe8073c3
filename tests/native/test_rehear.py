"""A supervisor hears again what was just said: they alone, in order, at its pitch, and then they are live."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from codecphones import CodecRig
from rig import Rig, Telephone, tone
from sounds import coded, speech


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig(history_s=5.0) as rig:
        rig.talk()
        rig.sync()
        yield rig


def listening(rig: Rig) -> Telephone:
    supervisor = rig.supervisor()
    rig.path(
        (rig.caller, rig.advisor),
        (rig.advisor, rig.caller),
        (rig.caller, supervisor),
        (rig.advisor, supervisor),
    )
    rig.sync()
    return supervisor


def converse_for(rig: Rig, seconds: float, caller_hz: float, advisor_hz: float) -> None:
    """Both parties sound a note, in real time."""
    for number in range(round(seconds * 50)):
        rig.caller.say(tone(caller_hz, 20, start=number * 160))
        rig.advisor.say(tone(advisor_hz, 20, start=number * 160))
        rig.passes(20)


def loudness(audio: np.ndarray, hz: float) -> list[float]:
    """The amplitude of a note in each 100 ms."""
    wave = np.exp(-2j * np.pi * hz * np.arange(800) / 8000) * np.hanning(800)
    parts = audio[: len(audio) // 800 * 800].reshape(-1, 800)
    return [4 * abs(complex(np.mean(part * wave))) for part in parts]


def test_the_past_is_heard_faster_at_its_pitch_by_who_asked_alone_and_ends_live(rig: Rig) -> None:
    supervisor, other = listening(rig), rig.supervisor()
    rig.path(
        *(
            (a, b)
            for a in (rig.caller, rig.advisor)
            for b in (rig.caller, rig.advisor, supervisor, other)
            if a != b
        )
    )
    rig.sync()
    converse_for(rig, 1.5, 400, 700)
    for phone in rig.phones():
        phone.forget()
    rig.engine.rehear(supervisor.leg, 1.2)
    converse_for(rig, 4.0, 1000, 1500)
    heard = {hz: np.array(loudness(supervisor.audio(), hz)) for hz in (400, 700, 1000, 1500)}
    past = [int(np.sum(heard[hz] > 2000)) for hz in (400, 700)]
    assert all(6 <= count <= 11 for count in past), "1.2 s of it in 0.8 s"
    assert np.argmax(heard[400] > 2000) <= 1
    assert heard[400][-10:].max() < 500
    assert heard[1000][-10:].min() > 2000
    assert heard[1500][-10:].min() > 2000
    assert np.flatnonzero(heard[1000] > 2000)[0] >= np.flatnonzero(heard[400] > 2000)[-1] - 1, "in order"
    for phone in (other, rig.caller, rig.advisor):
        assert max(loudness(phone.audio(), 400)[1:]) < 500
    assert rig.caller.stats()["overlaid"] == rig.advisor.stats()["overlaid"] == 0


def test_again_it_is_left_at_once_without_a_click(rig: Rig) -> None:
    supervisor = listening(rig)
    converse_for(rig, 1.5, 200, 300)
    supervisor.forget()
    rig.engine.rehear(supervisor.leg, 1.2)
    converse_for(rig, 0.4, 250, 350)
    rig.engine.rehear(supervisor.leg, 1.2)
    converse_for(rig, 0.6, 250, 350)
    audio = supervisor.audio()
    assert loudness(audio, 200)[1] > 2000
    assert max(loudness(audio, 200)[-4:]) < 600
    steepest = 8000 * 2 * np.pi * (350 + 300) / 8000 + 16000 / 80
    assert np.abs(np.diff(audio.astype(int))).max() < 1.5 * steepest


def test_what_the_parties_hear_is_the_same_to_the_bit(rig: Rig) -> None:
    rng = np.random.default_rng(4)
    supervisor = listening(rig)
    converse_for(rig, 0.6, 400, 700)
    for phone in rig.phones():
        phone.forget()
    rig.engine.rehear(supervisor.leg, 5)
    said = [rng.bytes(160) for _ in range(60)]
    for number, payload in enumerate(said):
        rig.step((rig.caller if number % 2 else rig.advisor, payload))
    assert [p.payload for p in rig.advisor.listen()] == said[1::2]
    assert [p.payload for p in rig.caller.listen()] == said[0::2]


def test_without_a_history_or_a_packet_nothing_happens() -> None:
    with Rig() as rig:
        supervisor = listening(rig)
        said = speech(np.random.default_rng(5), 1600)
        rig.engine.rehear(supervisor.leg, 5)
        for at in range(0, 1600, 160):
            rig.caller.say(said[at : at + 160])
            rig.taken()
        rig.done()
        assert np.array_equal(supervisor.audio()[-800:], coded(said)[-800:])


@pytest.mark.parametrize("codec", ["G722", "opus"])
def test_a_supervisor_of_a_wideband_codec_hears_it_too(codec: str) -> None:
    with CodecRig(laws=("G722", "G722"), history_s=5.0) as rig:
        supervisor = rig.supervisor(codec)
        rig.path(
            (rig.caller, rig.advisor),
            (rig.advisor, rig.caller),
            (rig.caller, supervisor),
            (rig.advisor, supervisor),
        )
        rig.sync()

        def sound(seconds: float, hz: float) -> None:
            for number in range(round(seconds * 50)):
                at = number * 320 + np.arange(320)
                for phone in (rig.caller, rig.advisor):
                    phone.say(np.round(6000 * np.sin(2 * np.pi * hz * at / 16000)).astype(np.int16))
                rig.passes(20)

        sound(1.5, 400)
        supervisor.forget()
        rig.engine.rehear(supervisor.leg, 1.2)
        sound(3.5, 1000)
        heard = supervisor.audio()
        if supervisor.rate_hz > 8000:
            heard = heard[:: supervisor.rate_hz // 8000]
        past, present = np.array(loudness(heard, 400)), np.array(loudness(heard, 1000))
        assert 6 <= int(np.sum(past > 2000)) <= 11
        assert past[-8:].max() < 500
        assert present[-8:].min() > 2000
