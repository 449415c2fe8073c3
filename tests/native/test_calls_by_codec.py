"""A supervised call in every pair of codecs: what is relayed is untouched, what is mixed is heard true, a whisper stays secret."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from codecphones import CODECS, CodecPhone, CodecRig, at_rate, in_real_time, likeness, talk, voice
from sounds import leak

PAIRS = list(product(CODECS, CODECS))
WITH_SUPERVISOR = [
    *((one, other, CODECS[(number + number // 6) % 6]) for number, (one, other) in enumerate(PAIRS)),
    *(("PCMA", "PCMA", codec) for codec in CODECS[1:]),
]
"""Every pair of parties, each supervisor's codec with every codec of a party."""
CHANGES = [(was, to) for was, to in PAIRS if was != to]


def silence(phone: CodecPhone, seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * phone.rate_hz), np.int16)


def assert_heard(listener: CodecPhone, source: CodecPhone, said: np.ndarray, *, least: float = 0.93) -> None:
    heard = listener.audio()
    wanted = at_rate(said, source.rate_hz, listener.rate_hz)
    step = listener.rate_hz // 8
    found = [
        likeness(heard[at : at + 2 * step], wanted[at : at + step], 125, listener.rate_hz)
        for at in range(step, min(len(heard), len(wanted)) - 2 * step, step)
    ]
    good = [f for f in found if f[0] > least and f[1] <= 62.5 and abs(f[2] - 1) < 0.15]
    assert len(good) >= len(found) - 1, found


@pytest.mark.parametrize("codec", CODECS)
def test_one_codec_is_relayed_untouched_while_somebody_whispers(codec: str) -> None:
    with CodecRig(laws=(codec, codec)) as rig:
        supervisor = rig.supervisor("opus" if codec != "opus" else "PCMA")
        rig.talk()
        rig.sync()
        sent: dict[str, list[bytes]] = {"caller": [], "advisor": []}
        for number in range(60):
            if number == 20:
                rig.whisper(supervisor)
            for name, phone in (("caller", rig.caller), ("advisor", rig.advisor)):
                sent[name].append(phone.say(voice((number, len(name)), 0.02, phone.rate_hz)))
                rig.taken()
            supervisor.say(voice((number, 9), 0.02, supervisor.rate_hz))
            rig.done()
        rig.sync()
        assert rig.caller.payloads() == sent["advisor"], (
            "to the patient: every byte, before and during the whisper"
        )
        assert rig.advisor.payloads()[:20] == sent["caller"][:20]
        assert len(rig.advisor.payloads()) == 60
        assert rig.caller.stats()["overlaid"] == 0
        assert {p.payload_type for p in rig.caller.heard} == {rig.caller.payload_type}


@pytest.mark.parametrize(("caller", "advisor", "whisperer"), WITH_SUPERVISOR)
def test_a_whisper_is_heard_by_the_advisor_alone(caller: str, advisor: str, whisperer: str) -> None:
    with CodecRig(laws=(caller, advisor)) as rig:
        supervisor = rig.supervisor(whisperer)
        rig.whisper(supervisor)
        whisper = voice(1, 0.6, supervisor.rate_hz)
        talk(
            rig,
            [
                (supervisor, whisper),
                (rig.caller, silence(rig.caller, 0.6)),
                (rig.advisor, silence(rig.advisor, 0.6)),
            ],
        )
        assert_heard(rig.advisor, supervisor, whisper)
        assert np.abs(rig.caller.audio()).max() < 100, "the patient hears the advisor's silence"
        for phone in rig.phones():
            phone.forget()
        said = voice(2, 0.6, rig.caller.rate_hz)
        talk(
            rig,
            [
                (supervisor, silence(supervisor, 0.6)),
                (rig.caller, said),
                (rig.advisor, silence(rig.advisor, 0.6)),
            ],
        )
        assert_heard(supervisor, rig.caller, said)
        assert_heard(rig.advisor, rig.caller, said)
        for phone in rig.phones():
            phone.forget()
        said = voice(3, 0.6, rig.advisor.rate_hz)
        talk(
            rig,
            [
                (supervisor, silence(supervisor, 0.6)),
                (rig.caller, silence(rig.caller, 0.6)),
                (rig.advisor, said),
            ],
        )
        assert_heard(supervisor, rig.advisor, said)
        assert_heard(rig.caller, rig.advisor, said)


