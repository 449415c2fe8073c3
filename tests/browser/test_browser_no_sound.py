"""A browser that gives the page no sound: Chromium by its own rule, a page that nobody has clicked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from browser_console import AFTER_A_CLICK, Console, launched
from e2e_gateway import TOKENS, Gateway, until
from e2e_house import House
from playwright.async_api import CDPSession, expect

from simulators import speech

CLICK_LISTEN = """[...document.querySelectorAll("button")].find((one) => one.textContent.startsWith("Listen"))?.click()"""
SAID = (
    """[...document.querySelectorAll("[role=status] p, .said p")].map((one) => one.textContent).join("\\n")"""
)


async def run(page: CDPSession, script: str) -> Any:
    """Playwright's own evaluating, which its locators use, counts as a click of the person; this does not."""
    done = await page.send(
        "Runtime.evaluate", {"expression": script, "returnByValue": True, "userGesture": False}
    )
    assert "exceptionDetails" not in done, done
    return done["result"].get("value")


async def test_it_is_said_and_what_to_do_and_a_click_brings_the_sound(
    gateway: Gateway, house: House, microphone: Path
) -> None:
    line = await house.conversation("2001")
    line.patient.say(speech.phrase("patient-chest-pain")[:40_000], loop=True)
    async with launched(microphone, AFTER_A_CLICK) as browser:
        console = await Console.open(browser, gateway)
        page = console.page
        signed_in = await page.context.request.post(
            "/api/session",
            data={"user": "fiona", "password": TOKENS["fiona"]},
            headers={"Origin": gateway.url},
        )
        assert signed_in.ok
        devtools = await page.context.new_cdp_session(page)
        await page.goto(f"/#/call/{line.id}")

        async def clicked() -> Any:
            return await run(devtools, f"Boolean({CLICK_LISTEN.removesuffix('?.click()')})")

        await until(clicked, bool, complaint="there is no button to listen")
        await run(devtools, CLICK_LISTEN)
        said = await until(
            lambda: run(devtools, SAID), lambda text: "gives this page no sound" in text, complaint="not said"
        )
        assert "plug in a headset" in said and "allow sound" in said
        assert gateway.events("supervisor.joined", call=line.id) == [], (
            "nobody is put on a call to hear nothing"
        )
        await console.press("Listen")  # a person's click: whether or not the first has been given up by now
        await expect(console.doing).to_have_text("LISTENING")
        await console.hears(0, line.patient)
        await console.leave()
        await console.close()
