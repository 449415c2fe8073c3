"""The relay changes nothing: what one party hears is what the other sent, byte for byte, packet for
packet.
"""

from __future__ import annotations

import asyncio

import pytest
from e2e_checks import unique_payloads
from e2e_figures import figure
from e2e_house import House, Line

WAYS = [
    pytest.param(law, transport, extension, id=f"{law}-{name}")
    for law in ("PCMA", "PCMU")
    for name, transport, extension in (
        ("udp", "udp", "2001"),
        ("tcp", "tcp", "3001"),
        ("udp-to-tcp", "udp", "3001"),
        ("tcp-to-udp", "tcp", "2001"),
    )
]


async def talk(line: Line, seconds: float) -> None:
    """Both say something of their own at the same time, no packet like another, to the last one."""
    line.patient.say_payloads(unique_payloads(seconds, seed=1))
    line.advisor.say_payloads(unique_payloads(seconds, seed=2))
    await asyncio.gather(line.patient.said(seconds * 2 + 30), line.advisor.said(seconds * 2 + 30))


async def shows_transparency(house: House, law: str, transport: str, extension: str, seconds: float) -> None:
    line = await house.conversation(extension, law=law, transport=transport)
    assert line.patient.codec == line.advisor.codec == law
    await talk(line, seconds)
    to_patient, to_advisor = await line.exact()
    assert to_advisor.before == 0, "packets of the patient's were lost after the answer"
    for call in (line.patient, line.advisor):
        assert call.received.lost == call.received.out_of_order == call.received.malformed == 0
        assert len(call.received.ssrcs) == 1
    figure(
        f"transparent for {seconds:g} s, {law} {transport} to {extension}",
        f"{to_advisor.heard} + {to_patient.heard} packets, none missing or changed; "
        f"transit p50 {to_advisor.p50_ms:.2f} ms, p99 {to_advisor.p99_ms:.2f} ms",
    )


@pytest.mark.parametrize(("law", "transport", "extension"), WAYS)
async def test_every_payload_arrives_unchanged_and_in_order(
    house: House, law: str, transport: str, extension: str
) -> None:
    longest = (law, transport, extension) == ("PCMA", "udp", "2001")
    await shows_transparency(house, law, transport, extension, seconds=5 if longest else 1)


@pytest.mark.thorough
@pytest.mark.timeout(200)
@pytest.mark.parametrize(
    ("law", "transport", "extension"), [("PCMA", "udp", "2001"), ("PCMU", "tcp", "3001")]
)
async def test_it_does_so_for_a_minute(house: House, law: str, transport: str, extension: str) -> None:
    await shows_transparency(house, law, transport, extension, seconds=60)
