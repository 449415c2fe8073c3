"""A floorwalker presses `1`: they hear what was just said, faster, are heard by nobody meanwhile, and are live in the end."""

from __future__ import annotations

from e2e_checks import strength, tone
from e2e_gateway import Gateway
from e2e_house import House, sent_for


async def test_the_past_by_key(house: House, gateway: Gateway) -> None:
    line = await house.conversation()
    line.patient.say(tone(500, 1.0), loop=True)
    await sent_for(line.patient, 2.0)
    line.patient.say(tone(900, 1.0), loop=True)
    fiona = await house.supervise("*72")
    fiona.say(tone(1_300, 1.0), loop=True)
    await sent_for(fiona, 0.5)
    mark, heard = gateway.mark(), fiona.received.mark()
    await fiona.press("1")
    told = await gateway.logged("supervisor.past", since=mark, user="fiona")
    assert (told["mode"], told["call"]) == ("listen", line.id)
    at_advisor = line.advisor.received.mark()
    await sent_for(fiona, 2.5)
    assert strength(fiona.received.since(heard).audio(), 500) > 4_000, "what was said before she came"
    assert strength(line.advisor.received.since(at_advisor).audio()[4_000:], 1_300) < 200, (
        "she is heard by nobody"
    )
    await sent_for(fiona, 6.0)
    live = fiona.received.mark()
    await sent_for(fiona, 0.5)
    assert strength(fiona.received.since(live).audio(), 900) > 4_000
    assert strength(fiona.received.since(live).audio(), 500) < 1_000
    back = gateway.mark()
    await fiona.press("5")
    await gateway.logged("supervisor.mode", since=back, user="fiona", mode="whisper")
    whispered = line.advisor.received.mark()
    await sent_for(fiona, 0.5)
    assert strength(line.advisor.received.since(whispered).audio(), 1_300) > 4_000
