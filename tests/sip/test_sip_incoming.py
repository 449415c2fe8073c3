"""The peer calls us: offer, early media, answer, refusal, CANCEL, late offer."""

from __future__ import annotations

import asyncio

import pytest
from sip_b2bua import Recorder
from sip_peer import ANSWER, OFFER, Dialog, SipPeer, directed, media_lines

from gateway.core.actions import Invite
from gateway.core.events import LegConfirmed, LegEnded, LegInfoDigit, LegOffered
from gateway.core.model import LegId
from gateway.sip import SipEndpoint


async def offered(
    peer: SipPeer, events: Recorder, sdp: str | None = OFFER, extra: str = ""
) -> tuple[Dialog, str, LegOffered]:
    dialog = peer.dialog()
    branch = await dialog.request("INVITE", sdp, extra)
    return dialog, branch, await events.next(LegOffered)


async def test_offer_comes_through_exactly(sip: SipEndpoint, peer: SipPeer, events: Recorder) -> None:
    extra = (
        "P-Asserted-Identity: <sip:5550100@pbx>\r\nX-Team: red\r\nd: x\r\n"
        "Diversion: <sip:111@pbx>;reason=unconditional"
    )
    dialog, _, event = await offered(peer, events, extra=extra)
    assert event.sdp == OFFER
    assert event.from_name == "Alice A"
    assert event.from_uri == f"sip:alice@127.0.0.1:{peer.port}"
    assert event.to_user == "2001"
    assert event.to_uri == dialog.target
    assert event.transport == peer.transport
    assert event.source[0] == "127.0.0.1"
    assert peer.transport == "tcp" or event.source[1] == peer.port
    assert event.headers["P-Asserted-Identity"] == "<sip:5550100@pbx>"
    assert event.headers["X-Team"] == "red"
    assert event.headers["Diversion"] == "<sip:111@pbx>;reason=unconditional"
    assert event.headers["Call-ID"] == dialog.call_id
    sip.hang_up(event.leg)
    assert (await peer.next("SIP/2.0 603")).to_tag


async def test_ring_answer_and_hang_up_by_us(sip: SipEndpoint, peer: SipPeer, events: Recorder) -> None:
    dialog, _, event = await offered(peer, events)
    await peer.next("SIP/2.0 100")
    sip.progress(event.leg, 180)
    assert not (await peer.next("SIP/2.0 180")).body
    sip.answer(event.leg, ANSWER)
    ok = await peer.next("SIP/2.0 200")
    assert media_lines(ok.body) == media_lines(ANSWER)
    await dialog.acknowledge(ok)
    assert (await events.next(LegConfirmed)).sdp is None
    sip.hang_up(event.leg)
    assert (await events.next(LegEnded)).code == 200
    await peer.respond(await peer.next("BYE"), "200 OK")


async def test_hang_up_by_peer(sip: SipEndpoint, peer: SipPeer, events: Recorder) -> None:
    dialog, _, event = await offered(peer, events)
    sip.answer(event.leg, ANSWER)
    await dialog.acknowledge(await peer.next("SIP/2.0 200"))
    await events.next(LegConfirmed)
    await dialog.request("BYE")
    await peer.next("SIP/2.0 200")
    ended = await events.next(LegEnded)
    assert (ended.leg, ended.code) == (event.leg, 200)


async def test_early_media_then_the_same_answer(sip: SipEndpoint, peer: SipPeer, events: Recorder) -> None:
    dialog, _, event = await offered(peer, events)
    sip.progress(event.leg, 183, ANSWER)
    early = await peer.next("SIP/2.0 183")
    assert media_lines(early.body) == media_lines(ANSWER)
    sip.progress(event.leg, 180)
    await peer.next("SIP/2.0 180")
    sip.answer(event.leg, ANSWER)
    ok = await peer.next("SIP/2.0 200")
    assert ok.body == early.body
    await dialog.acknowledge(ok)
    await events.next(LegConfirmed)


async def test_late_offer(sip: SipEndpoint, peer: SipPeer, events: Recorder) -> None:
    dialog, _, event = await offered(peer, events, sdp=None)
    assert event.sdp is None
    sip.progress(event.leg, 180)
    sip.answer(event.leg, OFFER)
    ok = await peer.next("SIP/2.0 200")
    assert media_lines(ok.body) == media_lines(OFFER)
    await dialog.acknowledge(ok, ANSWER)
    assert (await events.next(LegConfirmed)).sdp == ANSWER


@pytest.mark.parametrize(
    ("code", "retry"), [(486, None), (603, None), (404, None), (480, None), (503, 7), (488, None)]
)
async def test_refusal_carries_its_code(
    sip: SipEndpoint, peer: SipPeer, events: Recorder, code: int, retry: int | None
) -> None:
    _, _, event = await offered(peer, events)
    sip.hang_up(event.leg, code, retry_after_s=retry)
    answer = await peer.next(f"SIP/2.0 {code}")
    assert answer.retry_after_s == retry
    assert (await events.next(LegEnded)).code == code


