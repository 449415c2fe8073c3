"""An advisor's alert at the console: seen above every view, acknowledged, resolved."""

from __future__ import annotations

from browser_console import Console
from e2e_gateway import until
from e2e_house import House
from playwright.async_api import expect


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
