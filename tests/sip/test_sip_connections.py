"""By which connection a dialog's requests go: that of the peer, who may not listen at all, while it is there."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from authority import Authority
from sip_b2bua import Recorder, idle, running
from sip_peer import ANSWER, OFFER, Dialog, SipPeer, directed

from gateway.core.actions import Invite
from gateway.core.events import LegAnswered, LegConfirmed, LegEnded, LegInfoDigit, LegOffered, LegReanswered
from gateway.core.model import LegId
from gateway.sip import SipEndpoint, SipTls
from gateway.sip.messages import parse_message
from gateway.sip.way import host_of, is_of_next_hop, route_of
from simulators.tls import Tls


@dataclass
class Floor:
    """The gateway, and peers by one transport."""

    sip: SipEndpoint
    events: Recorder
    transport: str
    tls: Tls | None

    def peer(self, *, listens: bool) -> SipPeer:
        port = next(port for transport, _, port in self.sip.bound if transport == self.transport)
        return SipPeer(port, self.transport, tls=self.tls, listens=listens)

    async def call(self, peer: SipPeer, contact: str = "", extra: str = "") -> tuple[Dialog, LegId]:
        """The peer calls and is answered. contact, extra: as in its INVITE."""
        dialog = peer.dialog()
        dialog.contact = contact
        await dialog.request("INVITE", OFFER, extra)
        leg = (await self.events.next(LegOffered)).leg
        self.sip.answer(leg, ANSWER)
        answered = await peer.next("SIP/2.0 200")
        if f"transport={self.transport}" in (contact or peer.uri):
            assert f"@127.0.0.1:{peer.gateway_port};" in answered.headers["Contact"]
        await dialog.acknowledge(answered)
        await self.events.next(LegConfirmed)
        return dialog, leg

    async def ends(self, leg: LegId, peer: SipPeer) -> None:
        """We hang up, and the peer hears of it."""
        self.sip.hang_up(leg)
        await peer.respond(await peer.next("BYE"), "200 OK")
        await idle(self.sip)


@pytest.fixture(params=["tcp", "tls"])
async def floor(request: pytest.FixtureRequest, tmp_path: Path, events: Recorder) -> AsyncIterator[Floor]:
    ca = Authority(tmp_path)
    ours, theirs = ca.issue("127.0.0.1", file="ours"), ca.issue("127.0.0.1", file="theirs")
    settings = SipTls(str(ours.certificate), str(ours.key), ca=str(ca.file), port=0)
    async with running(events, transports=("udp", "tcp", "tls"), tls=settings) as sip:
        tls = Tls(theirs.certificate, theirs.key, ca.file) if request.param == "tls" else None
        yield Floor(sip, events, request.param, tls)


async def test_who_does_not_listen_is_reached_by_their_own_connection(floor: Floor) -> None:
    """Our re-INVITE, its ACK and our BYE; the host in Contact is known to nobody, as from behind NAT."""
    async with floor.peer(listens=False) as peer:
        for contact in ("", f"sip:agent@agent.invalid;transport={floor.transport}", "sip:agent@192.0.2.9"):
            _, leg = await floor.call(peer, contact)
            floor.sip.reoffer(leg, directed(ANSWER, "sendonly"))
            await peer.respond(await peer.next("INVITE"), "200 OK", directed(OFFER, "recvonly"))
            await peer.next("ACK")
            await floor.events.next(LegReanswered)
            await floor.ends(leg, peer)


async def test_where_it_is_gone_contact_is_called(floor: Floor) -> None:
    async with floor.peer(listens=True) as peer:
        _, leg = await floor.call(peer)
        assert not peer.accepted
        peer.cut()
        await floor.ends(leg, peer)
        assert peer.accepted == 1


async def test_a_bye_that_was_lost_with_it_is_said_again_at_contact(floor: Floor) -> None:
    async with floor.peer(listens=True) as peer:
        _, leg = await floor.call(peer)
        floor.sip.hang_up(leg)
        await peer.next("BYE")
        assert not peer.accepted
        peer.cut()
        await peer.respond(await peer.next("BYE"), "200 OK")
        assert peer.accepted == 1
        await idle(floor.sip)


async def test_one_that_cannot_be_said_again_ends_once(
    floor: Floor, caplog: pytest.LogCaptureFixture
) -> None:
    """The gateway ends while a BYE waits for its answer."""
    async with floor.peer(listens=True) as peer:
        _, leg = await floor.call(peer)
        floor.sip.hang_up(leg)
        await peer.next("BYE")
        await floor.sip.stop()
    assert "Assert" not in caplog.text


async def test_who_connects_anew_is_reached_by_the_new_one(floor: Floor) -> None:
    async with floor.peer(listens=False) as peer:
        dialog, leg = await floor.call(peer)
        peer.cut()
        await dialog.request("INFO", "Signal=5\r\n", kind="application/dtmf-relay")
        assert (await floor.events.next(LegInfoDigit)).digit == "5"
        await floor.ends(leg, peer)


async def test_a_reinvite_while_it_breaks_ends_no_call(floor: Floor) -> None:
    async with floor.peer(listens=True) as peer:
        _, leg = await floor.call(peer)
        floor.sip.reoffer(leg, directed(ANSWER, "sendonly"))
        await peer.next("INVITE")
        peer.cut()
        floor.sip.reoffer(leg, directed(ANSWER, "sendonly", 3))  # refused while the first one waits, or said
        floor.sip.hang_up(leg)
        await peer.respond(await peer.next("BYE"), "200 OK")
        await idle(floor.sip)


async def test_a_proxy_that_is_not_in_the_route_is_passed_by(floor: Floor) -> None:
    """Its connection is not the caller's. One that is in the route is who our requests go to."""
    via = f"Via: SIP/2.0/{floor.transport.upper()} 192.0.2.7:5060;branch=z9hG4bKfar"
    async with floor.peer(listens=True) as peer:
        _, leg = await floor.call(peer, extra=via)
        await floor.ends(leg, peer)
        assert peer.accepted == 1
    route = f"Record-Route: <sip:127.0.0.1:{{}};transport={floor.transport};lr>"
    async with floor.peer(listens=True) as peer:
        _, leg = await floor.call(peer, "sip:far@192.0.2.7", via + "\r\n" + route.format(peer.port))
        await floor.ends(leg, peer)
        assert not peer.accepted


