"""The console in Firefox: signing in, the board, hearing a call; where Chromium is tested in full, what differs by browser is tested here."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from browser_console import HERE, LOOK_BACK_SAMPLES, share_found
from browser_firefox import firefox, loudspeaker
from e2e_checks import Audio
from e2e_gateway import TOKENS, until
from e2e_house import House

from simulators import speech
from simulators.resample import to_telephone

PATIENT_SAYS = speech.phrase("patient-chest-pain")[:40_000]


@pytest.mark.soak
async def test_a_floorwalker_hears_a_call_in_firefox(house: House, tmp_path: Path) -> None:
    line = await house.conversation("2001")
    line.patient.say(PATIENT_SAYS, loop=True)
    async with loudspeaker(tmp_path) as environment, firefox(tmp_path, environment) as page:
        await page.open(house.gateway.url, (HERE / "heard.js").read_text())
        await page.type("[name=user]", "fiona")
        await page.type("[name=password]", TOKENS["fiona"])
        await page.click("button.primary")
        await page.shows(".connection", "live")
        row = f'.board-row[data-call="{line.id}"]'
        await page.shows(row, "talking")
        await page.click(f"{row} .state")
        await page.click('.mode[data-mode="listen"]')
        await page.shows(".onair .doing", "LISTENING")

        async def share() -> float:
            rate_hz = await page.look("heard.rate()")
            ears = np.frombuffer(base64.b64decode(await page.look("heard.taken()")), dtype="<f4").reshape(
                2, -1
            )
            left: Audio = (
                to_telephone((ears[0].clip(-1, 1) * 32_767).astype(np.int16), rate_hz)
                .round()
                .astype(np.int16)
            )
            return share_found(left, line.patient.sent.audio()[-LOOK_BACK_SAMPLES:], 0.9)

        await until(share, lambda found: found >= 0.5, 45.0, "it is not heard")
        await page.click(".onair button")
        await until(lambda: page.look("document.querySelector('.onair').hidden"), bool)
        assert not page.complaints, f"Firefox complained: {page.complaints}"
