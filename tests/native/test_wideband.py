"""What is above 4 kHz, where a call is wideband: in its tap, at a headset's ear, and of a whisper at the advisor's ear alone."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from codecphones import CodecRig, in_real_time, talk
from native.tap import TapReader

HIGH_HZ, LEVEL = 6_000, 6_000


def high(seconds: float, rate_hz: int = 16_000) -> np.ndarray:
    """A note that no codec of 8 kHz carries."""
    return (LEVEL * np.sin(2 * np.pi * HIGH_HZ * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(
        np.int16
    )


def strength(samples: np.ndarray, rate_hz: int = 16_000) -> float:
    """Amplitude of the high note."""
    wave = np.exp(-2j * np.pi * HIGH_HZ * np.arange(len(samples)) / rate_hz)
    return 2 * abs(float(np.abs(np.mean(samples * wave))))


def frames(tap: TapReader) -> list[tuple[np.ndarray, list[np.ndarray | None]]]:
    """All that is due: at 8 kHz, and at 16 kHz."""
    taken = []
    while (frame := tap.read()) is not None:
        taken.append((frame[1], tap.wide()))
    return taken


@pytest.mark.parametrize("codec", ["G722", "opus", "L16/16000"])
def test_a_tap_has_a_wideband_party_at_16_khz_beside_8_and_a_narrowband_one_at_8_alone(codec: str) -> None:
    with CodecRig(laws=(codec, "PCMA")) as rig:
        rig.talk()
        rig.sync()
        tap = rig.engine.open_tap(rig.call)
        rig.sync()
        in_real_time(rig, [(rig.caller, high(0.5)), (rig.advisor, np.full(4_000, 500, np.int16))])
        taken = frames(tap)[5:]
        assert len(taken) >= 10
        assert all(wide[1] is None for _, wide in taken)
        heard = np.concatenate([wide[0] for _, wide in taken])
        assert len(heard) == 320 * len(taken)
        assert strength(heard) > 0.7 * LEVEL
        narrow = np.concatenate([pair[0] for pair, _ in taken])
        assert np.abs(narrow).max() < 0.05 * LEVEL, "no alias of it at 8 kHz"


def test_a_gap_is_silence_at_both_rates_and_in_the_same_place() -> None:
    with CodecRig(laws=("L16/16000", "L16/16000")) as rig:
        rig.talk()
        rig.sync()
        tap = rig.engine.open_tap(rig.call)
        rig.sync()
        loud = np.full(320, 8_000, np.int16)
        for number in range(16):
            if number in (6, 7, 8, 9):
                rig.caller.sequence += 1
                rig.caller.timestamp += 320
            else:
                rig.caller.say(loud)
            rig.passes(20)
        rig.passes(80)
        taken = [(pair[0], wide[0]) for pair, wide in frames(tap) if wide[0] is not None]
        at_8 = np.concatenate([narrow for narrow, _ in taken]).reshape(-1, 80).mean(axis=1) > 4_000
        at_16 = np.concatenate([wide for _, wide in taken]).reshape(-1, 160).mean(axis=1) > 4_000
        assert (at_8 != at_16).sum() <= 4, "but for where it begins and ends: the narrow one is 3 ms late"
        pieces = [
            len(list(same)) for _, same in groupby(at_16[at_16.argmax() : -at_16[::-1].argmax() or None])
        ]
        assert len(pieces) == 3 and min(pieces) >= 7, f"sound, silence, sound by 10 ms: {pieces}"


def test_a_late_packet_puts_nothing_that_others_hold_into_its_place() -> None:
    with CodecRig(laws=("L16/16000", "L16/16000")) as rig:
        rig.talk()
        rig.sync()
        tap = rig.engine.open_tap(rig.call)
        rig.sync()
        packets = []
        for level in range(1, 13):
            payload = rig.caller.coder.encode(np.full(320, 2_000 * level, np.int16))
            packets.append(rig.caller.packet(payload, rig.caller.payload_type))
            rig.caller.sequence += 1
            rig.caller.timestamp += 320
        for number in (0, 1, 2, 3, 5, 4, 6, 7, 8, 9, 10, 11):
            rig.caller.post(packets[number])
            rig.passes(20)
        rig.passes(80)
        taken = [(pair[0], wide[0]) for pair, wide in frames(tap) if wide[0] is not None]
        for samples in (
            np.concatenate([narrow for narrow, _ in taken]),
            np.concatenate([wide for _, wide in taken]),
        ):
            steady = samples[np.abs(np.diff(samples, append=0)) < 20] // 1_900
            order = [int(level) for level, run in groupby(steady) if level > 0 and len(list(run)) > 40]
            assert order == sorted(set(order)), (
                f"the levels that were said, in the order in which they were: {order}"
            )


def test_a_party_who_changes_to_a_narrow_codec_and_back_is_never_heard_as_they_were_before() -> None:
    with CodecRig(laws=("L16/16000", "L16/16000")) as rig:
        rig.talk()
        rig.sync()
        tap = rig.engine.open_tap(rig.call)
        rig.sync()
        in_real_time(rig, [(rig.caller, high(0.3))])
        rig.caller.change("PCMA")
        rig.sync()
        frames(tap)
        in_real_time(rig, [(rig.caller, np.full(2_400, 500, np.int16))])
        rig.passes(80)
        taken = frames(tap)
        assert any(pair[0].max() > 400 for pair, _ in taken)
        loud = [one[0] for _, one in taken if one[0] is not None and np.abs(one[0]).max() > 100]
        assert len(loud) <= 3, "at most what waited for late packets"
        rig.caller.change("L16/16000")
        rig.sync()
        in_real_time(rig, [(rig.caller, high(0.3))])
        heard = [one[0] for _, one in frames(tap) if one[0] is not None and np.abs(one[0]).max() > 1_000]
        assert len(heard) >= 8
        assert strength(np.concatenate(heard[1:-1])) > 0.9 * LEVEL


def test_who_begins_in_the_past_hears_it_at_8_khz_and_then_what_is_said_at_16() -> None:
    with CodecRig(laws=("G722", "G722"), history_s=5.0) as rig:
        rig.talk()
        rig.sync()
        in_real_time(rig, [(rig.caller, high(0.4))])
        tap = rig.engine.open_tap(rig.call, 5.0, 1.0)
        rig.sync()
        past = frames(tap)
        assert len(past) >= 10 and not tap.live
        assert all(wide == [None, None] for _, wide in past)
        in_real_time(rig, [(rig.caller, high(0.5)), (rig.advisor, high(0.5))])
        taken = frames(tap)
        assert tap.live and all(one is not None for _, wide in taken[-10:] for one in wide)
        assert strength(np.concatenate([wide[0] for _, wide in taken[-10:]])) > 0.7 * LEVEL


@pytest.mark.parametrize("codec", ["G722", "opus"])
def test_a_wideband_whisper_is_the_advisors_alone(codec: str) -> None:
    """The leg of a browser: linear at 16 kHz. To the patient each byte is the advisor's."""
    with CodecRig(laws=(codec, codec)) as rig:
        headset = rig.supervisor("L16/16000")
        rig.whisper(headset)
        quiet = np.zeros(8_000, np.int16)
        talk(rig, [(headset, high(0.5)), (rig.caller, quiet), (rig.advisor, quiet)])
        assert strength(rig.advisor.audio()[3_200:]) > 0.7 * LEVEL
        assert rig.caller.payloads() == rig.advisor.said
        assert rig.caller.stats()["overlaid"] == 0
        for phone in rig.phones():
            phone.forget()
        talk(rig, [(headset, quiet), (rig.caller, high(0.5)), (rig.advisor, quiet)])
        assert strength(headset.audio()[3_200:]) > 0.7 * LEVEL, "the headset hears the patient"
