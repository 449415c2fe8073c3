"""Everybody can use the console: no view breaks a rule of WCAG 2.0, 2.1 or 2.2, levels A and AA, that axe-core can check."""

from __future__ import annotations

import pytest
from axe_playwright_python.async_playwright import Axe
from browser_console import Console
from e2e_gateway import ROOT, Settings
from e2e_house import House
from playwright.async_api import Browser, Page, expect

RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],
}

PROVIDER = """[web.oidc]
issuer = "https://login.invalid"
client_id = "console"
public_url = "https://supervision.invalid"
roles = { floor = "floorwalker" }"""


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(audit_forms=str(ROOT / "config/audit"), extra=PROVIDER)


async def accessible(page: Page, view: str) -> None:
    found = await Axe().run(page, options=RULES)
    assert len(found.response["passes"]) >= 5, "axe-core looked at hardly anything"
    assert not found.violations_count, f"{view}: {found.generate_report()}"


async def test_the_first_page_offers_the_organisations_own_sign_in(console: Console) -> None:
    """And a page that does break a rule is found out."""
    await console.page.goto("/")
    link = console.page.get_by_role("link", name="Sign in with your organisation")
    await expect(link).to_have_attribute("href", "/api/session/oidc")
    await accessible(console.page, "sign in")
    await console.page.evaluate("document.querySelector('.signin button').textContent = ''")
    found = await Axe().run(console.page, options=RULES)
    assert "button-name" in [rule["id"] for rule in found.response["violations"]]


async def test_the_floorwalkers_views(console: Console, house: House) -> None:
    page = console.page
    await console.sign_in()
    await accessible(page, "empty floor")
    line = await house.conversation("2001")
    await expect(console.row(line.id)).to_contain_text("talking")
    await page.get_by_role("grid").press("Home")
    await accessible(page, "floor")
    await line.advisor.press("*99")
    await expect(page.locator(".strip .alert")).to_be_visible()
    await accessible(page, "floor with an alert")
    await console.open_call(line.id)
    for how, word in (
        ("Listen", "LISTENING"),
        ("Whisper", "WHISPERING"),
        ("Barge in", "JOINED IN"),
        ("Take over", "TAKEN OVER"),
    ):
        await console.press(how)
        await expect(console.doing).to_have_text(word)
        await accessible(page, f"call, {word}")
    await page.get_by_role("navigation").get_by_role("link", name="Floor").click()
    await expect(console.row(line.id)).to_contain_text("taken over")
    await accessible(page, "floor, on a call")
    await console.leave()
    await page.get_by_role("navigation").get_by_role("link", name="Alerts").click()
    await expect(page.get_by_role("table")).to_be_visible()
    await accessible(page, "alerts")
    strip = page.get_by_role("complementary", name="Open alerts")
    await strip.get_by_role("button", name="I am coming").click()
    await expect(strip.get_by_role("button", name="It is over")).to_be_visible()
    await accessible(page, "alerts, on it")
    await strip.get_by_role("button", name="It is over").click()
    await expect(strip).to_be_hidden()
    await accessible(page, "alerts, over")


async def test_the_pages_of_advisor_and_duty(console: Console, house: House, browser: Browser) -> None:
    page = console.page
    line = await house.conversation("2001")
    await console.sign_in("adv1")
    panic = page.locator(".panic")
    await expect(panic).to_have_attribute("data-state", "nobody")
    await accessible(page, "advisor, nobody on duty")
    floor = await Console.open(browser, console.gateway)
    await floor.sign_in()
    await floor.page.get_by_role("link", name="Duty").click()
    await expect(floor.page.get_by_role("button", name="Go on duty")).to_be_visible()
    await accessible(floor.page, "off duty")
    await floor.press("Go on duty")
    await expect(panic).to_have_attribute("data-state", "ready")
    await accessible(floor.page, "on duty")
    await page.get_by_role("textbox", name="Ask a floorwalker").fill("which pathway?")
    await page.get_by_role("button", name="Ask", exact=True).click()
    await expect(floor.page.locator(".strip .question")).to_be_visible()
    await accessible(floor.page, "a question")
    await accessible(page, "advisor, has asked")
    await panic.click()
    await expect(panic).to_have_attribute("data-state", "raised")
    await accessible(page, "advisor, waits")
    await floor.press("I am coming")
    await expect(panic).to_have_attribute("data-state", "acknowledged")
    await accessible(page, "advisor, somebody comes")
    await floor.press("It is over")
    strip = floor.page.get_by_role("complementary", name="Open alerts")
    await strip.get_by_role("button", name="Answer: whisper on the call").click()
    await strip.get_by_role("button", name="It is done").click()
    await expect(strip).to_be_hidden()
    await floor.leave()
    await floor.page.get_by_role("link", name="Duty").click()
    await floor.press("Go off duty")
    await floor.close()
    assert line.id


async def test_the_auditors_views(console: Console, house: House) -> None:
    page = console.page
    line = await house.conversation("2001")
    await console.sign_in("arthur")
    await console.open_call(line.id)
    await accessible(page, "call, of an auditor")
    await console.press("Score this call")
    await page.get_by_label("Note of the marker").fill("asks for the place first")
    await console.press("Mark this moment")
    await expect(page.get_by_role("list", name="Markers").get_by_role("listitem")).to_have_count(1)
    await page.locator('[data-criterion="demographics"]').get_by_label("Partly met").check()
    await expect(page.get_by_text("needs a comment")).to_be_visible()
    await accessible(page, "audit")
    await console.leave()
    await page.get_by_role("link", name="Audits").click()
    await expect(page.get_by_role("table")).to_be_visible()
    await accessible(page, "audits")


async def test_the_admins_view(console: Console) -> None:
    await console.sign_in("adam")
    await console.page.get_by_role("link", name="Admin").click()
    await expect(console.page.get_by_text("are taken")).to_be_visible()
    await accessible(console.page, "admin")
