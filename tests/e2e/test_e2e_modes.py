"""Who hears whom, as the table of modes says, through real phones: whisper, barge, takeover, and what becomes of the patient."""

from __future__ import annotations

import asyncio
import math

import pytest
from e2e_checks import (
    Audio,
    Heard,
    audio_packets,
    heard_voice,
    send_jitter_ms,
    strength,
    tone,
    unique_payloads,
    unlike,
)
from e2e_figures import figure
from e2e_gateway import Gateway, until
from e2e_house import FELIX, House, Line, arrived, heard_more, sent_for

from simulators import Call, OutgoingCall, Recording, analysis, speech

PATIENT_HZ, ADVISOR_HZ, FIONA_HZ, FELIX_HZ = 400, 700, 1_100, 1_700
LEVEL = 6_000
HEARD, UNHEARD = 0.8 * LEVEL, 0.05 * LEVEL
A_LAW_ERROR = 600
"Of two neighbouring samples at the notes' peaks."
STEADY_MS = 8.0
"A simulated phone that sent a packet later than this against its own beat has itself broken up the voice."


async def tones(line: Line) -> None:
    """Each party says a note of their own."""
    line.patient.say(tone(PATIENT_HZ, 1.0, LEVEL), loop=True)
    line.advisor.say(tone(ADVISOR_HZ, 1.0, LEVEL), loop=True)


async def ear(call: Call) -> set[str]:
    """Whom somebody hears now, by their notes: listens afresh, half a second."""
    await heard_more(call, 6)
    mark = call.received.mark()
    await heard_more(call, 20)
    audio = call.received.since(mark).audio()
    heard = set()
    for name, hz in (
        ("patient", PATIENT_HZ),
        ("advisor", ADVISOR_HZ),
        ("fiona", FIONA_HZ),
        ("felix", FELIX_HZ),
    ):
        level = strength(audio, hz)
        assert level > HEARD or level < UNHEARD, f"{name} is heard at {level:.0f} of {LEVEL}"
        if level > HEARD:
            heard.add(name)
    return heard


async def ears(line: Line, fiona: Call) -> tuple[set[str], set[str], set[str]]:
    patient, advisor, supervisor = await asyncio.gather(ear(line.patient), ear(line.advisor), ear(fiona))
    return patient, advisor, supervisor


TABLE = {
    "listen": ({"advisor"}, {"patient"}, {"patient", "advisor"}),
    "whisper": ({"advisor"}, {"patient", "fiona"}, {"patient", "advisor"}),
    "barge": ({"advisor", "fiona"}, {"patient", "fiona"}, {"patient", "advisor"}),
    "takeover": ({"fiona"}, {"patient", "fiona"}, {"patient"}),
}


@pytest.mark.parametrize("code", ["*71", "*72", "*73", "*74"])
async def test_a_feature_code_opens_just_the_paths_of_its_mode(house: House, code: str) -> None:
    line = await house.conversation()
    await tones(line)
    fiona = await house.supervise(code)
    fiona.say(tone(FIONA_HZ, 1.0, LEVEL), loop=True)
    mode = dict(zip(("*71", "*72", "*73", "*74"), TABLE, strict=True))[code]
    assert await ears(line, fiona) == TABLE[mode]
    await house.leave(fiona)
    assert await ear(line.patient) == {"advisor"}
    assert await ear(line.advisor) == {"patient"}


CHANGES = (
    ("6", "barge"),
    ("5", "whisper"),
    ("6", "barge"),
    ("4", "listen"),
    ("5", "whisper"),
    ("4", "listen"),
)


async def test_keys_change_the_mode(house: House) -> None:
    line = await house.conversation()
    await tones(line)
    fiona = await house.supervise("*74")
    fiona.say(tone(FIONA_HZ, 1.0, LEVEL), loop=True)
    assert await ears(line, fiona) == TABLE["takeover"]
    for key, mode in CHANGES:
        await house.press(fiona, key, mode)
        assert await ears(line, fiona) == TABLE[mode]


