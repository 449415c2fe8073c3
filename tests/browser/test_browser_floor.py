"""Signing in, the board, hearing a call: a person at the console, people at real phones."""

from __future__ import annotations

import re
import statistics
import time

from browser_console import Console
from e2e_figures import figure
from e2e_gateway import PATIENCE_S
from e2e_house import House
from playwright.async_api import expect

from simulators import speech

PATIENT_SAYS = speech.phrase("patient-chest-pain")[:40_000]
ADVISOR_SAYS = speech.phrase("advisor-questions")[:40_000]
SEVERAL = 7
SOON_MS = 1000
WATCH = """() => {
  window.shown_at = {};
  const look = () => {
    for (const row of document.querySelectorAll('.board-row[data-state="talking"]:not([hidden])')) shown_at[row.dataset.call] ??= Date.now();
    requestAnimationFrame(look);
  };
  look();
}"""
"""By call: the page's clock, which is this machine's, at the first frame whose row says that they talk [ms since 1970]."""


async def test_a_wrong_password_is_refused_in_words(console: Console) -> None:
    await console.page.goto("/")
    await console.page.get_by_label("User").fill("fiona")
    await console.page.get_by_label("Password").fill("nobody's")
    await console.press("Sign in")
    await expect(console.page.get_by_role("alert")).to_contain_text("password")
    await expect(console.page.get_by_role("navigation")).to_be_hidden()
    await expect(console.page.get_by_role("link", name="organisation")).to_have_count(
        0
    )  # no provider is configured


async def test_a_reload_keeps_the_session_and_signing_out_ends_it(console: Console) -> None:
    await console.sign_in()
    await console.page.reload()
    await expect(console.page.locator(".connection")).to_have_text("live")
    await expect(console.page.locator(".person")).to_have_text("Fiona")
    await console.press("Sign out")
    await expect(console.page.get_by_role("button", name="Sign in")).to_be_visible()
    await console.page.reload()
    await expect(console.page.get_by_role("button", name="Sign in")).to_be_visible()


async def test_a_call_is_on_the_board_and_goes(console: Console, house: House) -> None:
    await console.sign_in()
    line = await house.conversation("2001")
    row = console.row(line.id)
    await expect(row).to_contain_text("Adv1")
    await expect(row).to_contain_text("talking")
    await line.patient.hang_up()
    await expect(row).to_be_hidden()


async def test_a_call_is_on_the_board_within_a_second_of_its_answer(console: Console, house: House) -> None:
    """From the moment at which the advisor's phone answers; the middle of some calls, so that one slow moment of the machine is none of the gateway."""
    await console.sign_in()
    await console.page.evaluate(WATCH)
    delays_ms = []
    for number in range(SEVERAL):
        phone = await house.phone(f"+44770090014{number}")
        mark = console.gateway.mark()
        calling = await phone.call(console.gateway.uri(str(2001 + number)))
        advisor = await house.ring(str(2001 + number))
        answered_ms = time.time() * 1000
        await advisor.answer()
        await calling.answered(PATIENCE_S)
        call = (await console.gateway.logged("call.answered", since=mark))["call"]
        shown = await console.page.wait_for_function("call => shown_at[call]", arg=call)
        delays_ms.append(await shown.json_value() - answered_ms)
    middle, worst = statistics.median(delays_ms), max(delays_ms)
    figure(
        "answer of a call to its row on the board",
        f"median {middle:.0f} ms, worst {worst:.0f} ms of {SEVERAL} calls",
    )
    assert min(delays_ms) >= 0, "shown before it was answered"
    assert middle < SOON_MS


async def test_a_poor_home_line_shows_on_the_board_and_on_the_call(console: Console, house: House) -> None:
    await console.sign_in()
    good, poor = await house.conversation("2001"), await house.conversation("2002")
    for line in (good, poor):
        line.patient.say(PATIENT_SAYS, loop=True)
        line.advisor.say(ADVISOR_SAYS, loop=True)
    poor.advisor.impair(drop=0.2)
    await expect(console.row(good.id).locator(".line")).to_have_text(re.compile(r"[34]\.\d"), timeout=40_000)
    await expect(console.row(poor.id).locator(".line")).to_have_text(
        re.compile(r"poor: advisor [1-3]\.\d"), timeout=40_000
    )
    await console.open_call(poor.id)
    await expect(console.page.get_by_text("line poor: advisor")).to_be_visible()


async def test_search_filter_and_keys_on_the_board(console: Console, house: House) -> None:
    await console.sign_in()
    first, second = await house.conversation("2001"), await house.conversation("2002")
    board = console.page.get_by_role("grid", name="Live calls")
    await expect(board.get_by_role("row")).to_have_count(3)
    await console.page.get_by_label("Search the calls").fill("2002")
    await expect(console.row(first.id)).to_be_hidden()
    await expect(console.row(second.id)).to_be_visible()
    await console.page.get_by_label("Search the calls").fill("")
    await console.page.get_by_label("Which calls").select_option("supervised")
    await expect(console.page.get_by_text("No call fits")).to_be_visible()
    await console.page.get_by_label("Which calls").select_option("")
    await board.get_by_role("button", name="Advisor", exact=True).click()
    await board.get_by_role("button", name="Advisor", exact=True).click()
    await expect(board.get_by_role("columnheader", name="Advisor", exact=True)).to_have_attribute(
        "aria-sort", "descending"
    )
    await board.press("Home")
    await expect(console.row(second.id)).to_have_attribute("aria-selected", "true")
    await board.press("ArrowDown")
    await expect(console.row(first.id)).to_have_attribute("aria-selected", "true")
    await board.press("Enter")
    await expect(console.page.get_by_role("heading", name="Adv1")).to_be_visible()


async def test_a_floorwalker_hears_the_call(console: Console, house: House) -> None:
    line = await house.conversation("2001")
    line.patient.say(PATIENT_SAYS, loop=True)
    await console.sign_in()
    await console.open_call(line.id)
    await console.page.keyboard.press("l")
    await expect(console.doing).to_have_text("LISTENING")
    await expect(console.page.locator(".onair .heard")).to_have_text("Nobody hears you.")
    for ear in (0, 1):
        await console.hears(ear, line.patient)
    await console.page.keyboard.press("x")
    await expect(console.doing).to_be_hidden()


async def test_an_auditor_hears_one_voice_in_each_ear_and_the_last_half_minute_again(
    console: Console, house: House
) -> None:
    line = await house.conversation("2001")
    line.patient.say(PATIENT_SAYS, loop=True)
    line.advisor.say(ADVISOR_SAYS, loop=True)
    await console.sign_in("arthur")
    await console.open_call(line.id)
    await expect(console.page.get_by_role("button", name="Whisper")).to_be_hidden()
    await console.press("Listen")
    await expect(console.doing).to_have_text("LISTENING")
    for ear, speaker in enumerate((line.patient, line.advisor)):
        await console.hears(ear, speaker)
    await console.press("Hear the last 30 s")
    await console.press("Stop")
    await console.leave()
    await console.gateway.logged("feed.ended", call=line.id, user="arthur")
