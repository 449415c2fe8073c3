"""Each view with a house full of people, as a picture: `make pictures` keeps them in docs/pictures, for the manuals and for looking at.

Without PICTURES they go to the test's own folder, and what is shown is that every view opens without a complaint of the browser.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from browser_console import Console
from e2e_house import House, Line, sent_for
from playwright.async_api import Browser, expect

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
    await console.press("Whisper")
    await expect(page.locator(".onair .spoken")).to_have_text("is heard")
    await sent_for(lines[0].patient, 8)
    await page.screenshot(path=pictures / "call.png")
    await console.leave()
    await page.get_by_role("button", name="I am coming").click()
    await page.get_by_role("button", name="It is over").click()
    await expect(page.locator(".strip")).to_be_hidden()


async def test_pictures_of_the_advisors_page(
    console: Console, house: House, browser: Browser, pictures: Path
) -> None:
    page = console.page
    await talking(house, "2001", "+447700900121")
    await console.sign_in("adv1")
    await expect(page.locator(".panic")).to_have_attribute("data-state", "nobody")
    await page.screenshot(path=pictures / "advisor-nobody.png")
    floor = await Console.open(browser, console.gateway)
    await floor.sign_in()
    await floor.page.get_by_role("link", name="Duty").click()
    await floor.press("Go on duty")
    await expect(page.locator(".panic")).to_have_attribute("data-state", "ready")
    await page.get_by_role("textbox", name="Ask a floorwalker").fill("which pathway?")
    await page.get_by_role("button", name="Ask", exact=True).click()
    await page.locator(".panic").click()
    await floor.page.get_by_role("button", name="I am coming").click()
    await expect(page.get_by_text("Fiona is coming.")).to_be_visible()
    await page.screenshot(path=pictures / "advisor.png")
    await floor.page.screenshot(path=pictures / "duty.png")
    await floor.page.get_by_role("button", name="It is over").click()
    await floor.press("Go off duty")
    await floor.close()


async def test_picture_of_an_audit(console: Console, house: House, pictures: Path) -> None:
    page = console.page
    line = await talking(house, "2001", "+447700900121")
    await console.sign_in("arthur")
    await console.open_call(line.id)
    await console.press("Score this call")
    await page.get_by_label("Note of the marker").fill("asks for the place first")
    await console.press("Mark this moment")
    await page.locator('[data-criterion="greeting"]').get_by_label("Met", exact=True).check()
    await page.locator('[data-criterion="demographics"]').get_by_label("Partly met").check()
    await expect(page.get_by_text("needs a comment")).to_be_visible()
    await sent_for(line.patient, 5)
    await page.screenshot(path=pictures / "audit.png")
    await console.leave()


async def test_picture_of_the_admins_view(console: Console, pictures: Path) -> None:
    await console.sign_in("adam")
    await console.page.get_by_role("link", name="Admin").click()
    await expect(console.page.get_by_text("are taken")).to_be_visible()
    await console.page.screenshot(path=pictures / "admin.png")
