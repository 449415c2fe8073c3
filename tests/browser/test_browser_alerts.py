"""An advisor's alert at the console: seen above every view, acknowledged, resolved."""

from __future__ import annotations

import numpy as np
from browser_console import Console
from e2e_checks import Audio
from e2e_gateway import until
from e2e_house import House
from playwright.async_api import expect

from simulators import analysis

TITLES = """() => {
  window.titles = new Set([document.title]);
  new MutationObserver(() => titles.add(document.title)).observe(document.querySelector("title"), { childList: true });
}"""
CHIME_HZ = (660, 880)


async def test_an_alert_is_above_every_view_until_it_is_over(console: Console, house: House) -> None:
    await console.sign_in()
    line = await house.conversation("2001")
    await console.open_call(line.id)
    await line.advisor.press("*99")
    strip = console.page.get_by_role("complementary", name="Open alerts")
    await expect(strip).to_contain_text("HELP")
    await expect(strip).to_contain_text("Adv1")
    for view in ("Floor", "Alerts"):
        await console.page.get_by_role("navigation").get_by_role("link", name=view).click()
        await expect(console.page.get_by_role("heading", name=view)).to_be_visible()
        await expect(strip).to_be_in_viewport()
    await until(console.page.title, lambda title: "HELP: Adv1" in title)
    alert = console.page.get_by_role("table").get_by_role("row").filter(has_text="Adv1")
    mark = console.gateway.mark()
    await alert.get_by_role("button", name="I am coming").click()
    acknowledged = await console.gateway.logged("alert.acknowledged", since=mark)
    assert acknowledged["acknowledged_by"] == "fiona"
    await expect(alert).to_contain_text("somebody is on it")
    await expect(strip).to_contain_text("on it, after 0:")
    await alert.get_by_role("button", name="It is over").click()
    await expect(alert).to_contain_text("over")
    await expect(strip).to_be_hidden()
    await expect(console.page).to_have_title("Alerts · Supervision")


def strengths(heard: Audio) -> dict[int, float]:
    """How much of the power is within 12 Hz of each note of the chime; nothing of silence."""
    power = np.abs(np.fft.rfft(heard)) ** 2
    hz = np.fft.rfftfreq(len(heard), 1 / 8000)
    return {note: float(power[abs(hz - note) < 12].sum() / power.sum()) for note in CHIME_HZ}


async def test_an_alert_flashes_the_title_and_sounds(console: Console, house: House) -> None:
    await console.sign_in()
    line = await house.conversation("2001")
    await console.page.evaluate(TITLES)
    assert not len((await console.heard())[0]), "a console without an alert made a sound"
    await line.advisor.press("*99")

    async def played() -> dict[int, float]:
        left, right = await console.heard()
        assert np.array_equal(left, right)
        return strengths(left) if analysis.level_db(left) > -45 else dict.fromkeys(CHIME_HZ, 0.0)

    await until(played, lambda notes: min(notes.values()) > 0.2 and sum(notes.values()) > 0.7)
    plain, flashing = "Floor · Supervision", "▲ HELP: Adv1"
    await until(lambda: console.page.evaluate("[...titles]"), lambda seen: {plain, flashing} <= set(seen))
    for button in ("I am coming", "It is over"):
        await console.press(button)
    await expect(console.page).to_have_title(plain)
    await until(lambda: console.heard(), lambda ears: len(ears[0]) and not ears[0].any())