def what_the_patient_receives(codecs: tuple[str, str, str], secret: int) -> list[bytes]:
    """A call with a whisper through loss, hold, other packet times and a change of codec."""
    with CodecRig(laws=codecs[:2]) as rig:
        supervisor = rig.supervisor(codecs[2])
        rig.talk()
        rig.sync()
        heard: list[bytes] = []

        def part(number: int, **how: object) -> None:
            said = [
                (supervisor, voice((secret, number), 0.24, supervisor.rate_hz, 9000)),
                (rig.caller, voice((number, 1), 0.24, rig.caller.rate_hz)),
                (rig.advisor, voice((number, 2), 0.24, rig.advisor.rate_hz)),
            ]
            talk(rig, said, **how)
            heard.extend(rig.caller.payloads())
            rig.caller.forget()

        part(0)
        rig.whisper(supervisor)
        part(1)
        part(2, lost={rig.advisor.leg: frozenset({3, 7, 8}), supervisor.leg: frozenset({2})})
        part(3, ptime_ms={rig.advisor.leg: 30, supervisor.leg: 60, rig.caller.leg: 20})
        rig.advisor.connect(sends=False, receives=False)
        rig.sync()
        part(4)
        rig.advisor.connect()
        rig.sync()
        part(5)
        rig.caller.change("PCMU" if codecs[0] != "PCMU" else "G722")
        rig.sync()
        part(6)
        rig.advisor.change("opus" if codecs[1] != "opus" else "L16/16000")
        rig.sync()
        part(7)
        return heard


@pytest.mark.parametrize("codecs", WITH_SUPERVISOR[:36:5] + WITH_SUPERVISOR[36:], ids="-".join)
def test_what_the_patient_receives_does_not_depend_on_a_whisper(codecs: tuple[str, str, str]) -> None:
    one, other = (what_the_patient_receives(codecs, secret) for secret in (101, 202))
    assert len(one) > 70
    assert one == other


@pytest.mark.thorough
@pytest.mark.parametrize("codecs", list(product(CODECS, CODECS, CODECS)), ids="-".join)
def test_what_the_patient_receives_does_not_depend_on_a_whisper_in_any_codecs(
    codecs: tuple[str, str, str],
) -> None:
    one, other = (what_the_patient_receives(codecs, secret) for secret in (101, 202))
    assert len(one) > 70
    assert one == other