async def test_no_change_of_mode_clicks(house: House) -> None:
    """Low notes are gentle slopes: whatever is steeper than they and the ramp of 10 ms is a click."""
    patient_hz, advisor_hz, fiona_hz = 100, 125, 200
    line = await house.conversation()
    line.patient.say(tone(patient_hz, 1.0, LEVEL), loop=True)
    line.advisor.say(tone(advisor_hz, 1.0, LEVEL), loop=True)
    await asyncio.gather(heard_more(line.patient, 10), heard_more(line.advisor, 10))
    marks = [call.received.mark() for call in (line.patient, line.advisor)]
    fiona = await house.supervise("*72")
    fiona.say(tone(fiona_hz, 1.0, LEVEL), loop=True)
    for key, mode in (*CHANGES, *CHANGES):
        await house.press(fiona, key, mode)
        await heard_more(line.patient, 12)
    await house.leave(fiona)
    await heard_more(line.patient, 5)
    steepest = []
    for call, mark, hz in zip((line.patient, line.advisor), marks, (advisor_hz, patient_hz), strict=True):
        notes = sum(LEVEL * 2 * math.pi * note / 8_000 + LEVEL / 40 for note in (hz, fiona_hz))
        bound, step = notes + A_LAW_ERROR, analysis.largest_step(call.received.since(mark).audio())
        steepest.append(f"{step} of at most {bound:.0f}")
        assert step <= bound, f"a click at {call}"
    figure(
        "14 changes of mode, steepest step between samples",
        f"patient {steepest[0]}, advisor {steepest[1]}; a click is 12000",
    )


async def test_two_floorwalkers_in_different_modes(house: House) -> None:
    """One whispers, the other barges: the patient hears the barging one alone, the two hear each other."""
    line = await house.conversation()
    await tones(line)
    fiona, felix = await house.supervise("*72"), await house.supervise("*73", who=FELIX)
    fiona.say(tone(FIONA_HZ, 1.0, LEVEL), loop=True)
    felix.say(tone(FELIX_HZ, 1.0, LEVEL), loop=True)
    assert await ear(line.patient) == {"advisor", "felix"}
    assert await ear(line.advisor) == {"patient", "fiona", "felix"}
    assert await ear(fiona) == {"patient", "advisor", "felix"}
    assert await ear(felix) == {"patient", "advisor", "fiona"}


# ── how well ──


def only_others(party: Call, other: Call) -> Audio:
    """What a party heard besides the other party: the difference, packet by packet, to what the other sent."""
    sent, heard = audio_packets(other.sent), audio_packets(party.received)
    said = Recording(sent, other.sent.types)
    offset = sent[0].seq - heard[0].seq
    by_seq = {(packet.seq - offset) & 0xFFFF: index for index, packet in enumerate(sent)}
    whole = said.audio().astype(int)
    got = Recording(heard, party.received.types).audio().astype(int)
    start = by_seq.get(heard[0].seq, 0) * 160
    length = min(len(whole) - start, len(got))
    return (got[:length] - whole[start : start + length]).clip(-32_768, 32_767).astype("int16")


def judge(found: Heard) -> None:
    """What has to hold of a voice that is heard well."""
    assert found.windows >= 8
    assert found.correlation > 0.95
    assert found.share >= 0.75
    assert abs(found.level_db) < 1


async def say_steadily(call: OutgoingCall, words: Audio, listen: list[Call]) -> list[Recording]:
    """Say something whole; again where this machine kept the phone from its beat. Returns what each listener received meanwhile."""
    for _ in range(6):
        marks = [other.received.mark() for other in listen]
        mark = call.sent.mark()
        call.say(words)
        await call.said(60)
        await sent_for(call, 0.3)
        if send_jitter_ms(call.sent.since(mark)) < STEADY_MS:
            break
    return [other.received.since(at) for other, at in zip(listen, marks, strict=True)]


@pytest.mark.parametrize("whisper_law", ["PCMA", pytest.param("PCMU", marks=pytest.mark.thorough)])
async def test_the_advisor_hears_the_whisper_well(house: House, whisper_law: str) -> None:
    line = await house.conversation()
    fiona = await house.supervise("*72", law=whisper_law)
    words = speech.phrase("floorwalker-whisper")[:24_000]
    (heard,) = await say_steadily(fiona, words, [line.advisor])
    found = heard_voice(words, heard.audio())
    figure(
        f"whisper ({whisper_law}) at the advisor's ear",
        f"correlation {found.correlation:.4f} ({found.share:.0%} of it above 0.95), level {found.level_db:+.2f} dB",
    )
    judge(found)


async def test_the_advisor_hears_the_whisper_well_while_the_patient_speaks(house: House) -> None:
    """Both at once; the patient's part is taken away, sample by sample, before the whisper is judged."""
    line = await house.conversation()
    line.patient.say("patient-chest-pain", loop=True)
    fiona = await house.supervise("*72")
    words = speech.phrase("floorwalker-whisper")[:24_000]
    await say_steadily(fiona, words, [line.advisor])
    found = heard_voice(words, only_others(line.advisor, line.patient)[-len(words) - 16_000 :])
    figure(
        "whisper at the advisor's ear while the patient speaks",
        f"correlation {found.correlation:.4f} ({found.share:.0%} of it above 0.95), level {found.level_db:+.2f} dB",
    )
    judge(found)


