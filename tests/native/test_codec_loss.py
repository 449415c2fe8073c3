"""What a listener is given for lost packets: no click, no louder than what was said, silence before long."""

from __future__ import annotations

import numpy as np
import pytest
from native.plc import conceal_array
from native.transcoder import KINDS_BY_NAME, Transcoder, kind_facts
from voices import PATIENT, frames, speech

NAMES = list(KINDS_BY_NAME)
LOST = (1, 3, 10)


def with_losses(
    name: str, voice: np.ndarray, lost: int, every: int = 40
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """A voice decoded with `lost` packets made up at a time, the same with none lost, and where each loss begins [samples]."""
    rate_hz = kind_facts(name)["rate_hz"]
    sender, whole, holed = Transcoder(name), Transcoder(name), Transcoder(name)
    payloads = [sender.encode(frame) for frame in frames(voice, rate_hz)]
    heard, true, begins = [], [], []
    for at, payload in enumerate(payloads):
        true.append(whole.decode(payload))
        if at >= every and at % every < lost:
            if at % every == 0:
                begins.append(at * rate_hz // 50)
            heard.append(holed.conceal(rate_hz // 50))
        else:
            heard.append(holed.decode(payload))
    return np.concatenate(heard), np.concatenate(true), begins


# ── clicks, on a voice that has no steep steps of its own ──

HZ, PEAK = 125, 9000
FADE_S = 0.00125
"""The shortest joint: a quarter of the shortest pitch."""


def vowel(rate_hz: int, seconds: float = 4) -> np.ndarray:
    """Seven harmonics of 125 Hz, swelling twice a second."""
    t = np.arange(int(rate_hz * seconds)) / rate_hz
    sound = sum(np.sin(2 * np.pi * HZ * k * t + k * k) for k in range(1, 8)) * (
        1 + 0.3 * np.sin(2 * np.pi * 2 * t)
    )
    return np.round(PEAK * sound / np.abs(sound).max()).astype(np.int16)


def steepest(audio: np.ndarray) -> int:
    return int(np.abs(np.diff(audio.astype(int))).max())


def bound(true: np.ndarray, rate_hz: int) -> float:
    """Steps of the voice itself, and of a fade between two phases of it."""
    return 1.2 * steepest(true) + 2 * PEAK / (rate_hz * FADE_S)


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("name", NAMES)
def test_no_click(name: str, lost: int) -> None:
    rate_hz = kind_facts(name)["rate_hz"]
    heard, true, begins = with_losses(name, vowel(rate_hz), lost, every=27)
    assert len(begins) >= 7
    assert steepest(heard) <= bound(true, rate_hz)


def test_the_bound_tells_a_click() -> None:
    """A test of the test: silence in place of a packet goes beyond it at its begin or end, wherever the voice is loud."""
    for rate_hz in (8000, 16000):
        audio = vowel(rate_hz)
        frame = rate_hz // 50
        cut = 0
        for begin in range(frame, len(audio) - 2 * frame, frame + 7):
            holed = audio.copy()
            holed[begin : begin + frame] = 0
            cut += steepest(holed) > bound(audio, rate_hz)
        assert cut > 20


@pytest.mark.parametrize("name", NAMES)
def test_ten_lost_packets_fade(name: str) -> None:
    """Never louder than the voice before by more than 3 dB; gone after 60 ms, of Opus after 120."""
    rate_hz = kind_facts(name)["rate_hz"]
    heard, true, begins = with_losses(name, speech(PATIENT, rate_hz), 10)
    ms, silent_ms = rate_hz // 1000, 120 if name == "opus" else 60
    for begin in begins:
        before = np.abs(true[begin - 100 * ms : begin].astype(int)).max()
        made_up = heard[begin : begin + 200 * ms]
        assert np.abs(made_up.astype(int)).max() <= 1.42 * before + 10
        assert not made_up[silent_ms * ms :].any()


@pytest.mark.parametrize("name", NAMES)
def test_before_anything_was_heard_there_is_silence(name: str) -> None:
    codec = Transcoder(name)
    for n in (80, 160, 320, 441, 1920):
        made = codec.conceal(n)
        assert len(made) == n
        assert not made.any()


@pytest.mark.parametrize("name", NAMES)
def test_any_number_of_samples_can_be_made_up(name: str) -> None:
    rate_hz = kind_facts(name)["rate_hz"]
    sender, codec = Transcoder(name), Transcoder(name)
    for at, frame in enumerate(frames(speech(PATIENT, rate_hz), rate_hz)[:300]):
        codec.decode(sender.encode(frame))
        if at % 3 == 0:
            assert len(codec.conceal(1 + at * 7 % 1920)) == 1 + at * 7 % 1920
    for n in (0, -1, 1921):
        with pytest.raises(ValueError, match="1920"):
            codec.conceal(n)


@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_a_steady_tone_goes_on(rate_hz: int) -> None:
    """The pitch is found: over the first 10 ms a lost packet of a 200 Hz tone is the tone."""
    t = np.arange(rate_hz) / rate_hz
    audio = np.round(8000 * np.sin(2 * np.pi * 200 * t)).astype(np.int16)
    lost = np.zeros(50, bool)
    lost[20] = True
    frame = rate_hz // 50
    made = conceal_array(audio, lost, frame, rate_hz)[20 * frame : 20 * frame + frame // 2].astype(float)
    true = audio[20 * frame : 20 * frame + frame // 2].astype(float)
    assert np.corrcoef(made, true)[0, 1] > 0.95
    assert 0.7 < np.abs(made).max() / 8000 < 1.05


def test_no_loss_changes_nothing() -> None:
    audio = speech(PATIENT, 16000)
    assert np.array_equal(conceal_array(audio, [False] * (len(audio) // 320), 320, 16000), audio)


@pytest.mark.parametrize("phase", range(0, 160, 10))
def test_the_loudest_voice_comes_back_without_a_click_after_a_long_loss_of_opus(phase: int) -> None:
    """Wherever its peak falls in the 5 ms of fading in: near full scale their product is beyond 32 bits."""
    note = np.round(32_000 * np.sin(2 * np.pi * (np.arange(16_000) + phase) / 160)).astype(np.int16)
    sender, holed = Transcoder("opus"), Transcoder("opus")
    payloads = [sender.encode(frame) for frame in frames(note, 16_000)]
    for payload in payloads[:20]:
        holed.decode(payload)
    for _ in range(10):
        holed.conceal(320)
    assert steepest(np.concatenate(([0], holed.decode(payloads[30])))[:100]) < 6_000
