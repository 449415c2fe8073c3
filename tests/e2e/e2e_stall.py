"""A call that is not told of what happens beside it, and an auditor whose socket stalls."""

from __future__ import annotations

from e2e_auditor import Auditor, Stalled
from e2e_checks import unique_payloads
from e2e_figures import figure
from e2e_gateway import Gateway
from e2e_house import House, Line, heard_more, sent_for


async def talking(house: House, seconds: float = 200) -> Line:
    """A call on which both say, packet by packet, what nobody else says."""
    line = await house.conversation()
    line.patient.say_payloads(unique_payloads(seconds, seed=21))
    line.advisor.say_payloads(unique_payloads(seconds, seed=22))
    return line


async def unharmed(line: Line, event: str) -> None:
    """Every packet of both, before, during and after the event, arrived as it was sent."""
    to_patient, to_advisor = await line.exact()
    assert line.patient.received.lost == line.advisor.received.lost == 0
    figure(
        f"call's packets across: {event}",
        f"{to_advisor.heard} + {to_patient.heard}, none missing or changed; transit p99 {to_patient.p99_ms:.2f} ms",
    )


async def stall(house: House, gateway: Gateway, seconds: float) -> None:
    line = await talking(house, seconds + 30)
    async with Auditor(gateway, line.id) as other:
        async with Stalled(gateway, f"/api/calls/{line.id}/audio"), Stalled(gateway, "/api/events"):
            await sent_for(line.patient, seconds)
        await heard_more(line.patient, 5)
        await unharmed(line, f"an auditor's socket stalled for {seconds:g} s")
        assert other.complaints == []
        assert other.missed_ms == 0
        assert len(other.frames) > seconds * 50 * 0.9
