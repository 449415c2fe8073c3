"""What being whispered to and barged in on costs in quality, by PESQ (ITU-T P.862, P.862.2), against the codec's own round trip."""

from __future__ import annotations

import numpy as np
import pytest
from codecphones import CodecRig, Rig, talk
from native.transcoder import Transcoder
from pesq import pesq
from voices import ADVISOR, FLOORWALKER, frames, speech

assert Rig  # the folder's conftest looks for it: this module's tests run on an engine

MOST_LOST = 0.1


def coder_of(codec: str) -> Transcoder:
    """A phone's: Opus at 24 kbit/s, as phones do."""
    return Transcoder(codec, 24_000 if codec == "opus" else 0)


def round_trip(coder: Transcoder, samples: np.ndarray, rate_hz: int) -> np.ndarray:
    decoder = Transcoder(coder.name)
    pieces = []
    for frame in frames(samples, rate_hz):
        payload = coder.encode(frame)
        assert payload is not None
        pieces.append(decoder.decode(payload))
    return np.concatenate([piece for piece in pieces if piece is not None])


def score(said: np.ndarray, heard: np.ndarray, rate_hz: int) -> float:
    return float(pesq(rate_hz, said, heard, "wb" if rate_hz == 16000 else "nb"))


@pytest.mark.parametrize("codec", ["PCMA", "PCMU", "opus"])
def test_a_whisper_sounds_as_what_is_coded_twice(codec: str) -> None:
    """By the floorwalker's phone and by us, for the advisor's: reading through the jitter buffer and adding cost nothing more."""
    with CodecRig(laws=(codec, codec)) as rig:
        supervisor = rig.supervisor(codec)
        supervisor.coder = coder_of(codec)
        rig.whisper(supervisor)
        rate_hz = supervisor.rate_hz
        said = speech(FLOORWALKER, rate_hz)[: 2 * rate_hz - rate_hz // 10]
        nothing = np.zeros(len(said), np.int16)
        talk(rig, [(supervisor, said), (rig.caller, nothing), (rig.advisor, nothing)])
        twice = round_trip(Transcoder(codec), round_trip(coder_of(codec), said, rate_hz), rate_hz)
        assert score(said, rig.advisor.audio(), rate_hz) >= score(said, twice, rate_hz) - MOST_LOST


@pytest.mark.parametrize("codec", ["PCMA", "PCMU", "G722", "opus"])
def test_a_barge_leaves_the_advisor_sounding_as_before(codec: str) -> None:
    """The patient hears the advisor through an overlay in which the floorwalker is silent: as by the codec's own round trip."""
    with CodecRig(laws=(codec, codec)) as rig:
        supervisor = rig.supervisor("PCMA")
        rig.advisor.coder = coder_of(codec)
        rig.barge(supervisor)
        rate_hz = rig.advisor.rate_hz
        said = speech(ADVISOR, rate_hz)[: 3 * rate_hz]
        talk(rig, [(rig.caller, np.zeros(len(said), np.int16)), (rig.advisor, said)])
        own = score(said, round_trip(coder_of(codec), said, rate_hz), rate_hz)
        assert score(said, rig.caller.audio(), rate_hz) >= own - MOST_LOST
        assert rig.caller.stats()["overlaid"] >= 140