@pytest.mark.parametrize("after", ["offer", "ringing", "early media"])
async def test_cancel_by_peer(sip: SipEndpoint, peer: SipPeer, events: Recorder, after: str) -> None:
    dialog, branch, event = await offered(peer, events)
    if after == "ringing":
        sip.progress(event.leg, 180)
        await peer.next("SIP/2.0 180")
    elif after == "early media":
        sip.progress(event.leg, 183, ANSWER)
        await peer.next("SIP/2.0 183")
    await dialog.cancel(branch)
    ended = await events.next(LegEnded)
    assert (ended.leg, ended.code) == (event.leg, 487)
    answers = {(await peer.next("SIP/2.0")).start[8:11] for _ in range(3 if after == "offer" else 2)}
    assert {"200", "487"} <= answers
    sip.answer(event.leg, ANSWER)
    sip.hang_up(event.leg)


async def test_cancel_that_crosses_our_answer(sip: SipEndpoint, peer: SipPeer, events: Recorder) -> None:
    dialog, branch, event = await offered(peer, events)
    sip.answer(event.leg, ANSWER)
    ok = await peer.next("SIP/2.0 200")
    await dialog.cancel(branch)
    await dialog.acknowledge(ok)
    assert (await events.next(LegConfirmed)).leg == event.leg
    await dialog.request("BYE")
    assert (await events.next(LegEnded)).code == 200


async def test_direction_of_our_answer_is_kept(sip: SipEndpoint, peer: SipPeer, events: Recorder) -> None:
    _, _, event = await offered(peer, events, sdp=directed(OFFER, "sendonly"))
    sip.answer(event.leg, directed(ANSWER, "recvonly"))
    assert "a=recvonly" in (await peer.next("SIP/2.0 200")).body


async def test_commands_for_a_leg_that_is_gone_are_ignored(
    sip: SipEndpoint, peer: SipPeer, events: Recorder
) -> None:
    _, _, event = await offered(peer, events)
    sip.hang_up(event.leg, 486)
    await events.next(LegEnded)
    sip.progress(event.leg, 180)
    sip.answer(event.leg, ANSWER)
    sip.reoffer(event.leg, OFFER)
    sip.answer_reoffer(event.leg, ANSWER)
    sip.refuse_reoffer(event.leg)
    sip.hang_up(event.leg)
    await asyncio.sleep(0.1)
    assert len(events.all(LegEnded)) == 1


async def test_key_by_info(sip: SipEndpoint, peer: SipPeer, events: Recorder) -> None:
    dialog, _, event = await offered(peer, events)
    sip.answer(event.leg, ANSWER)
    await dialog.acknowledge(await peer.next("SIP/2.0 200"))
    body = "Signal=5\r\nDuration=160\r\n"
    dialog.cseq += 1
    via = f"SIP/2.0/{peer.transport.upper()} 127.0.0.1:{peer.port};branch=z9hG4bKinfo{peer.port}"
    await peer.send(
        f"INFO {dialog.target} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\n"
        f"From: {dialog.local}\r\nTo: {dialog.remote}\r\n"
        f"Call-ID: {dialog.call_id}\r\nCSeq: {dialog.cseq} INFO\r\nContent-Type: application/dtmf-relay\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
    await peer.next("SIP/2.0 200")
    assert (await events.next(LegInfoDigit)).digit == "5"


async def test_options_of_any_user_is_answered(sip: SipEndpoint, peer: SipPeer) -> None:
    for user in ("gateway", "nobody-here"):
        await peer.dialog(user).request("OPTIONS")
        assert "INVITE" in (await peer.next("SIP/2.0 200")).headers["Allow"]


async def test_options_within_a_call(sip: SipEndpoint, peer: SipPeer, events: Recorder) -> None:
    """Some phones and SBCs ask so whether the call is still alive."""
    dialog, _, event = await offered(peer, events)
    sip.answer(event.leg, ANSWER)
    await dialog.acknowledge(await peer.next("SIP/2.0 200"))
    await events.next(LegConfirmed)
    for _ in range(3):
        await dialog.request("OPTIONS")
        answer = await peer.next("SIP/2.0 ")
        assert answer.start.startswith("SIP/2.0 200")
        assert answer.headers["CSeq"].endswith("OPTIONS")
    sip.hang_up(event.leg)
    await peer.respond(await peer.next("BYE"), "200 OK")
    await events.next(LegEnded)


async def test_control_characters_in_a_header_do_not_cost_the_call(
    sip: SipEndpoint, peer: SipPeer, events: Recorder
) -> None:
    """PJSIP's parser takes a bare CR and a blank for a folded line; what is carried on is one line."""
    _, _, event = await offered(peer, events, extra="Diversion: <sip:111@pbx>\r ;reason=away\x01\x7f;x=1")
    assert event.headers["Diversion"] == "<sip:111@pbx>  ;reason=away ;x=1"
    async with SipPeer(sip.bound[0][2]) as called:
        sip.invite(
            Invite(LegId("called"), called.uri, OFFER, headers={"Diversion": event.headers["Diversion"]})
        )
        invite = await called.next("INVITE")
        assert invite.headers["Diversion"] == event.headers["Diversion"]
        sip.hang_up(LegId("called"))
        await called.respond(invite, "487 Request Terminated")
    sip.hang_up(event.leg)
    await peer.next("SIP/2.0 603")
