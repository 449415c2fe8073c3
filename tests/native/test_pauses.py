"""A party whose phone sends nothing while they are silent (DTX): who is whispered to is kept flowing, and nothing of it is left as delay."""

from __future__ import annotations

import numpy as np
import pytest
from codecphones import CODECS, CodecPhone, CodecRig, likeness, voice

SPURTS, SPURT, PAUSE = 6, 25, 40
"""How often the patient speaks, and for how long, and not [packets of 20 ms]."""
OPUS_PAUSE = b"\x48"
"""What Opus sends in DTX every 400 ms: a frame of no bytes (RFC 6716 §3.2.1; SILK, wide band, 20 ms)."""
COMFORT_NOISE, QUIET = 13, b"\x40"


def tell_of_silence(phone: CodecPhone, packet: int) -> None:
    """As phones of this codec do: comfort noise (RFC 3389) or Opus's own now and then, else nothing."""
    if packet % 20 == 0:
        if phone.law == "opus":
            phone.post(phone.packet(OPUS_PAUSE, phone.payload_type))
            phone.sequence += 1
        elif phone.law in ("PCMA", "PCMU"):
            phone.post(phone.packet(QUIET, COMFORT_NOISE))
            phone.sequence += 1
    phone.timestamp += phone.coder.ticks(phone.rate_hz // 50)


@pytest.mark.parametrize("codec", CODECS)
def test_a_whisper_flows_on_through_the_patients_pauses_and_gathers_no_delay(codec: str) -> None:
    with CodecRig(laws=(codec, codec)) as rig:
        supervisor = rig.supervisor(codec)
        rig.whisper(supervisor)
        rate_hz, each = supervisor.rate_hz, supervisor.rate_hz // 50
        packets = SPURTS * (SPURT + PAUSE)
        said = voice(3, packets / 50, rate_hz)
        nothing = np.zeros(each, np.int16)
        for number in range(packets):
            supervisor.say(said[number * each :][:each])
            if number % (SPURT + PAUSE) < SPURT:
                rig.caller.say(nothing)
            else:
                tell_of_silence(rig.caller, number % (SPURT + PAUSE))
            rig.taken()
            rig.passes(20)
        heard = rig.advisor.audio()
        sequences = [packet.sequence for packet in rig.advisor.heard]
        assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
        assert packets - 2 <= len(sequences) <= packets + 1, "as many as there was time for"
        lags = []
        for spurt in range(SPURTS):
            at = (spurt * (SPURT + PAUSE) + SPURT + 8) * each  # in the pause, once the clock has taken over
            alike, late_ms, level = likeness(heard[at - 5 * each :], said[at:][: 20 * each], 300, rate_hz)
            assert alike > 0.95
            assert level == pytest.approx(1, abs=0.1)
            lags.append(late_ms - 100)
        print(f"{codec}: {len(sequences)} packets in the time of {packets}; late by {lags} ms")
        assert max(lags) <= 45
        assert lags[-1] <= lags[0] + 5
