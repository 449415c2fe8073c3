"""What an auditor missed, and what was said before they came."""

from __future__ import annotations

import re

import numpy as np
from browser_console import Console, share_found
from browser_network import Network
from e2e_house import House, sent_for
from playwright.async_api import Browser, expect

from simulators import speech

PATIENT_SAYS = speech.phrase("patient-chest-pain")[:40_000]
SILENCE = np.zeros(160, dtype=np.int16)
STALLED_S = 5
LEAST_MISSED_MS = 1000
"""The gateway keeps 1 s for a slow listener, the kernel 2 s at most."""
MISSED = re.compile(r"(\d+\.\d) s missing here")


async def test_the_last_half_minute_has_what_was_said_before_one_came(console: Console, house: House) -> None:
    line = await house.conversation("2001")
    line.patient.say(PATIENT_SAYS, loop=True)
    await sent_for(line.patient, 4)
    line.patient.say(SILENCE, loop=True)
    said = line.patient.sent.audio()
    await sent_for(line.patient, 1)
    await console.sign_in("arthur")
    await console.open_call(line.id)
    await console.press("Listen")
    await expect(console.doing).to_have_text("LISTENING")
    assert share_found((await console.heard())[0], said, 0.9) == 0
    await console.press("Hear the last 30 s")
    await console.hears_of(0, lambda: said)
    await console.leave()


async def test_what_the_network_lost_is_said(house: House, browser: Browser) -> None:
    line = await house.conversation("2001")
    line.patient.say(PATIENT_SAYS, loop=True)
    async with Network(house.gateway.url) as network:
        console = await Console.open(browser, house.gateway, url=network.url)
        await console.sign_in("arthur")
        await console.open_call(line.id)
        await console.press("Listen")
        await expect(console.page.get_by_role("button", name="Hear the last 30 s")).to_be_enabled()
        missed = console.page.get_by_role("list", name="What you missed").get_by_role("listitem")
        network.stall()
        await sent_for(line.patient, STALLED_S)
        network.flow()
        await expect(missed.first).to_contain_text(MISSED)
        await expect(console.page.locator(".onair .missed-last")).to_have_text(MISSED)
        said_s = [
            float(seconds) for text in await missed.all_inner_texts() for seconds in MISSED.findall(text)
        ]
        await console.hears(0, line.patient)  # and it goes on
        await console.leave()
        ended = await house.gateway.logged("feed.ended", call=line.id, user="arthur")
        assert ended["missed_ms"] >= LEAST_MISSED_MS
        assert 0 < sum(said_s) <= ended["missed_ms"] / 1000 + 0.05 * len(said_s)  # each is rounded
        await console.close()