async def test_contact_may_ask_for_another_transport(floor: Floor) -> None:
    async with SipPeer(floor.sip.bound[0][2]) as udp, floor.peer(listens=False) as peer:
        _, leg = await floor.call(peer, udp.uri + ";transport=udp")
        await floor.ends(leg, udp)


async def test_a_connection_that_is_dead_is_soon_known_to_be(floor: Floor) -> None:
    """Long before a request on it is over, nor only after the quarter of an hour that is the system's own."""
    async with floor.peer(listens=True) as peer:
        _, leg = await floor.call(peer)
        assert user_timeout_ms(peer.own_address) == 20_000
        await floor.ends(leg, peer)


def user_timeout_ms(far: object) -> int | None:
    """Of the gateway's socket, in this same process, that is connected to `far`."""
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(name))) as one:
            if one.getpeername() == far:
                return one.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    return None


async def test_our_own_contact_is_where_we_listen(floor: Floor, tmp_path: Path) -> None:
    async with floor.peer(listens=True) as peer:
        floor.sip.invite(Invite(LegId("out"), peer.uri, OFFER))
        invite = await peer.next("INVITE")
        own = f"127.0.0.1:{peer.gateway_port}"
        assert invite.headers["Contact"] == f"<sip:gateway@{own};transport={peer.transport.upper()}>"
        assert invite.headers["Via"].startswith(f"SIP/2.0/{peer.transport.upper()} {own};")
        await peer.respond(invite, "200 OK", ANSWER)
        await floor.events.next(LegAnswered)
        await peer.next("ACK")
        peer.cut()
        await peer.dialog_of(invite).request("BYE")
        assert (await floor.events.next(LegEnded)).code == 200


async def test_or_where_the_admin_says(events: Recorder) -> None:
    async with (
        running(events, advertised_address="192.0.2.5") as sip,
        SipPeer(sip.bound[0][2], "tcp") as peer,
    ):
        own = f"<sip:gateway@192.0.2.5:{sip.bound[1][2]};transport=TCP>"
        await peer.dialog().request("INVITE", OFFER)
        sip.answer((await events.next(LegOffered)).leg, ANSWER)
        assert (await peer.next("SIP/2.0 200")).headers["Contact"] == own
    async with (
        running(events, advertised_address="192.0.2.5") as sip,
        SipPeer(sip.bound[0][2], "tcp") as peer,
    ):
        own = f"<sip:gateway@192.0.2.5:{sip.bound[1][2]};transport=TCP>"
        sip.invite(Invite(LegId("out"), peer.uri, OFFER))
        invite = await peer.next("INVITE")
        assert invite.headers["Contact"] == own
        await peer.respond(invite, "486 Busy Here")


def test_who_is_the_next_hop() -> None:
    def request(vias: str, more: str = "") -> str:
        return f"INVITE x SIP/2.0\r\n{vias}\r\n{more}\r\n\r\n"

    own, far = "SIP/2.0/TCP [2001:db8::1]:5060;branch=1", "SIP/2.0/UDP far.example;branch=2"
    straight = parse_message(request(f"Via: {own}"))
    assert is_of_next_hop(straight, route_of(straight), "192.0.2.1")
    for vias in (f"Via: {own}, {far}", f"v: {own}\r\nVIA: {far}"):
        unrouted = parse_message(request(vias))
        assert not is_of_next_hop(unrouted, route_of(unrouted), "192.0.2.1")
        for route, source, expected in (
            ("<sip:[2001:DB8::1];lr>", "192.0.2.1", True),
            ("<sip:proxy@192.0.2.1:5060;lr>, <sip:[2001:db8::1];lr>", "192.0.2.1", True),
            ("<sip:other.example;lr>", "192.0.2.1", False),
        ):
            routed = parse_message(request(vias, f"Record-Route: {route}"))
            assert is_of_next_hop(routed, route_of(routed), source) is expected, route
    assert [host_of(uri) for uri in ("sips:A@B.example;x=y", "sip:b.example:5", "tel:1", "", "sip:")] == [
        "b.example",
        "b.example",
        "",
        "",
        "",
    ]
