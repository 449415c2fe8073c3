"""Real speech for calls, spoken by espeak-ng: int16 mono at 8,000 Hz, at about -20 dBFS.

A handful of phrases by name, each in the voice of its speaker, and any text besides. What was once spoken is
kept in `${XDG_CACHE_HOME:-~/.cache}/supervision-gateway/speech` as WAV files that one can listen to.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .analysis import level_db
from .errors import SimulatorError, ToolMissing
from .g711 import Audio
from .resample import to_telephone

RATE_HZ = 8_000
LEVEL_DB = -20.0
RECIPE = 1
"Raise this when the same text and voice would come out different."


@dataclass(frozen=True)
class Voice:
    """How espeak-ng speaks for one person."""

    name: str
    words_per_minute: int
    pitch: int
    "0 … 99."


VOICES = {
    "patient": Voice("en-gb+f2", 150, 62),
    "daughter": Voice("en-gb-scotland+f4", 165, 70),
    "advisor": Voice("en-gb-x-rp+m3", 165, 45),
    "floorwalker": Voice("en-gb-x-gbclan+f3", 155, 40),
    "second-floorwalker": Voice("en-gb-scotland+m1", 150, 30),
    "auditor": Voice("en-us+m7", 160, 50),
}
"Voices by the role of who speaks."


@dataclass(frozen=True)
class Speech:
    """Something to say, and whose voice says it."""

    voice: str
    "A key of `VOICES`."
    text: str

    def audio(self) -> Audio:
        """Spoken: from the cache, or by espeak-ng, which takes some 50 ms a phrase. Raises `ToolMissing`."""
        return _spoken(self)


PHRASES = {
    "patient-chest-pain": Speech(
        "patient",
        "Hello? I have a tight pain in my chest, and it goes down my left arm. It started about twenty "
        "minutes ago, while I was on the stairs. I feel sick, and I am sweating.",
    ),
    "patient-answers": Speech(
        "patient",
        "Yes. I am sixty two. No, I have not taken any aspirin. My husband is at work, I am alone in the "
        "house. It is not getting any better.",
    ),
    "patient-thanks": Speech(
        "patient", "Thank you. Thank you very much. I can hear somebody at the door now."
    ),
    "daughter-breathing": Speech(
        "daughter",
        "It is my father. He is breathing very fast, his lips look blue, and he does not make any sense.",
    ),
    "advisor-greeting": Speech(
        "advisor",
        "You are through to one one one, my name is Tom. Am I speaking to the patient? "
        "Tell me what has happened, and what number I can call you back on.",
    ),
    "advisor-questions": Speech(
        "advisor",
        "Are you breathing harder than usual? Is the pain crushing, or does it come and go? "
        "Have you ever had heart trouble before? Please stay on the line with me.",
    ),
    "advisor-ambulance": Speech(
        "advisor",
        "An ambulance is on its way to you. Please unlock the front door, sit down on the floor, and rest.",
    ),
    "floorwalker-whisper": Speech(
        "floorwalker",
        "I am with you. Ask her whether the pain spreads to the jaw, and whether she is on blood thinners. "
        "You are doing well. Arrange a category two ambulance now.",
    ),
    "floorwalker-barge": Speech(
        "floorwalker",
        "Hello, this is Sarah, I am the nurse on duty, and I have joined your call. "
        "I would like to ask you two more questions.",
    ),
    "floorwalker-takeover": Speech(
        "floorwalker",
        "I am taking care of you from here. Do you have any aspirin in the house? "
        "Chew one tablet of three hundred milligrams, unless you are allergic to it.",
    ),
    "second-floorwalker-advice": Speech(
        "second-floorwalker",
        "The other nurse is busy, so I am listening too. Ask about allergies before anything else.",
    ),
    "auditor-note": Speech("auditor", "Greeting complete, identity confirmed, pathway chosen correctly."),
}
"Phrases by name: the speaker, then what it is about."


def phrase(name: str) -> Audio:
    """A phrase by name. Raises `KeyError` with the names there are, or `ToolMissing`."""
    if name not in PHRASES:
        raise KeyError(f"no phrase {name!r}; there are {', '.join(PHRASES)}")
    return PHRASES[name].audio()


def audio(what: str | Path | Speech, voice: str = "patient") -> Audio:
    """What a person meant by `what`: a phrase's name, a WAV file, or else text to be spoken by `voice`."""
    if isinstance(what, Speech):
        return what.audio()
    if str(what) in PHRASES:
        return phrase(str(what))
    if str(what).lower().endswith(".wav"):
        return read_wav(what)
    return Speech(voice, str(what)).audio()


