"""A whisper never reaches the patient: not a sample of the voice, not a tone of a supervisor's key."""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import dataclass, field

import pytest
from e2e_checks import Audio, audio_packets, strength, tone, unique_payloads, unlike
from e2e_figures import figure
from e2e_gateway import Gateway
from e2e_house import FELIX, FIONA, FLORA, House, Line, heard_more, sent_for
from e2e_signs import negative_samples, payloads
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulators import OutgoingCall, analysis, speech
from simulators.rtp import KEYS

FLOORWALKERS = (FIONA, FELIX, FLORA)
MODES = {"4": "listen", "5": "whisper", "6": "barge"}
CODES = {"*71": "listen", "*72": "whisper", "*73": "barge", "*74": "takeover"}
HEARD_BY_PATIENT = ("barge", "takeover")
WALKS = int(os.environ.get("WALKS", "14"))
"How many walks hypothesis makes in the thorough run; set it to look further, and every time elsewhere."


def loud(phrase: str) -> Audio:
    """A phrase at 10 dB above what people are recorded at."""
    return (speech.phrase(phrase).astype("float64") * 10 ** (10 / 20)).clip(-32_768, 32_767).astype("int16")


@pytest.mark.parametrize(
    ("law", "whisper_law"),
    [
        ("PCMA", "PCMA"),
        ("PCMU", "PCMA"),
        pytest.param("PCMA", "PCMU", marks=pytest.mark.thorough),
        pytest.param("PCMU", "PCMU", marks=pytest.mark.thorough),
    ],
)
async def test_during_a_loud_whisper_the_patient_hears_the_advisor_bit_for_bit(
    house: House, law: str, whisper_law: str
) -> None:
    line = await house.conversation(law=law)
    line.advisor.say_payloads(unique_payloads(60, seed=3))
    line.patient.say("patient-chest-pain", loop=True)
    fiona = await house.supervise("*72", law=whisper_law)
    words = loud("floorwalker-whisper")
    fiona.say(words)
    await sent_for(fiona, 2.5)
    await line.settle(mixed=True)
    to_patient = line.to_patient
    assert to_patient.unheard == 0
    assert line.patient.received.lost == 0
    figure(
        f"loud whisper ({analysis.level_db(words):.0f} dBFS, {whisper_law}) on a {law} call",
        f"all {to_patient.heard} payloads at the patient's ear are the advisor's, bit for bit",
    )


@pytest.mark.parametrize("mode", ["listen", "whisper"])
@pytest.mark.parametrize("method", ["rfc4733", "info"])
async def test_a_supervisors_keys_reach_nobody(house: House, method: str, mode: str) -> None:
    """Every key there is, with two supervisors on the call; what the patient hears does not change by a
    bit.
    """
    line = await house.conversation()
    line.advisor.say_payloads(unique_payloads(60, seed=4))
    code = {"listen": "*71", "whisper": "*72"}[mode]
    fiona, felix = await house.supervise(code), await house.supervise("*71", who=FELIX)
    silent = [key for key in KEYS if key not in "456#"]
    for key in (*silent, *"454"):
        await fiona.press(key, method=method, ms=60, gap_ms=40)
    mark = house.gateway.mark()
    await house.leave(fiona, method=method)
    await house.gateway.logged("supervisor.left", since=mark, user="fiona")
    await felix.press("5", method=method)
    await line.settle(mixed=True)
    assert line.to_patient.unheard == 0
    for call in (line.patient, line.advisor, felix):
        assert call.received.digits() == call.info_digits == ""
        assert {call.received.types[packet.payload_type] for packet in call.received.packets} == {"PCMA"}


async def test_the_patient_hears_nothing_of_the_panic_code(house: House) -> None:
    line = await house.conversation()
    line.advisor.say_payloads(unique_payloads(60, seed=5))
    mark = house.gateway.mark()
    await line.advisor.press("*99")
    await house.gateway.logged("alert.raised", since=mark, call=line.id)
    summoned = await house.floor.incoming(20)
    await summoned.answer()
    await house.gateway.logged("supervisor.joined", since=mark, user="fiona", mode="whisper")
    summoned.say(loud("floorwalker-whisper"))
    await sent_for(summoned, 1)
    await line.settle(mixed=True)
    assert line.to_patient.unheard == 0
    assert line.patient.received.digits() == ""
    assert line.patient.received.lost == 0, "the keys' numbers are missing in the patient's stream"


async def test_a_listener_is_heard_by_nobody(house: House) -> None:
    line = await house.conversation()
    line.advisor.say_payloads(unique_payloads(60, seed=6))
    line.patient.say_payloads(unique_payloads(60, seed=7))
    fiona = await house.supervise("*71")
    fiona.say(tone(1_000, 1.0, level=30_000), loop=True)
    felix = await house.supervise("*71", who=FELIX)
    await sent_for(fiona, 1)
    line.advisor.be_quiet()
    line.patient.be_quiet()
    await sent_for(fiona, 0.2)
    mark = felix.received.mark()
    await sent_for(fiona, 0.6)
    assert strength(felix.received.since(mark).audio(), 1_000) < 50
    await line.exact()


# ── random walks ──

Step = tuple[int, str]
"""Which floorwalker, and a key, or a feature code that they dial after having left."""


