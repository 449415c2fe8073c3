"""The demonstration's pure parts: can its checks fail, who hears whom, what is typed, its configuration."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import numpy as np
import pytest

from gateway.config.loading import examine_table
from gateway.core.model import Mode
from gateway.demo.hearing import Clip, separate, trace, untouched
from gateway.demo.levels import bar
from gateway.demo.picture import Scenery, hearers, sentence
from gateway.demo.prompt import Command, LineEditor, UnknownCommand, Verb, parse
from gateway.demo.settings import Tokens, configuration
from gateway.demo.watch import Event, Watch

RATE_HZ = 8_000


def voice(seed: int, seconds: float = 2.0) -> np.ndarray:
    """Noise with the rhythm of speech, each seed its own."""
    random = np.random.default_rng(seed)
    n = int(seconds * RATE_HZ)
    noise = np.convolve(random.normal(size=n), np.ones(4) / 4, "same")
    rhythm = np.repeat(random.random(n // 400 + 1), 400)[:n]
    return (3_000 * noise * rhythm).astype(np.int16)


def clip(audio: np.ndarray) -> Clip:
    return Clip(audio, 0)


def later(audio: np.ndarray, samples: int) -> np.ndarray:
    return np.concatenate([np.zeros(samples, dtype=audio.dtype), audio])


def test_finds_both_voices_in_a_mixture() -> None:
    one, two = voice(1), voice(2)
    mixed = later(one, 160)[: len(one)].astype(np.int32) + later(two, 400)[: len(two)]
    found, rest = separate({"one": clip(one), "two": clip(two)}, clip(mixed))
    assert found["one"].corr > 0.99
    assert found["two"].corr > 0.99
    assert found["one"].delay_ms == pytest.approx(20)
    assert found["two"].delay_ms == pytest.approx(50)
    assert abs(found["two"].gain_db) < 0.1
    assert np.abs(rest.audio[RATE_HZ // 2 : -RATE_HZ // 2]).max() < 300


def test_follows_a_delay_that_is_trimmed_a_sample_a_frame() -> None:
    said = voice(3)
    taken, at = [], 0.0
    for frame in range(len(said) // 160 - 2):
        step = 161 / 160 if 30 <= frame < 70 else 1.0
        taken.append(np.interp(at + np.arange(160) * step, np.arange(len(said)), said))
        at += 160 * step
    heard = later(np.concatenate(taken), 240)
    found, _ = separate({"voice": clip(said)}, clip(heard))
    assert found["voice"].corr > 0.97


def test_follows_a_delay_that_jumps() -> None:
    said = voice(4)
    heard = np.concatenate([np.zeros(80), said[:8_000], np.zeros(160), said[8_000:]])
    found, _ = separate({"voice": clip(said)}, clip(heard))
    assert found["voice"].corr > 0.95


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_does_not_find_a_voice_that_is_not_whole(share: float) -> None:
    said, heard = voice(5), voice(5).astype(np.float64)
    heard[int(len(heard) * share) :] = voice(6)[int(len(heard) * share) :]
    found, _ = separate({"voice": clip(said)}, clip(heard))
    assert found["voice"].corr < 0.95


def test_hears_silence_as_nobody() -> None:
    found, _ = separate({"voice": clip(voice(7))}, clip(np.full(16_000, 8, dtype=np.int16)))
    assert found["voice"].corr == 0
    assert math.isinf(found["voice"].gain_db)


def test_tells_a_changed_level() -> None:
    said = voice(8)
    found, _ = separate({"voice": clip(said)}, clip(said * 0.5))
    assert found["voice"].gain_db == pytest.approx(-6.02, abs=0.05)


@pytest.mark.parametrize("gain_db", [0.0, -10.0, -20.0, -25.0])
def test_a_leak_is_traced(gain_db: float) -> None:
    party, whisper = voice(9), voice(10)
    leaking = party + later(whisper, 200)[: len(party)] * 10 ** (gain_db / 20)
    _, rest = separate({"party": clip(party)}, clip(leaking))
    assert trace(clip(whisper), rest) == pytest.approx(gain_db, abs=1.5)


def test_no_leak_is_no_trace() -> None:
    party, whisper = voice(11), voice(12)
    _, rest = separate({"party": clip(party)}, clip(party))
    assert trace(clip(whisper), rest) < -60


def test_untouched_counts_only_whole_runs() -> None:
    sent = [bytes([n % 251]) * 160 for n in range(300)]
    assert untouched(sent, sent[50:200]) == 150
    changed = [*sent[50:100], b"x" * 160, *sent[101:200]]
    assert untouched(sent, changed) == 149
    missing = [*sent[50:100], *sent[101:200]]
    assert untouched(sent, missing) < len(missing)
    assert untouched(sent, []) == 0
    assert untouched([], sent) == 0


def test_who_hears_whom_follows_the_mode() -> None:
    here = {"patient": True, "advisor": True, "auditor": True}
    whisper = hearers(Scenery(**here, sarah=Mode.WHISPER))
    assert whisper["floorwalker"] == ["advisor"]
    assert whisper["patient"] == ["advisor", "floorwalker", "auditor"]
    assert "floorwalker" not in hearers(Scenery(**here, sarah=Mode.LISTEN))
    assert hearers(Scenery(**here, sarah=Mode.TAKEOVER))["advisor"] == ["auditor"]
    assert hearers(Scenery()) == {}
    alone = Scenery(patient=True, sarah=Mode.TAKEOVER)
    assert sentence(alone) == "patient ← floorwalker · floorwalker ← patient"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("whisper", Command(Verb.WHISPER)),
        (" W ", Command(Verb.WHISPER)),
        ("5", Command(Verb.WHISPER)),
        ("hang   up", Command(Verb.HANG_UP)),
        ("*99", Command(Verb.PANIC)),
        ("say Ask about  allergies", Command(Verb.SAY, "Ask about allergies")),
        ("", None),
    ],
)
def test_commands(typed: str, meant: Command | None) -> None:
    assert parse(typed) == meant


@pytest.mark.parametrize(("typed", "words"), [("whsper", "no such command: whsper"), ("say", "say what?")])
def test_unknown_commands_are_explained(typed: str, words: str) -> None:
    with pytest.raises(UnknownCommand, match=words.replace("?", r"\?")):
        parse(typed)


def test_editing_a_line() -> None:
    editor = LineEditor()
    lines = [editor.press(key) for key in "wx\x7fhi\x1b[Ds\x1bOAper\r"]
    assert lines[-1] == "whisper"
    assert set(lines[:-1]) == {None}
    for key in "abc\x15":
        editor.press(key)
    assert editor.text == ""
    assert editor.press("\x04") == "quit"


def test_configuration_is_sound() -> None:
    table = tomllib.loads(configuration("sip:127.0.0.1:5080", "mqtt://127.0.0.1:1883", "/tmp/demo"))
    report = examine_table(table, Path(), Tokens().environ())
    assert report.mistakes == report.warnings == ()


def test_bars() -> None:
    assert bar(-math.inf, 4) == "····"
    assert bar(-6.0, 4) == "████"
    assert bar(-33.0, 4) == "██··"
    assert bar(0.0, 4) == "████"


def test_who_speaks_does_not_pass_for_the_call_itself() -> None:
    """Events about a call that are not its snapshot leave the latest snapshot in place."""
    watch = Watch("http://127.0.0.1:1", "")
    snapshot = {"id": "c-1", "state": "talking", "supervisors": [{"user": "sarah"}]}
    for kind, data in (("call.changed", snapshot), ("call.talk", {"talking": ["caller"]})):
        watch._take(Event(0, kind, "c-1", data))
    assert watch.calls == {"c-1": snapshot}
    watch._take(Event(0, "call.ended", "c-1", {**snapshot, "state": "ended"}))
    assert watch.calls == {}
