"""Keys in the audio: recognised as ITU-T Q.24 asks, never in speech, and kept from the patient."""

from __future__ import annotations

import numpy as np
import pytest
from codecphones import CodecPhone, CodecRig, at_rate, likeness
from native.g711 import decode_array, encode_array
from native.tones import keys_in
from rig import Rig, Telephone, wait_until
from sounds import coded, speech

from simulators import speech as phrases

LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
PAD = "123A456B789C*0#D"
CODES = "0123456789*#ABCD"


def press(
    key: str, ms: int = 100, *, level: float = 5000, twist_db: float = 0, off: float = 1.0
) -> np.ndarray:
    """A key's two tones. twist_db: how much louder the high one is. off: both frequencies wrong by so much."""
    row, column = divmod(PAD.index(key), 4)
    n = np.arange(ms * 8)
    low = np.sin(2 * np.pi * LOW[row] * off * n / 8000)
    high = np.sin(2 * np.pi * HIGH[column] * off * n / 8000) * 10 ** (twist_db / 20)
    return np.round(level * (low + high)).astype(np.int16)


def silence(ms: int) -> np.ndarray:
    return np.zeros(ms * 8, np.int16)


def keys(samples: np.ndarray) -> str:
    return "".join(CODES[event] for event, _ in keys_in(samples))


@pytest.mark.parametrize("law", ["PCMA", "PCMU"])
def test_every_key_is_recognised_once_within_40_ms(law: str) -> None:
    line = np.concatenate([np.concatenate([press(key, 60), silence(60)]) for key in PAD])
    found = keys_in(decode_array(law, encode_array(law, line)))
    assert "".join(CODES[event] for event, _ in found) == PAD
    for number, (_, at) in enumerate(found):
        assert (at - number * 960) / 8 <= 60, "40 ms, and the packet that ends after them"


@pytest.mark.parametrize(
    ("how", "heard"),
    [
        ({"off": 1.015}, True),
        ({"off": 1.04}, False),
        ({"twist_db": 4}, True),
        ({"twist_db": -6}, True),
        ({"level": 260}, True),
        ({"level": 8}, False),
    ],
)
def test_what_is_a_key_and_what_is_not(how: dict[str, float], heard: bool) -> None:
    assert (keys(np.concatenate([press("5", 100, **how), silence(60)])) == "5") is heard


def test_a_short_blip_is_no_key_and_a_long_press_is_one() -> None:
    assert keys(np.concatenate([press("5", 15), silence(60)])) == ""
    assert keys(np.concatenate([press("5", 3000), silence(60)])) == "5"
    assert keys(np.concatenate([press("9"), silence(50), press("9"), silence(50)])) == "99"


def test_no_key_in_speech() -> None:
    assert keys(speech(np.random.default_rng(1), 8000 * 60, 6000)) == ""
    for name in ("patient-chest-pain", "advisor-questions"):
        assert keys(coded(phrases.phrase(name))) == ""


def say(rig: Rig, phone: Telephone, samples: np.ndarray) -> None:
    for at in range(0, len(samples) - 159, 160):
        phone.say(samples[at : at + 160])
        rig.taken()
    rig.done()


def pressed(rig: Rig, phone: Telephone) -> str:
    rig.sync()
    return "".join(
        value for name, leg, value, *_ in rig.engine.events() if name == "key" and leg == phone.leg
    )


@pytest.mark.parametrize("law", ["PCMA", "PCMU"])
def test_an_advisors_tones_are_told_and_all_but_their_beginning_is_kept_from_the_caller(law: str) -> None:
    with Rig(laws=(law, law)) as rig:
        leg, port = rig.engine.add_leg(rig.engine.add_call(), "caller")
        rig.engine.remove_leg(leg)
        rig.engine.remove_leg(rig.advisor.leg)
        rig.advisor.socket.close()
        leg, port = rig.engine.add_leg(rig.call, "advisor", False, True)
        rig.advisor = Telephone(rig.engine, leg, port, law, 2)
        rig.talk()
        rig.sync()
        before, after = (
            speech(np.random.default_rng(2), 3200, 3000),
            speech(np.random.default_rng(3), 3200, 3000),
        )
        tones = np.concatenate([np.concatenate([press(key, 200), silence(100)]) for key in "*99"])
        rig.engine.events()
        say(rig, rig.advisor, np.concatenate([before, silence(60), tones, after]))
        assert pressed(rig, rig.advisor) == "*99"
        heard = rig.caller.audio()
    assert np.array_equal(heard[:3200], coded(before, law)), "what is no key goes through untouched"
    assert np.array_equal(heard[-3200:], coded(after, law))
    for number in range(3):
        begin = 3680 + number * 2400
        assert np.abs(heard[begin + 560 : begin + 1600]).max() < 20, "silenced once it is recognised"
    assert keys(heard) == "", "what is left of a key is too short to be one for anybody else"


