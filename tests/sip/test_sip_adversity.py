"""Overload, a stalled loop, garbage, absurd SDP, peers that vanish, unknown dialogs, callbacks that fail."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator

import pytest
from sip_b2bua import B2bua, Recorder, running
from sip_peer import ANSWER, OFFER, SipPeer

from gateway.core.actions import Invite
from gateway.core.events import FromSignalling, LegConfirmed, LegEnded, LegOffered, LegProgress
from gateway.core.model import LegId
from gateway.sip import CommandQueueFull, SipEndpoint, SipSettings, SipStartError
from gateway.sip.call import DialogCall

ABSURD_OFFERS = {
    "not sdp": "hello there\r\n",
    "empty lines": "v=0\r\n\r\n\r\n",
    "no media": OFFER.split("m=audio")[0],
    "video only": OFFER.replace("m=audio", "m=video"),
    "codecs we lack": OFFER.replace("RTP/AVP 8 0 101", "RTP/AVP 96").replace(
        "a=rtpmap:8 PCMA/8000", "a=rtpmap:96 EVS/16000"
    ),
    "port out of range": OFFER.replace("41000", "99999999999"),
    "negative port": OFFER.replace("41000", "-5"),
    "no connection": OFFER.replace("c=IN IP4 127.0.0.1\r\n", ""),
    "no payload types": OFFER.replace("RTP/AVP 8 0 101", "RTP/AVP"),
    "forty streams": OFFER + OFFER.partition("t=0 0\r\n")[2] * 40,
    "a thousand attributes": OFFER + "a=x:y\r\n" * 1000,
    "endless line": OFFER.replace("s=-", "s=" + "x" * 9000),
    "nul bytes": OFFER.replace("s=-", "s=\0\0"),
    "no utf-8": OFFER.replace("s=-", "s=\udcff\udcfe"),
    "truncated": OFFER[:60],
    "only v": "v=0\r\n",
    "payload types of letters": OFFER.replace("8 0 101", "x y z"),
}


@pytest.fixture
async def udp(sip: SipEndpoint) -> AsyncIterator[SipPeer]:
    async with SipPeer(sip.bound[0][2]) as peer:
        yield peer


async def still_serves(sip: SipEndpoint, events: Recorder) -> None:
    """A call of another peer, from INVITE to BYE."""
    async with SipPeer(sip.bound[0][2]) as peer:
        dialog = peer.dialog("still-serves")
        await dialog.request("INVITE", OFFER)
        while (event := await events.next(LegOffered)).to_user != "still-serves":
            sip.hang_up(event.leg, 488)
        sip.answer(event.leg, ANSWER)
        await dialog.acknowledge(await peer.next("SIP/2.0 200"))
        await events.next(LegConfirmed)
        await dialog.request("BYE")
        assert await peer.next("SIP/2.0 200")


@pytest.mark.parametrize("sdp", ABSURD_OFFERS.values(), ids=ABSURD_OFFERS.keys())
async def test_absurd_offer(sip: SipEndpoint, udp: SipPeer, events: Recorder, sdp: str) -> None:
    """PJSIP refuses it, or hands it over and takes our refusal or our answer; nothing stays behind."""
    dialog = udp.dialog()
    await udp.send(
        (await _text_of_invite(udp, dialog.target, sdp)).encode(errors="surrogateescape"),
    )
    final = await udp.next("SIP/2.0 ")
    if final.start.startswith("SIP/2.0 100"):
        sip.answer((await events.next(LegOffered)).leg, ANSWER)
        final = await udp.next("SIP/2.0 ")
    assert final.start[8] in "24"
    await still_serves(sip, events)


async def _text_of_invite(peer: SipPeer, target: str, sdp: str) -> str:
    length = len(sdp.encode(errors="surrogateescape"))
    return (
        f"INVITE {target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{peer.port};branch=z9hG4bKabsurd{length}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:x@127.0.0.1>;tag=absurd\r\nTo: <{target}>\r\n"
        f"Call-ID: absurd-{peer.port}\r\nCSeq: 1 INVITE\r\nContact: <{peer.uri}>\r\n"
        f"Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{sdp}"
    )


async def test_garbage_on_the_port(sip: SipEndpoint, udp: SipPeer, events: Recorder) -> None:
    chance = random.Random(7)
    invite = (await _text_of_invite(udp, "sip:2001@127.0.0.1", OFFER)).encode()
    for number in range(300):
        await udp.send(chance.randbytes(chance.randrange(1, 1500)))
        broken = bytearray(invite.replace(b"absurd", b"g%d" % number))
        for _ in range(chance.randrange(1, 20)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        await udp.send(bytes(broken[: chance.randrange(20, len(broken) + 1)]))
        if number % 50 == 0:
            await asyncio.sleep(0)
    _, writer = await asyncio.open_connection("127.0.0.1", sip.bound[1][2])
    writer.write(chance.randbytes(100_000))
    await writer.drain()
    writer.close()
    await still_serves(sip, events)
    for event in events.all(LegOffered):
        sip.hang_up(event.leg)


@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE", "NOTIFY", "REFER", "WHATEVER", "INVITE"])
async def test_dialog_that_we_do_not_know_gets_481(sip: SipEndpoint, udp: SipPeer, method: str) -> None:
    dialog = udp.dialog()
    dialog.remote += ";tag=before-the-restart"
    await dialog.request(method, OFFER if method == "INVITE" else None)
    assert (await udp.next("SIP/2.0 481")).headers["CSeq"].endswith(method)


@pytest.mark.parametrize("stalled", [False, True], ids=["loop runs", "loop stalled"])
async def test_past_the_limit_503_at_once(events: Recorder, stalled: bool) -> None:
    asked: list[int] = []

    def refuse_when(active_legs: int) -> int | None:
        asked.append(active_legs)
        return 9 if active_legs >= 2 else None

    answers: list[tuple[str, int | None]] = []

    def call_three_times(port: int) -> None:
        """On a loop of its own: the endpoint's may stand still."""

        async def run() -> None:
            async with SipPeer(port) as peer:
                for _ in range(3):
                    await peer.dialog().request("INVITE", OFFER)
                    response = await peer.next("SIP/2.0 ")
                    answers.append((response.start[8:11], response.retry_after_s))
                response = await peer.next("SIP/2.0 503")
                answers.append(("503", response.retry_after_s))

        asyncio.run(run())

    async with running(events, refuse_when) as endpoint:
        caller = threading.Thread(target=call_three_times, args=(endpoint.bound[0][2],))
        caller.start()
        if stalled:
            caller.join(5)  # this blocks the loop
        else:
            await asyncio.get_running_loop().run_in_executor(None, caller.join, 5)
        assert answers[-1] == ("503", 9)
        assert asked == [0, 1, 2]
        assert endpoint.stats.active_legs == 2
        assert endpoint.stats.overload_refusals == 1


