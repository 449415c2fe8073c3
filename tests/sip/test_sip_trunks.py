"""Trunks: transport, outbound proxy, digest; what we call ourselves on the wire."""

from __future__ import annotations

from sip_b2bua import Recorder, running
from sip_peer import ANSWER, OFFER, SipPeer

from gateway.core.actions import Invite
from gateway.core.events import LegAnswered, LegEnded, LegOffered
from gateway.core.model import LegId
from gateway.sip import SipTrunk

LEG = LegId("trunk-leg")


async def test_transport_of_the_trunk(events: Recorder) -> None:
    async with (
        running(events, trunks={"pbx": SipTrunk(transport="tcp")}) as sip,
        SipPeer(sip.bound[0][2], "tcp") as pbx,
    ):
        sip.invite(Invite(LEG, f"sip:2001@127.0.0.1:{pbx.port}", OFFER, trunk="pbx"))
        invite = await pbx.next("INVITE")
        assert invite.transport == "tcp"
        await pbx.respond(invite, "486 Busy Here")
        assert (await events.next(LegEnded)).code == 486


async def test_outbound_proxy(events: Recorder) -> None:
    async with SipPeer(0) as proxy:
        trunk = SipTrunk(proxy=f"sip:127.0.0.1:{proxy.port};lr")
        async with running(events, trunks={"sbc": trunk}) as sip:
            proxy.gateway_port = sip.bound[0][2]
            sip.invite(Invite(LEG, "sip:2001@far-away.invalid", OFFER, trunk="sbc"))
            invite = await proxy.next("INVITE")
            assert invite.uri == "sip:2001@far-away.invalid"
            assert invite.headers["Route"] == f"<sip:127.0.0.1:{proxy.port};lr>"
            await proxy.respond(invite, "404 Not Found")
            assert (await events.next(LegEnded)).code == 404


async def test_digest(events: Recorder) -> None:
    trunk = SipTrunk(username="gw", password="secret")
    async with running(events, trunks={"sbc": trunk}) as sip, SipPeer(sip.bound[0][2]) as sbc:
        sip.invite(Invite(LEG, sbc.uri, OFFER, trunk="sbc"))
        first = await sbc.next("INVITE")
        challenge = 'Proxy-Authenticate: Digest realm="sbc", nonce="n1", algorithm=MD5'
        await sbc.respond(first, "407 Proxy Authentication Required", extra=challenge)
        await sbc.next("ACK")
        second = await sbc.next("INVITE")
        assert 'username="gw"' in second.headers["Proxy-Authorization"]
        await sbc.respond(second, "200 OK", ANSWER)
        assert (await events.next(LegAnswered)).sdp == ANSWER
        await sbc.next("ACK")


async def test_wrong_password_ends_the_leg(events: Recorder) -> None:
    trunk = SipTrunk(username="gw", password="wrong")
    async with running(events, trunks={"sbc": trunk}) as sip, SipPeer(sip.bound[0][2]) as sbc:
        sip.invite(Invite(LEG, sbc.uri, OFFER, trunk="sbc"))
        challenge = 'WWW-Authenticate: Digest realm="sbc", nonce="n1", algorithm=MD5'
        for _ in range(2):
            await sbc.respond(await sbc.next("INVITE"), "401 Unauthorized", extra=challenge)
        assert (await events.next(LegEnded)).code == 401


async def test_unasked_challenge_without_credentials(events: Recorder) -> None:
    async with running(events) as sip, SipPeer(sip.bound[0][2]) as sbc:
        sip.invite(Invite(LEG, sbc.uri, OFFER))
        challenge = 'WWW-Authenticate: Digest realm="sbc", nonce="n1", algorithm=MD5'
        await sbc.respond(await sbc.next("INVITE"), "401 Unauthorized", extra=challenge)
        assert (await events.next(LegEnded)).code == 401


async def test_advertised_address(events: Recorder) -> None:
    settings = {"advertised_address": "192.0.2.5", "user_agent": "gw/1"}
    async with running(events, **settings) as sip, SipPeer(sip.bound[0][2]) as peer:
        port = sip.bound[0][2]
        sip.invite(Invite(LEG, peer.uri, OFFER))
        invite = await peer.next("INVITE")
        assert invite.headers["Contact"] == f"<sip:gateway@192.0.2.5:{port}>"
        assert invite.headers["Via"].startswith(f"SIP/2.0/UDP 192.0.2.5:{port}")
        assert invite.headers["User-Agent"] == "gw/1"
        dialog = peer.dialog()
        await dialog.request("INVITE", OFFER)
        sip.answer((await events.next(LegOffered)).leg, ANSWER)
        assert f"192.0.2.5:{port}" in (await peer.next("SIP/2.0 200")).headers["Contact"]