def test_a_callers_tones_go_on_to_the_advisor_and_elsewhere_nobody_listens_for_tones() -> None:
    with Rig() as rig:
        rig.talk()
        rig.sync()
        tones = np.concatenate([press("5", 200), silence(100)])
        rig.engine.events()
        say(rig, rig.caller, tones)
        assert pressed(rig, rig.caller) == ""
        assert np.array_equal(rig.advisor.audio(), coded(tones))


def test_a_key_that_came_as_an_event_is_not_told_again_as_a_tone() -> None:
    with Rig() as rig:
        supervisor = rig.supervisor()
        leg, port = rig.engine.add_leg(rig.call, "supervisor", False, True)
        both = Telephone(rig.engine, leg, port, "PCMA", 30)
        rig.supervisors.append(both)
        rig.path((rig.caller, both), (rig.caller, supervisor))
        rig.engine.events()
        wait_until(lambda: rig.engine.stats(leg)["port"] == port, "the leg")
        both.key(6)
        say(rig, both, np.concatenate([press("6", 100), silence(60)]))
        assert pressed(rig, both) == "6"


@pytest.mark.parametrize("codec", ["G722", "opus", "L16/8000", "L16/16000"])
def test_tones_in_every_codec_are_told_and_kept_from_the_caller(codec: str) -> None:
    """What is no key reaches the caller as it came; after a key a codec with memory is led back before it is relayed again."""
    with CodecRig(laws=(codec, codec)) as rig:
        leg, port = rig.engine.add_leg(rig.call, "advisor", False, True)
        rig.engine.remove_leg(rig.advisor.leg)
        rig.advisor.socket.close()
        rig.advisor = advisor = CodecPhone(rig.engine, leg, port, codec, 2)
        rig.talk()
        rig.sync()
        words = at_rate(speech(np.random.default_rng(2), 3200, 3000), 8000, advisor.rate_hz)
        sent = say_coded(rig, advisor, words)
        assert rig.caller.payloads() == sent, "what is no key goes through untouched"
        rig.caller.forget()
        rig.engine.events()
        tones = np.concatenate([np.concatenate([press(key, 200), silence(100)]) for key in "*99"])
        say_coded(rig, advisor, at_rate(tones, 8000, advisor.rate_hz))
        assert pressed(rig, advisor) == "*99"
        pause = at_rate(silence(100), 8000, advisor.rate_hz)
        for _ in range(15):
            say_coded(rig, advisor, np.concatenate([words, pause]))
        rig.caller.listen()
        sequences = [packet.sequence for packet in rig.caller.heard]
        assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
        heard = at_rate(rig.caller.audio(), advisor.rate_hz, 8000)
        for number in range(3):
            begin = number * 2400
            assert np.abs(heard[begin + 640 : begin + 1560]).max() < 50, "silenced once it is recognised"
        assert keys(heard) == "", "what is left of a key is too short to be one for anybody else"
        correlation, _, level = likeness(heard[-8000:], at_rate(words, advisor.rate_hz, 8000), 400, 8000)
        assert correlation > 0.95
        assert level == pytest.approx(1, abs=0.1)
        rig.caller.forget()
        assert say_coded(rig, advisor, words) == rig.caller.payloads(), "relayed again"


def say_coded(rig: CodecRig, phone: CodecPhone, samples: np.ndarray) -> list[bytes]:
    each = phone.rate_hz // 50
    sent = []
    for at in range(0, len(samples) - each + 1, each):
        sent.append(phone.say(samples[at : at + each]))
        rig.taken()
    rig.done()
    return sent


def test_a_supervisors_tone_shuts_their_way_to_the_caller_at_once() -> None:
    """As their telephone-event does (`test_keys`): from the key on they may mean to whisper."""
    with Rig() as rig:
        leg, port = rig.engine.add_leg(rig.call, "supervisor", False, True)
        supervisor = Telephone(rig.engine, leg, port, "PCMA", 9)
        rig.supervisors.append(supervisor)
        both = [(rig.caller, rig.advisor), (rig.advisor, rig.caller)]
        rig.path(*both, (supervisor, rig.advisor), (supervisor, rig.caller))
        rig.sync()
        rng = np.random.default_rng(6)

        def talk(spoken: np.ndarray) -> list[bytes]:
            """The supervisor says this beside the parties; what the advisor said meanwhile."""
            rig.caller.forget()
            said = []
            for at in range(0, len(spoken), 160):
                said.append(rng.bytes(160))
                supervisor.say(spoken[at : at + 160])
                rig.step((rig.caller, b"\xd5" * 160), (rig.advisor, said[-1]))
            rig.caller.listen()
            return said

        said = talk(speech(rng, 1600))
        assert [packet.payload for packet in rig.caller.heard] != said, "they are heard"
        talk(press("5", 100))
        assert pressed(rig, supervisor) == "5"
        said = talk(speech(rng, 3200))
        assert [packet.payload for packet in rig.caller.heard] == said, "every byte is the advisor's again"
