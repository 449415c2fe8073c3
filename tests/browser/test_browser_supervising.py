"""Whisper, barge and take over from the console: who hears the floorwalker's microphone, and who does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from browser_console import MICROPHONE, Console, share_found
from e2e_checks import strength, tone, unique_payloads
from e2e_gateway import PATIENCE_S, Settings, until
from e2e_house import House, Line, heard_more
from playwright.async_api import expect

from simulators import Call, speech
from simulators.baresip import Baresip

ENOUGH_PACKETS = 150
"""Three seconds of the floorwalker's words."""
ROUND_AND_ROUND = np.concatenate([MICROPHONE, MICROPHONE])
CLEAR = 0.7
"""Correlation of what is heard with the microphone's file, after the browser's echo and noise suppression, G.711 and all."""


HIGH_HZ, HIGH_LEVEL, WIDE_HZ = 6_000, 6_000, 16_000


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(codecs='["PCMA", "PCMU", "G722"]', transcode=True)


async def supervised(console: Console, house: House, how: str) -> Line:
    """A call whose parties send only payloads that are like no other, with the floorwalker on it."""
    line = await house.conversation("2001")
    line.patient.say_payloads(unique_payloads(60, seed=1))
    line.advisor.say_payloads(unique_payloads(60, seed=2))
    await console.sign_in()
    await console.open_call(line.id)
    await console.press(how)
    return line


async def hears_the_microphone(call: Call) -> None:
    """Wait until somebody hears the microphone well; their partner is silent meanwhile."""

    async def look() -> float:
        mark = call.received.mark()
        await heard_more(call, ENOUGH_PACKETS)
        return share_found(call.received.since(mark).audio(), ROUND_AND_ROUND, CLEAR)

    await until(look, lambda share: share >= 0.5, 45.0, "the microphone is not heard")


async def test_a_whisper_reaches_the_advisor_alone(console: Console, house: House) -> None:
    line = await supervised(console, house, "Whisper")
    await expect(console.doing).to_have_text("WHISPERING")
    await expect(console.page.locator(".onair .heard")).to_have_text(
        "Only Adv1 hears you. The patient does not."
    )
    await expect(console.page.locator(".onair .spoken")).to_have_text("is heard")
    line.patient.say(np.zeros(160, dtype=np.int16), loop=True)
    await hears_the_microphone(line.advisor)
    await line.settle(mixed=True)
    assert (
        line.to_patient.unheard == 0
    )  # each payload is the advisor's, bit for bit, from the first to the last
    await console.leave()


async def test_barge_then_take_over_then_back(console: Console, house: House) -> None:
    line = await supervised(console, house, "Barge in")
    await expect(console.doing).to_have_text("JOINED IN")
    silence = np.zeros(160, dtype=np.int16)
    line.patient.say(silence, loop=True)
    line.advisor.say(silence, loop=True)
    await hears_the_microphone(line.patient)
    mark = console.gateway.mark()
    await console.page.keyboard.press("t")
    await expect(console.doing).to_have_text("TAKEN OVER")
    await expect(console.page.locator(".onair .heard")).to_have_text(
        "The patient hears you, and only you. The patient is yours."
    )
    assert (await console.gateway.logged("supervisor.mode", since=mark))["mode"] == "takeover"
    await hears_the_microphone(line.patient)
    await console.page.keyboard.press("4")
    await expect(console.doing).to_have_text("LISTENING")
    line.advisor.say_payloads(payloads := unique_payloads(20, seed=3))
    await heard_more(line.patient, 100)
    assert line.patient.received.last.payload in set(payloads)  # the patient is back with the advisor
    await console.page.keyboard.press("x")
    await expect(console.doing).to_be_hidden()
    await console.gateway.logged("supervisor.left", since=mark, user="fiona")


async def test_a_wideband_patient_is_heard_in_full_and_the_microphone_at_that_rate(
    console: Console, house: House, tmp_path: Path
) -> None:
    """The patient has G.722, the advisor G.711: the page is at 16 kHz both ways."""
    note = tmp_path / "note.wav"
    speech.write_wav(note, tone(HIGH_HZ, 60.0, HIGH_LEVEL, WIDE_HZ), WIDE_HZ)
    async with Baresip("447700900123", say=str(note), codec="G722", rate_hz=WIDE_HZ) as patient:
        mark = console.gateway.mark()
        await patient.dial(console.gateway.uri("2001"))
        advisor = await house.ring("2001")
        await advisor.answer()
        call = (await console.gateway.logged("call.answered", since=mark))["call"]
        await console.sign_in()
        await console.open_call(call)
        await console.press("Whisper")
        await expect(console.doing).to_have_text("WHISPERING")

        async def high() -> float:
            (left, _), rate_hz = await console.loudspeaker()
            return strength(left, HIGH_HZ, rate_hz)

        await until(
            high, lambda level: level > 0.5 * HIGH_LEVEL, complaint="what is above 4 kHz is not heard"
        )
        await hears_the_microphone(advisor)
        await console.leave()
        await patient.hang_up()
        await patient.event("CALL_CLOSED", PATIENCE_S)