@pytest.mark.parametrize("lose", [False, True], ids=["", "with the first packet lost"])
@pytest.mark.parametrize(
    "codecs",
    [
        ("PCMA", "G722"),
        ("G722", "PCMA"),
        ("opus", "PCMA"),
        ("PCMA", "opus"),
        ("opus", "opus"),
        ("PCMA", "PCMA"),
    ],
    ids="-".join,
)
def test_a_barge_begins_with_nothing_of_the_whisper_before_it(codecs: tuple[str, str], lose: bool) -> None:
    """Neither from a decoder's memory, nor a resampler's, nor out of what is made up for a lost packet."""
    patient, whisperer = codecs
    with CodecRig(laws=(patient, patient)) as rig:
        supervisor = rig.supervisor(whisperer)
        rig.whisper(supervisor)
        tone = np.round(
            12000 * np.sin(2 * np.pi * 700 * np.arange(supervisor.rate_hz // 2) / supervisor.rate_hz)
        ).astype(np.int16)
        talk(
            rig,
            [
                (supervisor, tone),
                (rig.caller, silence(rig.caller, 0.5)),
                (rig.advisor, silence(rig.advisor, 0.5)),
            ],
        )
        rig.caller.forget()
        rig.barge(supervisor)
        lost = {supervisor.leg: frozenset({0})} if lose else None
        talk(
            rig,
            [
                (supervisor, silence(supervisor, 0.2)),
                (rig.caller, silence(rig.caller, 0.2)),
                (rig.advisor, silence(rig.advisor, 0.2)),
            ],
            lost=lost,
        )
        heard = rig.caller.audio()
        assert len(heard) == rig.caller.rate_hz // 5
        assert np.abs(heard).max() < 120, "of a tone of 12,000"
        assert (
            leak(heard[: rig.caller.rate_hz // 50], at_rate(tone, supervisor.rate_hz, rig.caller.rate_hz))
            < 0.9
        )


@pytest.mark.parametrize(("was", "to"), [change for number, change in enumerate(CHANGES) if number % 3 == 0])
def test_another_codec_in_the_middle_of_a_whisper(was: str, to: str) -> None:
    """A re-INVITE of both parties: the whisper goes on, in the new codec, and the patient is relayed again."""
    with CodecRig(laws=(was, was)) as rig:
        supervisor = rig.supervisor("G722")
        rig.whisper(supervisor)
        talk(rig, [(phone, voice(phone.leg, 0.2, phone.rate_hz)) for phone in rig.phones()])
        for phone in (rig.caller, rig.advisor):
            phone.change(to)
        rig.sync()
        for phone in rig.phones():
            phone.forget()
        overlaid = rig.caller.stats()["overlaid"]
        whisper = voice(5, 0.6, supervisor.rate_hz)
        talk(
            rig,
            [
                (supervisor, whisper),
                (rig.caller, silence(rig.caller, 0.6)),
                (rig.advisor, silence(rig.advisor, 0.6)),
            ],
        )
        assert_heard(rig.advisor, supervisor, whisper)
        assert rig.caller.stats()["overlaid"] == overlaid
        assert {p.payload_type for p in rig.advisor.heard} == {rig.advisor.payload_type}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("pace_ms", "supervisor_ms"), [(20, 30), (30, 20), (10, 60), (60, 20)])
def test_packet_times_mix_in_every_codec(codec: str, pace_ms: int, supervisor_ms: int) -> None:
    with CodecRig(laws=(codec, codec)) as rig:
        supervisor = rig.supervisor("opus")
        rig.whisper(supervisor)
        whisper = voice(7, 1.2, supervisor.rate_hz)
        times = {supervisor.leg: supervisor_ms, rig.caller.leg: pace_ms, rig.advisor.leg: pace_ms}
        talk(
            rig,
            [
                (supervisor, whisper),
                (rig.caller, silence(rig.caller, 1.2)),
                (rig.advisor, silence(rig.advisor, 1.2)),
            ],
            ptime_ms=times,
        )
        heard = rig.advisor.audio()
        assert len(heard) == 1.2 * rig.advisor.rate_hz, "as much as the pacer sent, neither slower nor faster"
        assert rig.advisor.stats()["underruns"] <= 1
        tail = at_rate(whisper, supervisor.rate_hz, rig.advisor.rate_hz)
        correlation, lag_ms, _ = likeness(
            heard[rig.advisor.rate_hz // 2 :],
            tail[rig.advisor.rate_hz // 2 - 0 :][: rig.advisor.rate_hz // 2],
            160,
            rig.advisor.rate_hz,
        )
        assert correlation > 0.85
        assert lag_ms <= pace_ms + supervisor_ms + 20


def test_packets_of_a_length_that_the_far_codec_has_not_are_cut_anew_with_nobody_listening() -> None:
    """15 ms of G.711 towards Opus, which has packets of 10 and of 20."""
    with CodecRig(laws=("PCMA", "opus")) as rig:
        rig.talk()
        rig.sync()
        words = voice(9, 1.2, 8000)
        for at in range(0, len(words), 120):
            rig.caller.say(words[at : at + 120])
            rig.passes(15)
        rate_hz = rig.advisor.rate_hz
        correlation, lag_ms, _ = likeness(rig.advisor.audio(), at_rate(words, 8000, rate_hz), 200, rate_hz)
        assert correlation > 0.9
        assert lag_ms <= 60


@pytest.mark.parametrize("codec", CODECS)
def test_after_a_whisper_the_advisor_is_relayed_again(codec: str) -> None:
    """For a codec with memory as soon as the far decoder can go over to the caller's packets unheard."""
    with CodecRig(laws=(codec, codec)) as rig:
        supervisor = rig.supervisor("PCMA")
        rig.whisper(supervisor)
        words = [(phone, voice(phone.leg, 0.4, phone.rate_hz)) for phone in rig.phones()]
        talk(rig, words)
        rig.dismiss(supervisor)
        rig.talk()
        rig.sync()
        for _ in range(6):  # each with a pause at its end, which Opus waits for
            talk(
                rig,
                [
                    (p, np.concatenate([voice(p.leg, 0.3, p.rate_hz), silence(p, 0.1)]))
                    for p in (rig.caller, rig.advisor)
                ],
            )
        before = rig.advisor.stats()["overlaid"]
        rig.advisor.forget()
        sent = [rig.caller.say(voice(number, 0.02, rig.caller.rate_hz)) for number in range(5)]
        rig.sync()
        assert rig.advisor.payloads() == sent
        assert rig.advisor.stats()["overlaid"] == before


@pytest.mark.parametrize("codec", ["G722", "opus", "L16/16000"])
def test_a_tap_has_a_wideband_party_at_8_khz(codec: str) -> None:
    with CodecRig(laws=(codec, codec)) as rig:
        rig.talk()
        rig.sync()
        tap = rig.engine.open_tap(rig.call)
        rig.sync()
        said = voice(3, 0.6, rig.caller.rate_hz)
        in_real_time(rig, [(rig.caller, said), (rig.advisor, silence(rig.advisor, 0.6))])
        frames = []
        for _ in range(60):
            rig.passes(5)
            while (frame := tap.read()) is not None:
                frames.append(frame[1])
        audio = np.concatenate(frames, axis=1)
        correlation, _, level = likeness(audio[0], at_rate(said, rig.caller.rate_hz, 8000)[800:], 300, 8000)
        assert correlation > 0.95
        assert level == pytest.approx(1, abs=0.1)
        assert np.abs(audio[1]).max() < 50
