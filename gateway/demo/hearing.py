"""Judging what somebody heard: which voices are in it, how late, and is it untouched? Pure.

A voice that is mixed in passes a jitter buffer, whose delay is trimmed by a sample a frame and may step when
packets come late: no single lag fits it. So its lag is followed from frame to frame, along the path that
explains most of what was heard (Viterbi's algorithm). Voices are told apart by taking the others out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simulators import Recording
from simulators.analysis import best_lag_correlation, level_db

RATE_HZ = 8_000
SAMPLES_PER_MS = 8
SILENCE_DB = -60.0
"""A voice below this said nothing: A-law's own silence is -72 dBFS."""
LONGEST_LAG_SAMPLES = 4_000
FRAME = 160
REACH = 400
"""A lag is followed within ± so many samples of the one that fits the whole best (50 ms)."""
STEP_COST = 0.02
"""Of a frame's average power, for a lag that moves by one sample."""
JUMP_COST = 1.0
"""The same for a lag that jumps."""
FITS_AS_IT_IS = 0.999
"""Correlation from which on a single lag is good enough."""

Audio = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of sound, and when its first sample was sent or came [ns, monotonic]. Mono, 8,000 Hz."""

    audio: Audio
    start_ns: int

    @classmethod
    def of(cls, recording: Recording, start_ns: int, end_ns: int) -> Clip:
        """That time of a recording; empty where there was nothing."""
        part = recording.between(start_ns, end_ns)
        packets = part.packets
        return cls(part.audio(), packets[0].at_ns if packets else start_ns)

    @property
    def silent(self) -> bool:
        return level_db(self.audio) <= SILENCE_DB


@dataclass(frozen=True, slots=True)
class Heard:
    """How a voice is found in what somebody heard, all other voices taken out."""

    corr: float
    """Correlation with what was said, -1 … 1."""
    gain_db: float
    """Its level, against the level it was said with; -inf for a voice that is not there."""
    delay_ms: float
    """From the sending of a packet to the arrival of its sound; the median over the scene."""


NOT_HEARD = Heard(0.0, -math.inf, 0.0)


def separate(voices: Mapping[str, Clip], heard: Clip) -> tuple[dict[str, Heard], Clip]:
    """How each of the voices is found in `heard`, and what is left of it without all of them."""
    found: dict[str, Floats] = {}
    remaining = heard.audio.astype(np.float64)
    while len(found) < len(voices):
        clearest = max(
            (name for name in voices if name not in found),
            key=lambda name: _coarse(voices[name].audio, remaining)[0],
        )
        found[clearest] = _fitted(_followed(voices[clearest].audio, remaining)[0], remaining)
        remaining = remaining - found[clearest]
    # Once more, each without all the others: the first were found among louder noise than the last.
    judged = {}
    for name, voice in voices.items():
        alone = remaining + found[name]
        copy, lag = _followed(voice.audio, alone)
        fitted = _fitted(copy, alone)
        remaining, found[name] = alone - fitted, fitted
        judged[name] = _judge(copy, alone, lag * 1000 / RATE_HZ + (heard.start_ns - voice.start_ns) / 1e6)
    return judged, Clip(remaining, heard.start_ns)


def trace(voice: Clip, rest: Clip) -> float:
    """The loudest that could be taken for `voice` in what should hold none of it [dB against the voice].

    -inf: nothing.
    """
    corr, lag = _coarse(voice.audio, rest.audio)
    copy = np.zeros(len(rest.audio))
    _place(copy, voice.audio.astype(np.float64), lag)
    power = _dot(copy, copy)
    gain = _dot(copy, rest.audio) / power if corr > 0 and power > 0 else 0.0
    return 20 * math.log10(gain) if gain > 0 else -math.inf


def untouched(sent: Sequence[bytes], received: Sequence[bytes]) -> int:
    """How many of the received payloads are, bit for bit and in order without a gap, what was sent."""
    numbers: dict[bytes, int] = {}
    there = np.array([numbers.setdefault(payload, len(numbers)) for payload in sent])
    here = np.array([numbers.get(payload, -1) for payload in received])
    if len(here) == 0 or len(here) > len(there):
        return 0
    return max(int(np.sum(there[at : at + len(here)] == here)) for at in range(len(there) - len(here) + 1))


def _judge(copy: Floats, alone: Floats, delay_ms: float) -> Heard:
    there = copy != 0
    said, came = copy[there], alone[there]
    power, product = _dot(said, said), _dot(said, came)
    norm = math.sqrt(power * _dot(came, came))
    if norm == 0 or product <= 0:
        return NOT_HEARD
    return Heard(product / norm, 20 * math.log10(product / power), delay_ms)


def _coarse(voice: Audio, heard: Audio) -> tuple[float, int]:
    """Correlation and lag of the single shift that fits best."""
    if level_db(heard) <= SILENCE_DB:
        return 0.0, 0
    match = best_lag_correlation(voice, heard, max_lag_samples=LONGEST_LAG_SAMPLES)
    return match.corr, match.lag_samples


def _followed(voice: Audio, heard: Floats) -> tuple[Floats, float]:
    """The voice as it lies in `heard`, frame by frame where it fits; and its median lag [samples]."""
    said = voice.astype(np.float64)
    corr, middle = _coarse(voice, heard)
    frames = len(said) // FRAME
    if corr <= 0 or frames == 0:
        return np.zeros(len(heard)), 0.0
    if corr > FITS_AS_IT_IS:
        return _laid(said, np.full(frames, middle), len(heard), 0), float(middle)
    lags = _path(said, heard, middle, frames)
    # Where in a frame its lag moves is not known: of a few places the one that fits best.
    tried = [_laid(said, lags, len(heard), early) for early in range(-FRAME // 2, FRAME + 1, FRAME // 4)]
    copy = max(tried, key=lambda copy: _dot(copy, heard))
    loud = np.square(said[: frames * FRAME]).reshape(frames, FRAME).sum(axis=1)
    return copy, float(np.median(lags[loud > 0.05 * loud.max()]))


def _laid(said: Floats, lags: npt.NDArray[np.int64], length: int, early: int) -> Floats:
    """Each frame of a voice at its lag, in silence of `length`; interpolated, as a jitter buffer does it.

    early: by how many samples a lag comes to hold after its frame's centre.
    """
    sources = np.arange(len(lags)) * FRAME + FRAME / 2 + early
    places = np.maximum.accumulate(sources + lags)
    first = int(max(0, -sources[0] + places[0]))
    last = int(min(length, places[-1] + len(said) - sources[-1]))
    copy = np.zeros(length)
    if last <= first:
        return copy
    at = np.arange(first, last, dtype=np.float64)
    positions = np.interp(at, places, sources)
    positions += np.minimum(0, at - places[0]) + np.maximum(0, at - places[-1])
    copy[first:last] = np.interp(positions, np.arange(len(said)), said, left=0.0, right=0.0)
    return copy


def _path(said: Floats, heard: Floats, middle: int, frames: int) -> npt.NDArray[np.int64]:
    """The lag of each frame, by Viterbi's algorithm: it stays, moves by a sample, or seldom jumps.

    A frame counts by its power times its correlation with what is heard there, so no lag wins by loudness.
    """
    padded = np.concatenate([np.zeros(REACH + abs(middle)), heard, np.zeros(len(said) + REACH + abs(middle))])
    offset = REACH + abs(middle) + middle - REACH
    states = 2 * REACH + 1
    power = float(np.mean(np.square(said))) * FRAME
    step, jump = STEP_COST * power, JUMP_COST * power
    score = np.zeros(states)
    came_from = np.zeros((frames, states), dtype=np.int64)
    own = np.arange(states)
    norms = np.sqrt(np.convolve(np.square(padded), np.ones(FRAME))[FRAME - 1 :] + 1.0)
    for number in range(frames):
        frame = said[number * FRAME : (number + 1) * FRAME]
        start = offset + number * FRAME
        gained = math.sqrt(_dot(frame, frame)) * np.correlate(
            padded[start : start + FRAME + states - 1], frame
        )
        gained /= norms[start : start + states]
        anywhere = int(np.argmax(score))
        options = np.stack(
            [
                score,
                np.concatenate([[-np.inf], score[:-1] - step]),
                np.concatenate([score[1:] - step, [-np.inf]]),
                np.full(states, score[anywhere] - jump),
            ]
        )
        choice = np.argmax(options, axis=0)
        came_from[number] = np.choose(choice, [own, own - 1, own + 1, np.full(states, anywhere)])
        score = options[choice, own] + gained
    lags = np.zeros(frames, dtype=np.int64)
    state = int(np.argmax(score))
    for number in range(frames - 1, -1, -1):
        lags[number] = state
        state = int(came_from[number, state])
    return lags + middle - REACH


def _fitted(copy: Floats, heard: Floats) -> Floats:
    """The copy at the level at which it is found."""
    power = _dot(copy, copy)
    return copy * max(0.0, _dot(copy, heard) / power) if power > 0 else copy


def _place(target: Floats, audio: Floats, at: int) -> None:
    """Write `audio` into `target` from `at` on, as far as it lies inside."""
    start, end = max(0, at), min(len(target), at + len(audio))
    if end > start:
        target[start:end] = audio[start - at : end - at]


def _dot(one: Audio, other: Audio) -> float:
    """Their inner product; not by BLAS, whose threads cost more than they save on arrays so small."""
    return float(np.sum(one * other))