async def test_limit_of_the_settings(events: Recorder) -> None:
    async with (
        running(events, max_legs=1, retry_after_s=4) as endpoint,
        SipPeer(endpoint.bound[0][2]) as peer,
    ):
        await peer.dialog().request("INVITE", OFFER)
        first = await events.next(LegOffered)
        await peer.dialog().request("INVITE", OFFER)
        assert (await peer.next("SIP/2.0 503")).retry_after_s == 4
        endpoint.hang_up(first.leg, 486)
        await events.next(LegEnded)
        await peer.dialog().request("INVITE", OFFER)
        await events.next(LegOffered)


async def test_peer_killed_in_the_middle(sip: SipEndpoint, udp: SipPeer, events: Recorder) -> None:
    """Its BYE goes unanswered; the leg has ended for us at once all the same."""
    async with SipPeer(sip.bound[0][2], "tcp") as doomed:
        leg = LegId("doomed")
        sip.invite(Invite(leg, doomed.uri, OFFER))
        invite = await doomed.next("INVITE")
        await doomed.respond(invite, "200 OK", ANSWER)
        await doomed.next("ACK")
    await still_serves(sip, events)
    begun = time.monotonic()
    sip.hang_up(leg)
    while (await events.next(LegEnded)).leg != leg:
        pass
    assert time.monotonic() - begun < 10, "the BYE's own end comes after 32 s"


