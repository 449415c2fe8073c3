"""OPTIONS to a trunk: what goes out, and what each end of it is told as."""

from __future__ import annotations

import asyncio
import socket

import pytest
from sip_b2bua import Recorder
from sip_peer import SipPeer

from gateway.core.events import TrunkAnswered
from gateway.sip import SipEndpoint, SipError


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "401 Unauthorized", "503 Service Unavailable"])
async def test_an_answer(sip: SipEndpoint, peer: SipPeer, events: Recorder, status: str) -> None:
    sip.ask_options("pbx", f"sip:127.0.0.1:{peer.port};transport={peer.transport}")
    asked = await peer.next("OPTIONS")
    assert asked.uri.startswith(f"sip:127.0.0.1:{peer.port}")
    assert asked.transport == peer.transport
    assert "<sip:gateway@127.0.0.1>" in asked.headers["From"]
    await peer.respond(asked, status)
    assert await events.next(TrunkAnswered) == TrunkAnswered("pbx", int(status[:3]), status)


async def test_answers_are_told_apart_by_trunk(sip: SipEndpoint, events: Recorder) -> None:
    async with SipPeer(sip.bound[0][2]) as pbx, SipPeer(sip.bound[0][2]) as sbc:
        for _ in range(2):
            sip.ask_options("pbx", f"sip:127.0.0.1:{pbx.port}")
            sip.ask_options("sbc", f"sip:127.0.0.1:{sbc.port}")
            await sbc.respond(await sbc.next("OPTIONS"), "405 Method Not Allowed")
            assert (await events.next(TrunkAnswered)).trunk == "sbc"
            await pbx.respond(await pbx.next("OPTIONS"), "200 OK")
            assert (await events.next(TrunkAnswered)).trunk == "pbx"


async def test_one_that_goes_away_and_returns(sip: SipEndpoint, events: Recorder) -> None:
    """By UDP: the OPTIONS that it missed is repeated until it is there again."""
    async with SipPeer(sip.bound[0][2]) as peer:
        port = peer.port
        sip.ask_options("pbx", f"sip:127.0.0.1:{port}")
        await peer.respond(await peer.next("OPTIONS"), "200 OK")
        assert (await events.next(TrunkAnswered)).code == 200
        sip.ask_options("pbx", f"sip:127.0.0.1:{port}")
        await peer.next("OPTIONS")
    await asyncio.sleep(0)  # in which asyncio closes its socket
    async with SipPeer(sip.bound[0][2], port=port) as peer:
        await peer.respond(await peer.next("OPTIONS"), "200 OK")
        assert (await events.next(TrunkAnswered)).code == 200


async def test_no_connection(sip: SipEndpoint, events: Recorder) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        sip.ask_options("pbx", f"sip:127.0.0.1:{nobody.getsockname()[1]};transport=tcp")
        told = await events.next(TrunkAnswered)
    assert (told.trunk, told.code) == ("pbx", 503)
    assert told.why.startswith("cannot be reached: ")


async def test_what_is_no_uri(sip: SipEndpoint, events: Recorder) -> None:
    sip.ask_options("pbx", "nonsense")
    told = await events.next(TrunkAnswered)
    assert (told.code, told.why[:23]) == (503, "OPTIONS cannot be sent:")
    with pytest.raises(SipError):
        sip.ask_options("pbx", "sip:127.0.0.1\r\nX: y")


async def test_a_question_that_is_open_at_the_end(sip: SipEndpoint, peer: SipPeer) -> None:
    """The fixture stops the endpoint; whatever PJSIP tells of it then must harm nobody."""
    sip.ask_options("pbx", f"sip:127.0.0.1:{peer.port};transport={peer.transport}")
    await peer.next("OPTIONS")
