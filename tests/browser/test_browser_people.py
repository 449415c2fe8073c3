"""An advisor at home with a page and a button; floorwalkers on and off duty; a question answered by one click."""

from __future__ import annotations

import re

import pytest
from browser_console import Console
from e2e_gateway import Settings
from e2e_house import House
from playwright.async_api import Browser, expect


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(options_interval=1)


async def test_the_panic_button_says_beforehand_that_nobody_is_on_duty_and_afterwards_who_comes(
    console: Console, house: House, browser: Browser
) -> None:
    page = console.page
    line = await house.conversation("2001")
    await console.sign_in("adv1")
    panic = page.get_by_role("button", name="I need help now")
    await expect(page.get_by_text("No floorwalker is on duty. The button works all the same")).to_be_visible()
    await expect(panic).to_have_attribute("data-state", "nobody")

    floor = await Console.open(browser, console.gateway)
    await floor.sign_in()
    await floor.page.get_by_role("link", name="Duty").click()
    await floor.page.get_by_label("I may give clinical advice").check()
    await floor.press("Go on duty")
    await expect(floor.page.get_by_role("list", name="On duty")).to_contain_text(
        "Fiona · clinical · all teams"
    )
    await expect(page.get_by_text("One floorwalker is on duty.")).to_be_visible()
    await expect(panic).to_have_attribute("data-state", "ready")

    await panic.click()
    await expect(page.get_by_role("alert")).to_contain_text("Help is called.")
    strip = floor.page.get_by_role("complementary", name="Open alerts")
    await expect(strip).to_contain_text("Adv1")
    await strip.get_by_role("button", name="I am coming").click()
    await expect(page.get_by_role("alert")).to_have_text("Fiona is coming.")
    await strip.get_by_role("button", name="It is over").click()
    await expect(panic).to_have_attribute("data-state", "ready")

    await page.get_by_role("textbox", name="Ask a floorwalker").fill("which pathway?")
    await page.get_by_role("button", name="Ask", exact=True).click()
    await strip.get_by_role("button", name="Answer: whisper on the call").click()
    await expect(floor.doing).to_have_text("WHISPERING")
    await expect(floor.page.get_by_role("heading", name="Adv1")).to_be_visible()
    await expect(page.get_by_role("list", name="What you have asked")).to_contain_text("Fiona has taken it")
    await page.get_by_role("button", name="Difficult call: I need a break").click()
    await expect(strip).to_contain_text("had a difficult call and needs a break")
    await strip.get_by_role("button", name="I take it").click()
    await expect(page.get_by_role("list", name="What you have asked")).to_contain_text(
        "A break · Fiona has taken it"
    )
    done = strip.get_by_role("button", name="It is done")
    await expect(done).to_have_count(2)
    await done.first.click()
    await expect(done).to_have_count(1)
    await done.click()
    await expect(strip).to_be_hidden()

    await floor.leave()
    await floor.page.get_by_role("link", name="Duty").click()
    await floor.press("Go off duty")
    await expect(panic).to_have_attribute("data-state", "nobody")
    await floor.close()
    assert line.id


async def test_an_admin_sees_how_the_gateway_is(console: Console) -> None:
    await console.sign_in("adam")
    await console.page.get_by_role("link", name="Admin").click()
    await expect(console.page.get_by_role("definition").first).to_contain_text("node1 at leeds")
    await expect(console.page.get_by_text("are taken")).to_be_visible()
    trunk = console.page.get_by_role("row", name="home-tcp")
    await expect(trunk).to_contain_text(re.compile(r"DOWN for \d+:\d\d: (cannot be reached|no answer)"))
    async with House(console.gateway):
        await expect(trunk).to_contain_text("up for")
    await expect(console.page.get_by_role("table").nth(1)).to_contain_text("Fiona")