async def test_callback_that_fails_ends_its_leg_only(
    sip: SipEndpoint, udp: SipPeer, events: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    leg = LegId("unlucky")
    sip.invite(Invite(leg, udp.uri, OFFER))
    invite = await udp.next("INVITE")

    def break_down(*_: object) -> None:
        raise RuntimeError("on purpose")

    with monkeypatch.context() as broken:
        broken.setattr(DialogCall, "_invite_moved", break_down)
        await udp.respond(invite, "180 Ringing")
        ended = await events.next(LegEnded)
    assert (ended.leg, ended.code) == (leg, 500)
    assert not events.all(LegProgress)
    await udp.next("CANCEL")
    await still_serves(sip, events)


async def test_consumer_that_fails_loses_no_later_event(events: Recorder) -> None:
    def deliver(event: FromSignalling) -> None:
        events(event)
        raise RuntimeError("on purpose")

    async with running(deliver) as endpoint, SipPeer(endpoint.bound[0][2]) as peer:
        await peer.dialog().request("INVITE", OFFER)
        endpoint.hang_up((await events.next(LegOffered)).leg, 486)
        await events.next(LegEnded)


async def test_command_queue_is_bounded(events: Recorder) -> None:
    endpoint = SipEndpoint(SipSettings(bind_host="127.0.0.1", port=0, command_limit=3), events)
    for _ in range(3):
        endpoint.hang_up(LegId("x"))
    with pytest.raises(CommandQueueFull, match="3 commands"):
        endpoint.hang_up(LegId("x"))


async def test_stop_says_goodbye(events: Recorder) -> None:
    async with running(events, farewell_s=3) as endpoint, SipPeer(endpoint.bound[0][2]) as peer:
        await peer.dialog("offered").request("INVITE", OFFER)
        await events.next(LegOffered)
        talking = peer.dialog("talking")
        await talking.request("INVITE", OFFER)
        endpoint.answer((await events.next(LegOffered)).leg, ANSWER)
        await talking.acknowledge(await peer.next("SIP/2.0 200"))
        await events.next(LegConfirmed)
        stopping = asyncio.create_task(endpoint.stop())
        bye = await peer.next("BYE", also="SIP/2.0 503")
        await peer.respond(bye, "200 OK")
        await stopping
    await asyncio.sleep(0)
    assert len(events.all(LegEnded)) == 2


async def test_what_hinders_the_start_is_said(sip: SipEndpoint, events: Recorder) -> None:
    port = sip.bound[0][2]
    await sip.stop()
    async with SipPeer(port) as occupant:
        taken = SipEndpoint(SipSettings(bind_host="127.0.0.1", port=occupant.port), events)
        with pytest.raises(SipStartError, match=f"udp:127.0.0.1:{occupant.port}: Address already in use"):
            await taken.start()
        await taken.stop()
    async with running(events):
        with pytest.raises(SipStartError, match="already"):
            await SipEndpoint(SipSettings(bind_host="127.0.0.1", port=0), events).start()
    with pytest.raises(SipStartError, match="unknown SIP transport 'sctp'"):
        await SipEndpoint(SipSettings(bind_host="127.0.0.1", port=0, transports=("sctp",)), events).start()
    with pytest.raises(SipStartError, match="cannot listen"):
        await SipEndpoint(SipSettings(bind_host="192.0.2.77", port=0), events).start()


async def test_storm_of_calls_that_end_in_every_way(sip: SipEndpoint, udp: SipPeer, events: Recorder) -> None:
    """Objects are made and freed in every order; the process lives and no leg is left."""
    chance = random.Random(11)
    bua = B2bua(lambda event: udp.uri)
    bua.sip = sip
    seen = 0

    async def callee() -> None:
        while True:
            message = await udp.inbox.get()
            if message.start.startswith("INVITE"):
                tag = f"t{chance.randrange(1 << 30)}"
                status = chance.choice(["180 Ringing", "183 Session Progress", "200 OK", "486 Busy Here", ""])
                if status:
                    await udp.respond(message, status, ANSWER if status[:3] in ("183", "200") else None, tag)
            elif message.start.startswith(("BYE", "CANCEL")):
                await udp.respond(message, "200 OK")

    task = asyncio.create_task(callee())
    async with SipPeer(sip.bound[0][2]) as caller:
        for _ in range(150):
            dialog = caller.dialog()
            branch = await dialog.request("INVITE", OFFER)
            await asyncio.sleep(chance.choice([0, 0.001, 0.005]))
            if chance.random() < 0.5:
                await dialog.cancel(branch)
            while seen < len(events.events):
                bua.deliver(events.events[seen])
                seen += 1
        for _ in range(20):
            await asyncio.sleep(0.01)
            while seen < len(events.events):
                bua.deliver(events.events[seen])
                seen += 1
    for event in events.all(LegOffered):
        sip.hang_up(event.leg)
    await asyncio.sleep(0.2)
    while seen < len(events.events):
        bua.deliver(events.events[seen])
        seen += 1
    for _ in range(500):
        if not sip.stats.active_legs:
            break
        await asyncio.sleep(0.02)
    task.cancel()
    assert not sip.stats.active_legs
    ended = [event.leg for event in events.all(LegEnded)]
    assert len(ended) == len(set(ended))
    assert {event.leg for event in events.all(LegOffered)} <= set(ended)
