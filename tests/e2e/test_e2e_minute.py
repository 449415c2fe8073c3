"""What must hold for a minute, in one and the same minute: each with a call of its own on one gateway."""

from __future__ import annotations

import asyncio

import pytest
from e2e_gateway import Gateway
from e2e_house import House
from e2e_stall import stall
from e2e_transparent import stays_transparent

SECONDS = 60
WAYS = [("PCMA", "udp", "2001"), ("PCMU", "tcp", "3001")]


@pytest.mark.thorough
@pytest.mark.timeout(300)
async def test_a_minute_of_two_calls_unchanged_and_one_with_a_stalled_auditor(
    house: House, gateway: Gateway
) -> None:
    """The relay changes nothing, both ways; an auditor who reads nothing is cut off after half a minute, and
    said so in the log, and nobody else notices.
    """
    mark = gateway.mark()
    lines = [await house.conversation(extension, law=law, transport=way) for law, way, extension in WAYS]
    await asyncio.gather(
        *(
            stays_transparent(line, law, f"{law} {way} to {extension}", SECONDS)
            for line, (law, way, extension) in zip(lines, WAYS, strict=True)
        ),
        stall(house, gateway, SECONDS),
    )
    assert gateway.events("feed.stalled", since=mark)
    ended = gateway.events("feed.ended", since=mark)[0]
    assert ended["missed_ms"] > 10_000