async def test_both_hear_a_barge_well(house: House) -> None:
    line = await house.conversation()
    fiona = await house.supervise("*73")
    words = speech.phrase("floorwalker-barge")[:24_000]
    heard = await say_steadily(fiona, words, [line.patient, line.advisor])
    for name, recording in zip(("patient", "advisor"), heard, strict=True):
        found = heard_voice(words, recording.audio())
        figure(
            f"barge at the {name}'s ear",
            f"correlation {found.correlation:.4f}, level {found.level_db:+.2f} dB",
        )
        judge(found)


async def test_in_a_takeover_the_patient_hears_the_floorwalker_bit_for_bit(house: House) -> None:
    """Same codec: the floorwalker's packets are relayed, and not one of the advisor's comes through."""
    line = await house.conversation()
    line.advisor.say_payloads(unique_payloads(60, seed=11))
    fiona = await house.supervise("*74")
    fiona.say_payloads(unique_payloads(60, seed=12))
    await heard_more(line.patient, 10)
    mark = line.patient.received.mark()
    await sent_for(fiona, 2)
    heard = audio_packets(line.patient.received.since(mark))
    assert unlike(audio_packets(fiona.sent), heard) == []
    assert line.patient.received.lost == 0
    figure(
        "takeover", f"{len(heard)} packets at the patient's ear, all of them the floorwalker's, bit for bit"
    )


# ── what becomes of the patient ──


async def heard_all(speaker: Call, listener: Call) -> None:
    """Wait until as many packets have come as were sent, mixed or not."""
    await until(
        lambda: listener.received.mark() - speaker.sent.mark(),
        lambda missing: missing >= 0,
        complaint="packets are missing",
    )


async def test_a_takeover_survives_the_advisors_hang_up(house: House, gateway: Gateway) -> None:
    line = await house.conversation()
    await tones(line)
    fiona = await house.supervise("*74")
    fiona.say(tone(FIONA_HZ, 1.0, LEVEL), loop=True)
    assert await ear(line.patient) == {"fiona"}
    mark = gateway.mark()
    await line.advisor.hang_up()
    await gateway.logged("call.changed", since=mark, advisor_present=False)
    assert await ear(line.patient) == {"fiona"}
    assert await ear(fiona) == {"patient"}
    await asyncio.gather(line.patient.hang_up(), fiona.ended(20))


@pytest.mark.parametrize("end", ["bye", "vanish", "key"])
async def test_the_advisor_has_the_patient_back_when_the_floorwalker_is_gone(
    house: House, gateway: Gateway, end: str
) -> None:
    line = await house.conversation()
    line.advisor.say_payloads(unique_payloads(100, seed=13))
    line.patient.say_payloads(unique_payloads(100, seed=14))
    fiona = await house.supervise("*74")
    fiona.say(tone(FIONA_HZ, 1.0, LEVEL), loop=True)
    await sent_for(fiona, 0.5)
    mark = gateway.mark()
    if end == "bye":
        await fiona.hang_up()
    elif end == "key":
        await house.leave(fiona)
    else:
        fiona.vanish()
        await gateway.logged("supervisor.mode", since=mark, previous="takeover", mode="listen", via="silence")
    await heard_more(line.patient, 10)
    back = line.patient.received.mark()
    await heard_more(line.patient, 50)
    heard = audio_packets(line.patient.received.since(back))
    assert unlike(audio_packets(line.advisor.sent), heard) == []
    line.patient.mute_rtp()
    line.advisor.mute_rtp()
    await asyncio.gather(arrived(line.advisor, line.patient), heard_all(line.patient, line.advisor))
    assert line.patient.received.lost == line.advisor.received.lost == 0
    if end == "vanish":
        await gateway.logged("supervisor.left", since=mark, user="fiona")


async def test_an_advisor_who_is_released_leaves_the_patient_with_the_floorwalker(
    house: House, gateway: Gateway
) -> None:
    """DELETE on the advisor's leg during a takeover, from the console."""
    import httpx
    from e2e_gateway import TOKENS

    line = await house.conversation()
    await tones(line)
    fiona = await house.supervise("*74")
    fiona.say(tone(FIONA_HZ, 1.0, LEVEL), loop=True)
    await heard_more(line.patient, 5)
    async with httpx.AsyncClient(
        base_url=gateway.url, headers={"Authorization": f"Bearer {TOKENS['fiona']}"}
    ) as client:
        answer = await client.delete(f"/api/calls/{line.id}/supervisors/{line.id}-called")
    assert answer.status_code == 204, answer.text
    await line.advisor.ended(20)
    assert await ear(line.patient) == {"fiona"}
    await asyncio.gather(line.patient.hang_up(), fiona.ended(20))
