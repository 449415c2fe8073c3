"""The relay changes nothing: what one party hears is what the other sent, byte for byte, packet for
packet.
"""

from __future__ import annotations

import pytest
from e2e_house import House
from e2e_transparent import shows_transparency

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


@pytest.mark.parametrize(("law", "transport", "extension"), WAYS)
async def test_every_payload_arrives_unchanged_and_in_order(
    house: House, law: str, transport: str, extension: str
) -> None:
    longest = (law, transport, extension) == ("PCMA", "udp", "2001")
    await shows_transparency(house, law, transport, extension, seconds=5 if longest else 1)
