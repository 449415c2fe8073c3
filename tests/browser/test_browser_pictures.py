"""Each view with a house full of people, as a picture: `make pictures` keeps them in docs/pictures, for the manuals and for looking at.

Without PICTURES they go to the test's own folder, and what is shown is that every view opens without a complaint of the browser.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from browser_console import Console
from e2e_house import House, Line
from playwright.async_api import expect

from simulators import speech


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return Path(os.environ.get("PICTURES", tmp_path))


async def talking(house: House, extension: str, patient: str) -> Line:
    line = await house.conversation(extension, patient=patient)
    line.patient.say(speech.phrase("patient-chest-pain"), loop=True)
    line.advisor.say(speech.phrase("advisor-questions"), loop=True)
    return line


async def test_pictures(console: Console, house: House, pictures: Path) -> None:
    page = console.page
    await page.goto("/")
    await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    await page.screenshot(path=pictures / "sign-in.png")
    await console.sign_in()
    lines = [await talking(house, str(2000 + n), f"+44770090012{n}") for n in range(1, 8)]
    await lines[2].advisor.press("*99")
    await expect(page.locator(".strip .alert")).to_be_visible()
    await page.screenshot(path=pictures / "floor.png")
    await page.get_by_role("link", name="Alerts").click()
    await expect(page.get_by_role("heading", name="Alerts")).to_be_visible()
    await page.screenshot(path=pictures / "alerts.png")
    await page.get_by_role("link", name="Floor").click()
    await console.open_call(lines[0].id)
    await console.press("Listen")
    await console.heard(10.0)
    await page.screenshot(path=pictures / "call.png")
