"""A conversation of which every packet is compared: what one party hears is what the other sent."""

from __future__ import annotations

import asyncio

from e2e_checks import unique_payloads
from e2e_figures import figure
from e2e_house import House, Line


async def talk(line: Line, seconds: float) -> None:
    """Both say something of their own at the same time, no packet like another, to the last one."""
    line.patient.say_payloads(unique_payloads(seconds, seed=1))
    line.advisor.say_payloads(unique_payloads(seconds, seed=2))
    await asyncio.gather(line.patient.said(seconds * 2 + 30), line.advisor.said(seconds * 2 + 30))


async def shows_transparency(house: House, law: str, transport: str, extension: str, seconds: float) -> None:
    """A call on its own, from its beginning."""
    line = await house.conversation(extension, law=law, transport=transport)
    await stays_transparent(line, law, f"{law} {transport} to {extension}", seconds)


async def stays_transparent(line: Line, law: str, way: str, seconds: float) -> None:
    """A call that is up and has only carried silence so far."""
    assert line.patient.codec == line.advisor.codec == law
    await talk(line, seconds)
    to_patient, to_advisor = await line.exact()
    assert to_advisor.before == 0, "packets of the patient's were lost after the answer"
    for call in (line.patient, line.advisor):
        assert call.received.lost == call.received.out_of_order == call.received.malformed == 0
        assert len(call.received.ssrcs) == 1
    figure(
        f"transparent for {seconds:g} s, {way}",
        f"{to_advisor.heard} + {to_patient.heard} packets, none missing or changed; "
        f"transit p50 {to_advisor.p50_ms:.2f} ms, p99 {to_advisor.p99_ms:.2f} ms",
    )
