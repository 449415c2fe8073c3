"""The parties' SIP against a phone that sends each call on to another of them, as the device under test does."""

from __future__ import annotations

import asyncio

from descriptions import audio_port
from sipparties import Parties

from simulators.incoming import IncomingCall
from simulators.phone import Phone

PATIENCE_S = 15


async def test_a_call_placed_and_a_call_answered() -> None:
    on = []

    async def send_on(call: IncomingCall) -> None:
        further = await phone.call(f"sip:advisor7@127.0.0.1:{parties.port}")
        await further.answered(PATIENCE_S)
        await call.answer()
        on.extend([call, further])

    async with Phone("device", on_incoming=send_on) as phone:
        parties = Parties(phone.address[1])
        parties.rtp_ports["advisor7"] = 40_002
        try:
            await asyncio.to_thread(parties.ready)
            callers = await asyncio.to_thread(parties.call, "17", 40_000)
        finally:
            parties.close()
        incoming, further = on
        await incoming.established(PATIENCE_S)  # so the 200 was acknowledged
        assert audio_port(incoming.remote_sdp) == 40_000
        assert audio_port(further.remote_sdp) == 40_002
        assert callers > 0
        assert parties.offered["advisor7"] > 0
        assert callers != parties.offered["advisor7"]
        incoming.vanish()
        further.vanish()
