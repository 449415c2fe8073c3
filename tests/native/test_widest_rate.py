"""A call is mixed at the widest rate that who listens speaks: what advisor and supervisor say above 4 kHz they hear of each other, though
the patient's phone is narrow.
"""

from __future__ import annotations

import numpy as np
import pytest
from codecphones import CodecPhone, CodecRig, in_real_time

ADVISORS_HZ, SUPERVISORS_HZ, LEVEL = 5000, 6000, 4000


def high(hz: float) -> np.ndarray:
    return np.round(LEVEL * np.sin(2 * np.pi * hz * np.arange(16000) / 16000)).astype(np.int16)


def loudness(phone: CodecPhone, hz: float) -> float:
    """Of this note in the last half second that the phone heard, as a share of what was said."""
    heard = phone.audio()[-8000:].astype(float)
    return float(abs(np.dot(heard, np.exp(-2j * np.pi * hz * np.arange(8000) / 16000))) / 4000 / LEVEL)


@pytest.mark.parametrize("supervisors", ["G722", "opus", "L16/16000"])
@pytest.mark.parametrize("advisors", ["G722", "opus"])
def test_advisor_and_supervisor_hear_each_other_above_4_khz(advisors: str, supervisors: str) -> None:
    with CodecRig(laws=("PCMA", advisors)) as rig:
        advisor, supervisor = rig.advisor, rig.supervisor(supervisors)
        both = [(rig.caller, advisor), (advisor, rig.caller)]
        hears = [*both, (rig.caller, supervisor), (advisor, supervisor)]
        said = [
            (rig.caller, np.zeros(8000, np.int16)),
            (advisor, high(ADVISORS_HZ)),
            (supervisor, high(SUPERVISORS_HZ)),
        ]
        for mode in ([], [(supervisor, advisor)], [(supervisor, advisor), (supervisor, rig.caller)]):
            rig.path(*hears, *mode)
            rig.sync()
            for phone in rig.phones():
                phone.forget()
            in_real_time(rig, said)
            assert loudness(supervisor, ADVISORS_HZ) > 0.6
            assert loudness(supervisor, SUPERVISORS_HZ) < 0.02, "their own"
            assert (loudness(advisor, SUPERVISORS_HZ) > 0.6) == bool(mode)
            assert np.abs(rig.caller.audio()[800:].astype(int)).max() < 200, (
                "the patient's phone carries none of it"
            )
