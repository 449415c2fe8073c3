"""A path to the caller opens: what was said before, and what still waits in the socket, was not meant for it."""

from __future__ import annotations

import numpy as np
from native.g711 import encode_array
from rig import Rig, slow_media_thread

ROUNDS = 60
SECRET = np.full(160, -20_000, np.int16)
ALOUD = np.full(160, 8_000, np.int16)
POSITIVE = np.full(160, 1_000, np.int16)
FRAME = encode_array("PCMA", POSITIVE)


def test_what_was_whispered_just_before_the_barge_does_not_reach_the_caller() -> None:
    """The packets and the command are given in one breath, and the media thread finds both at once."""
    with Rig() as rig, slow_media_thread():
        supervisor = rig.supervisor()
        parties = [
            (rig.caller, rig.advisor),
            (rig.advisor, rig.caller),
            (rig.caller, supervisor),
            (rig.advisor, supervisor),
        ]
        whisper = [*parties, (supervisor, rig.advisor)]
        barge = [*whisper, (supervisor, rig.caller)]
        rig.path(*whisper)
        rig.sync()
        for phone in rig.phones():
            phone.say(POSITIVE)
        rig.sync()
        heard_aloud = 0
        for _ in range(ROUNDS):
            for _ in range(4):
                supervisor.say(SECRET)
            rig.path(*barge)
            for _ in range(4):
                rig.advisor.say(POSITIVE)
                rig.caller.say(POSITIVE)
            rig.sync()
            for _ in range(3):
                supervisor.say(ALOUD)
                rig.step((rig.advisor, FRAME), (rig.caller, FRAME))
            rig.path(*whisper)
            rig.sync()
            audio = rig.caller.audio()
            rig.caller.heard.clear()
            rig.advisor.forget()
            supervisor.forget()
            assert audio.min() > -600, "a whispered sample at the caller's ear"
            heard_aloud += audio.max() > 4_000
            rig.step((rig.advisor, FRAME), (rig.caller, FRAME))
        assert heard_aloud > ROUNDS // 2, "the caller hardly heard the barge: this shows nothing"