@dataclass
class Walk:
    """Three floorwalkers on one call who press keys, leave and dial in again, always speaking: by sign as
    `e2e_signs` says.
    """

    house: House
    line: Line
    law: str = "PCMA"
    calls: dict[int, OutgoingCall] = field(default_factory=dict)
    modes: dict[int, str] = field(default_factory=dict)
    changes: int = 0

    def speak(self, who: int) -> None:
        """In a mode that the patient hears: positive; in any other: negative and loud."""
        private = self.modes[who] not in HEARD_BY_PATIENT
        voice = payloads(self.law, 1.0, seed=100 + who, negative=private, loud=private)
        self.calls[who].say_payloads(voice, loop=True)

    async def step(self, who: int, what: str) -> None:
        if what in CODES:
            await self.dial(who, what)
        elif who in self.calls:
            await self.press(who, what)

    async def dial(self, who: int, code: str) -> None:
        if who in self.calls:
            await self.calls.pop(who).hang_up()
            del self.modes[who]
        if code == "*74" and "takeover" in self.modes.values():
            assert await self.house.refused(code + self.line.extension, who=FLOORWALKERS[who]) == 403
            return
        self.calls[who] = await self.house.supervise(code, self.line.extension, who=FLOORWALKERS[who])
        self.modes[who] = CODES[code]
        self.changes += 1
        self.speak(who)

    async def press(self, who: int, key: str) -> None:
        call, mode = self.calls[who], MODES[key]
        if mode in HEARD_BY_PATIENT:
            # From here on the patient may hear them: say only what he may hear, right behind the key.
            call.say_payloads(payloads(self.law, 1.0, seed=100 + who), loop=True)
        method = "info" if self.changes % 3 == 2 else "rfc4733"
        await self.house.press(call, key, mode, method=method)
        self.modes[who] = mode
        self.changes += 1
        self.speak(who)

    async def run(self, steps: list[Step]) -> None:
        for who, what in steps:
            await self.step(who, what)
            await heard_more(self.line.patient, 8)


async def walk(house: House, steps: list[Step]) -> Walk:
    """Walk the steps on a new call, hang up, and check what the patient heard."""
    line = await house.conversation(law="PCMA")
    line.advisor.say_payloads(payloads("PCMA", 120, seed=8))
    # Only what was said from here on has a sign; before, the advisor's phone sent silence.
    await sent_for(line.advisor, 0.2)
    walked = Walk(house, line)
    await walked.run([(who, "*72") for who in range(3)])
    await walked.run(steps)
    barged = any(what in ("6", "*73", "*74") for _, what in steps)
    if not barged:
        await line.settle(mixed=True)
    # What was heard is taken first: a packet that came between the two would be none that was sent.
    heard = audio_packets(line.patient.received)
    changed = unlike(audio_packets(line.advisor.sent), heard)
    heard_whisper = negative_samples(line.advisor.received)
    assert negative_samples(line.patient.received) == 0, "whispered samples at the patient's ear"
    # All three begin whispering, and each step lasts 8 packets at least: so much the advisor must have heard.
    assert heard_whisper > 2 * 8 * 160, "the advisor heard no whisper: the walk shows nothing"
    if not barged:
        assert changed == []
        assert line.to_patient.unheard == 0
        assert line.patient.received.lost == 0
    else:
        assert changed, "nobody was ever heard by the patient: the walk shows nothing"
    assert all(call.received.digits() == "" for call in (line.patient, line.advisor, *walked.calls.values()))
    await asyncio.gather(*(call.hang_up() for call in (line.patient, *walked.calls.values())))
    return walked


def seeded_steps(seed: int, count: int, choices: tuple[str, ...]) -> list[Step]:
    chance = random.Random(seed)
    return [(chance.randrange(3), chance.choice(choices)) for _ in range(count)]


@pytest.mark.parametrize(
    ("seed", "choices"),
    [(1, ("4", "5")), (3, (*MODES, *CODES))],
    ids=["listen-whisper", "all"],
)
async def test_no_whispered_sample_reaches_the_patient_in_a_random_walk(
    house: House, seed: int, choices: tuple[str, ...]
) -> None:
    walked = await walk(house, seeded_steps(seed, 16, choices))
    figure(
        f"random walk of 3 floorwalkers over {' '.join(choices)}",
        f"{walked.changes} changes, no whispered sample",
    )


@pytest.mark.parametrize(
    "steps",
    [
        # She becomes the one who sets the pace at the patient's ear while her keys bring no audio.
        pytest.param([(0, "6"), (0, "5"), (1, "*74"), (0, "6")], id="barges-into-a-takeover"),
        pytest.param([(1, "*74"), (0, "6"), (0, "5"), (0, "6"), (1, "5")], id="takeover-ends-beside-a-barge"),
    ],
)
async def test_no_whispered_sample_reaches_the_patient_when(house: House, steps: list[Step]) -> None:
    await walk(house, steps)


@pytest.mark.thorough
@pytest.mark.timeout(60 + 30 * WALKS)
def test_no_whispered_sample_reaches_the_patient_whatever_they_do(running: Gateway) -> None:
    """Hypothesis looks for a sequence that leaks, and makes it as short as it can."""
    total = 0
    anything = st.tuples(st.integers(0, 2), st.sampled_from([*CODES, *MODES]))

    @settings(
        max_examples=WALKS,
        deadline=None,
        derandomize="WALKS" not in os.environ,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(anything, min_size=6, max_size=14))
    def walks(steps: list[Step]) -> None:
        nonlocal total

        async def one() -> int:
            async with House(running) as house:
                return (await walk(house, [*steps, (0, "6")])).changes

        total += asyncio.run(one())

    walks()
    figure(f"{WALKS} walks chosen by hypothesis", f"{total} changes of mode, no whispered sample")
