"""An auditor scores a call: hears it, marks moments by key, answers every criterion, finishes; a manager exports it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from browser_console import Console
from e2e_house import House
from playwright.async_api import Locator, expect


def criterion(console: Console, name: str) -> Locator:
    return console.page.locator(f'[data-criterion="{name}"]')


async def test_a_call_is_scored_and_exported(console: Console, house: House) -> None:
    page = console.page
    line = await house.conversation("2001")
    await console.sign_in("arthur")
    await console.open_call(line.id)
    await console.press("Score this call")
    await expect(console.doing).to_have_text("LISTENING")
    await expect(page.get_by_role("heading", name="Audit: Adv1")).to_be_visible()
    mark = page.get_by_role("button", name="Mark this moment")
    await expect(mark).to_be_enabled()
    markers = page.get_by_role("list", name="Markers").get_by_role("listitem")
    await page.get_by_label("Note of the marker").fill("asks for the place first")
    await mark.click()
    await expect(markers).to_have_count(1)
    await mark.focus()
    await page.keyboard.press("m")
    await expect(markers).to_have_count(2)
    await expect(markers.first).to_contain_text("asks for the place first")

    for fieldset in await page.locator(".criterion").all():
        await fieldset.get_by_role("radio").first.check()
    await expect(page.locator(".score")).to_have_text("100.0 % · complete")
    await criterion(console, "demographics").get_by_label("Partly met").check()
    await expect(criterion(console, "demographics")).to_contain_text("needs a comment")
    await page.get_by_role("button", name="Finish").click()
    await expect(page.locator(".said")).to_contain_text("demographics")  # refused, in the gateway's words
    await criterion(console, "demographics").get_by_role("textbox").fill("The date of birth was not checked.")
    await criterion(console, "demographics").get_by_label("1 at").check()
    await expect(page.locator(".score")).to_contain_text("complete")
    await criterion(console, "advice").get_by_label("Not safe").check()
    await criterion(console, "advice").get_by_role("textbox").fill("An ambulance was due.")
    await page.get_by_label("Comment on the whole call").fill("Kind, and too slow.")
    await expect(page.locator(".score")).to_contain_text("fails the whole audit")
    await page.get_by_role("button", name="Finish").click()
    await expect(page.locator(".score")).to_contain_text("not passed · finished")
    await expect(criterion(console, "advice").get_by_label("Not safe")).to_be_disabled()
    await console.leave()

    await page.get_by_role("link", name="Audits").click()
    await expect(page.get_by_role("table")).to_contain_text("not passed")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Export as CSV").click()
    text = Path(await (await download.value).path()).read_text()
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [one["criterion"] for one in lines].count("demographics") == 1
    answer = next(one for one in lines if one["criterion"] == "demographics")
    assert (answer["answer"], answer["comment"]) == ("partly", "The date of birth was not checked.")