def prepare() -> list[Path]:
    """Speak every phrase that is not in the cache yet, and return all their files."""
    for speech in PHRASES.values():
        speech.audio()
    return [_cached(speech) for speech in PHRASES.values()]


def read_wav(path: str | Path, *, stereo: bool = False, as_it_is: bool = False) -> Audio:
    """A WAV file, 16-bit mono of any rate, brought to 8,000 Hz; its level is kept. stereo: of two channels
    the first is taken. as_it_is: at its own rate. Raises `SimulatorError`.
    """
    try:
        with wave.open(str(path), "rb") as file:
            channels = file.getnchannels()
            if channels > 1 + stereo or file.getsampwidth() != 2:
                raise SimulatorError(f"{path} is not 16-bit mono; convert it first")
            rate_hz = file.getframerate()
            samples = np.frombuffer(file.readframes(-1), dtype="<i2").astype(np.int16)[::channels]
    except (OSError, EOFError, wave.Error) as error:
        raise SimulatorError(f"cannot read {path} as a WAV file: {error}") from error
    if rate_hz == RATE_HZ or as_it_is:
        return samples
    return to_telephone(samples, rate_hz).clip(-32_768, 32_767).astype(np.int16)


def write_wav(path: str | Path, samples: Audio, rate_hz: int = RATE_HZ) -> None:
    """Write int16 mono audio as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())


def cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "supervision-gateway" / "speech"


def normalised(samples: npt.NDArray[np.float64], wanted_db: float = LEVEL_DB) -> Audio:
    """At a level [dBFS, root mean square over the whole], peaks clipped at full scale."""
    gain = 10 ** ((wanted_db - level_db(samples)) / 20) if samples.any() else 1.0
    scaled: Audio = np.round(samples * gain).clip(-32_768, 32_767).astype(np.int16)
    return scaled


def _cached(speech: Speech) -> Path:
    voice = VOICES[speech.voice]
    made_of = f"{RECIPE}|{voice}|{LEVEL_DB}|{speech.text}"
    return cache_dir() / f"{speech.voice}-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.wav"


def _spoken(speech: Speech) -> Audio:
    if speech.voice not in VOICES:
        raise SimulatorError(f"no voice {speech.voice!r}; there are {', '.join(VOICES)}")
    path = _cached(speech)
    if path.exists():
        return read_wav(path)
    samples = normalised(_speak(speech))
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written beside and renamed, so that two processes never read half a file.
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    os.close(handle)
    write_wav(temporary, samples)
    os.replace(temporary, path)
    return samples


def _speak(speech: Speech) -> npt.NDArray[np.float64]:
    """Run espeak-ng and bring what it says to 8,000 Hz."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise ToolMissing("espeak-ng is not installed; on Debian: apt-get install espeak-ng")
    voice = VOICES[speech.voice]
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "spoken.wav"
        command = [program, "-v", voice.name, "-s", str(voice.words_per_minute), "-p", str(voice.pitch)]
        done = subprocess.run(
            [*command, "-w", str(spoken), "--", speech.text],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0 or not spoken.exists():
            raise SimulatorError(f"espeak-ng failed ({done.returncode}): {done.stderr.strip() or 'no sound'}")
        with wave.open(str(spoken), "rb") as file:
            rate_hz = file.getframerate()
            samples = np.frombuffer(file.readframes(-1), dtype="<i2").astype(np.int16)
    return to_telephone(samples, rate_hz)
