"""What was said before a way opened stays behind it also where sound is made from what is kept: the echo of a voice that breaks off, and
what a codec's memory still rings with.
"""

from __future__ import annotations

import numpy as np
from codecphones import CodecRig, in_real_time, voice
from native.source import SourceProbe


def test_the_echo_of_a_voice_that_breaks_off_ends_where_the_way_opened() -> None:
    """It mirrors 5 ms; here only 2.5 have been said since."""
    probe = SourceProbe("PCMA")
    for number in range(10):
        probe.write(160 * number, probe.encode(np.full(160, 9000, np.int16)), 20.0 * number)
    probe.open()
    probe.write(1600, probe.encode(np.full(20, 100, np.int16)), 200.0)
    assert probe.read(8, 20, 200.0).any()
    assert np.abs(probe.read(8, 60, 203.0).astype(int)).max() <= 110


def test_a_packet_of_before_that_comes_late_is_not_what_a_loss_is_made_up_from() -> None:
    probe = SourceProbe("PCMA")
    loud, quiet = (probe.encode(np.full(160, level, np.int16)) for level in (9000, 100))
    for number in [*range(8), 9]:
        probe.write(160 * number, loud, 20.0 * number)
    probe.open()
    heard = []
    for number in [10, 11, 12, 13, 8, 15, 16]:
        probe.write(160 * number, loud if number == 8 else quiet, 20.0 * number)
        heard.append(probe.read(8, 160, 20.0 * number))
    assert probe.made_up > 0
    assert np.abs(np.concatenate(heard).astype(int)).max() <= 110


def test_who_is_put_through_is_not_heard_ringing_on_with_what_was_said_before() -> None:
    """Two filters of G.722 remember: 10 ms of the first packet behind the opening are left out."""
    with CodecRig(laws=("L16/16000", "PCMA")) as rig:
        supervisor = rig.supervisor("G722")
        both = [(rig.caller, rig.advisor), (rig.advisor, rig.caller)]
        rig.path(*both, (rig.caller, supervisor), (rig.advisor, supervisor))
        rig.sync()
        loud = voice(1, 0.4, 16000, 9000)
        in_real_time(rig, [(supervisor, loud), (rig.advisor, np.zeros(3200, np.int16))])
        rig.path((rig.caller, supervisor), (supervisor, rig.caller), (rig.caller, rig.advisor))
        rig.sync()
        rig.caller.forget()
        supervisor.say(np.full(320, 3000, np.int16))
        rig.sync()
        heard = rig.caller.audio()[-320:].astype(int)
        assert len(heard) == 320
        assert np.abs(heard[:160]).max() <= 8, "more than the advisor's own silence, fading"
        assert heard[200:].max() > 1000
