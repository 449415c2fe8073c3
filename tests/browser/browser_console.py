"""The console as a person meets it: a page in Chromium, driven by its words and roles."""

from __future__ import annotations

import base64
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from e2e_checks import Audio
from e2e_gateway import TOKENS, Gateway, until
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from simulators import Call, analysis, speech
from simulators.resample import to_telephone

HERE = Path(__file__).parent
PATIENCE_MS = 30_000
MICROPHONE: Audio = speech.audio(
    speech.Speech(
        "floorwalker",
        "I am right behind you. Ask her whether the chest pain spreads to the arm or the jaw, and how long it has lasted. "
        "If she is short of breath, send the ambulance first and keep her talking until the crew is at the door.",
    )
)
"""What is said into every microphone, over and over."""
LOOK_BACK_SAMPLES = 8_000 * 8
WINDOW_SAMPLES = 2_000
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
expect.set_options(timeout=PATIENCE_MS)


FREELY, AFTER_A_CLICK = "no-user-gesture-required", "document-user-activation-required"
"""When a page may play sound, in Chromium's words; people's browsers want a click first."""


@asynccontextmanager
async def launched(microphone: Path, may_play: str = FREELY) -> AsyncIterator[Browser]:
    """Debian's Chromium with a file as its microphone."""
    program = shutil.which("chromium")
    assert program, "Chromium is missing: apt-get install chromium (make setup does it)"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program,
            args=[
                *FLAGS,
                f"--autoplay-policy={may_play}",
                f"--use-file-for-fake-audio-capture={microphone}",
            ],
        )
        try:
            yield browser
        finally:
            await browser.close()


class Console:
    """One page. `complaints`: what the browser's console said that is an error; `close` looks at them."""

    def __init__(self, page: Page, gateway: Gateway) -> None:
        self.page = page
        self.gateway = gateway
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        page.on("console", lambda message: self._said(message.type, message.text))

    @classmethod
    async def open(
        cls, browser: Browser, gateway: Gateway, size: tuple[int, int] = (1280, 800), url: str | None = None
    ) -> Console:
        """url: how the gateway is reached; None: straight."""
        context = await browser.new_context(
            base_url=url or gateway.url,
            viewport={"width": size[0], "height": size[1]},
            locale="en-GB",
            timezone_id="Europe/London",
        )
        context.set_default_timeout(PATIENCE_MS)
        await context.add_init_script(path=HERE / "heard.js")
        return cls(await context.new_page(), gateway)

    def _said(self, kind: str, text: str) -> None:
        # That an answer was a refusal is not the page's fault: what it makes of it is what tests look at.
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.complaints.append(text)

    async def close(self) -> None:
        await self.page.context.close()
        assert not self.complaints, f"the browser complained: {self.complaints}"

    async def sign_in(self, who: str = "fiona") -> None:
        """Somebody of the configuration, whose token is their password; the page is at their first view afterwards."""
        await self.page.goto("/")
        await self.page.get_by_label("User").fill(who)
        await self.page.get_by_label("Password").fill(TOKENS[who])
        await self.page.get_by_role("button", name="Sign in").click()
        await expect(self.page.locator(".person")).to_be_visible()
        if who != "adv1":  # an advisor watches nothing
            await expect(self.page.locator(".connection")).to_have_text("live")

    def row(self, call: str) -> Locator:
        """The call's line on the board."""
        return self.page.locator(f'.board-row[data-call="{call}"]')

    async def open_call(self, call: str) -> None:
        await self.row(call).click()
        await expect(self.page.get_by_role("group", name="What you do on this call")).to_be_visible()

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name).click()

    async def leave(self) -> None:
        """By the bar that is below every view."""
        await self.page.locator(".onair").get_by_role("button", name="Leave").click()
        await expect(self.doing).to_be_hidden()

    @property
    def doing(self) -> Locator:
        """The large word that says what one is doing."""
        return self.page.locator(".onair .doing")

    async def loudspeaker(self) -> tuple[tuple[Audio, Audio], int]:
        """What came out of it in the last seconds, left and right ear, and the sound card's rate [Hz]."""
        rate_hz = await self.page.evaluate("heard.rate()")
        text = await self.page.evaluate("heard.taken()")
        ears = np.frombuffer(base64.b64decode(text), dtype="<f4").reshape(2, -1)
        left, right = ((ear.clip(-1, 1) * 32_767).astype(np.int16) for ear in ears)
        return (left, right), rate_hz

    async def heard(self) -> tuple[Audio, Audio]:
        """The same at 8,000 Hz."""
        ears, rate_hz = await self.loudspeaker()
        left, right = (to_telephone(ear, rate_hz) for ear in ears)
        return left.round().astype(np.int16), right.round().astype(np.int16)

    async def hears(self, ear: int, speaker: Call) -> None:
        """Wait until the left (0) or right (1) ear plays what `speaker` says."""
        await self.hears_of(ear, lambda: speaker.sent.audio()[-LOOK_BACK_SAMPLES:])

    async def hears_of(self, ear: int, said: Callable[[], Audio]) -> None:
        """Wait until an ear plays something of what `said` gives."""

        async def look() -> float:
            return share_found((await self.heard())[ear], said(), 0.9)

        await until(look, lambda share: share >= 0.5, 45.0, "it is not heard")


def share_found(played: Audio, said: Audio, least_correlation: float) -> float:
    """How much of what was played, by windows of a quarter of a second in which there is sound, is found in what was said; 0 of too little.

    Each window is looked for by itself: a page that has waited for its audio cuts pauses short to be on time again.
    """
    found = []
    for at in range(0, len(played) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES):
        part = played[at : at + WINDOW_SAMPLES]
        if analysis.level_db(part) > -45.0 and len(said) > WINDOW_SAMPLES:
            match = analysis.best_lag_correlation(part, said, least_overlap=0.99)
            found.append(match.corr >= least_correlation)
    return sum(found) / len(found) if len(found) >= 5 else 0.0
