"""re-INVITE and UPDATE both ways on established dialogs: hold, resume, refusal, glare, offers without SDP."""

from __future__ import annotations

import pytest
from sip_b2bua import Recorder
from sip_peer import ANSWER, OFFER, Dialog, SipPeer, directed, media_lines

from gateway.core.actions import Invite
from gateway.core.events import (
    LegAnswered,
    LegConfirmed,
    LegEnded,
    LegOffered,
    LegReanswered,
    LegReoffered,
    LegReofferRefused,
)
from gateway.core.model import LegId
from gateway.sip import SipEndpoint
from gateway.sip.sdptext import without_direction


@pytest.fixture(params=["they called", "we called"])
async def call(
    request: pytest.FixtureRequest, sip: SipEndpoint, peer: SipPeer, events: Recorder
) -> tuple[LegId, Dialog]:
    """An established dialog, begun by either side."""
    if request.param == "they called":
        dialog = peer.dialog()
        await dialog.request("INVITE", OFFER)
        leg = (await events.next(LegOffered)).leg
        sip.answer(leg, ANSWER)
        await dialog.acknowledge(await peer.next("SIP/2.0 200"))
        await events.next(LegConfirmed)
        return leg, dialog
    leg = LegId("ours")
    sip.invite(Invite(leg, peer.uri, OFFER))
    invite = await peer.next("INVITE")
    await peer.respond(invite, "200 OK", ANSWER)
    await peer.next("ACK")
    await events.next(LegAnswered)
    return leg, peer.dialog_of(invite)


async def test_peer_holds_and_resumes(
    sip: SipEndpoint, peer: SipPeer, events: Recorder, call: tuple[LegId, Dialog]
) -> None:
    leg, dialog = call
    for version, (offered, answered) in enumerate(
        [("sendonly", "recvonly"), ("inactive", "inactive"), ("sendrecv", "sendrecv")], 2
    ):
        offer = directed(OFFER, offered, version)
        await dialog.request("INVITE", offer)
        assert await events.next(LegReoffered) == LegReoffered(leg, offer)
        sip.answer_reoffer(leg, directed(ANSWER, answered, version))
        ok = await peer.next("SIP/2.0 200")
        assert media_lines(ok.body) == media_lines(directed(ANSWER, answered))
        await dialog.acknowledge(ok)


async def test_we_hold_and_resume(
    sip: SipEndpoint, peer: SipPeer, events: Recorder, call: tuple[LegId, Dialog]
) -> None:
    leg, _ = call
    for version, (ours, theirs) in enumerate(
        [("sendonly", "recvonly"), ("inactive", "inactive"), ("sendrecv", "sendrecv")], 2
    ):
        sip.reoffer(leg, directed(OFFER, ours, version))
        invite = await peer.next("INVITE")
        assert media_lines(invite.body) == media_lines(directed(OFFER, ours))
        answer = directed(ANSWER, theirs, version)
        await peer.respond(invite, "200 OK", answer)
        await peer.next("ACK")
        assert await events.next(LegReanswered) == LegReanswered(leg, answer)


async def test_refused_reoffer_keeps_the_session(
    sip: SipEndpoint, peer: SipPeer, events: Recorder, call: tuple[LegId, Dialog]
) -> None:
    leg, dialog = call
    await dialog.request("INVITE", directed(OFFER, "sendonly"))
    await events.next(LegReoffered)
    sip.refuse_reoffer(leg, 488)
    refusal = await peer.next("SIP/2.0 488")
    await dialog.request("ACK", cseq=int(refusal.headers["CSeq"].split()[0]))
    await dialog.request("INVITE", directed(OFFER, "inactive", 3))
    await events.next(LegReoffered)
    sip.answer_reoffer(leg, directed(ANSWER, "inactive"))
    await dialog.acknowledge(await peer.next("SIP/2.0 200"))
    assert not events.all(LegEnded)


@pytest.mark.parametrize("status", ["488 Not Acceptable Here", "491 Request Pending", "500 Oops"])
async def test_peer_refuses_our_reoffer(
    sip: SipEndpoint, peer: SipPeer, events: Recorder, call: tuple[LegId, Dialog], status: str
) -> None:
    leg, _ = call
    sip.reoffer(leg, directed(OFFER, "sendonly"))
    await peer.respond(await peer.next("INVITE"), status)
    assert await events.next(LegReofferRefused) == LegReofferRefused(leg, int(status[:3]))
    sip.reoffer(leg, directed(OFFER, "sendonly", 3))
    await peer.respond(await peer.next("INVITE"), "200 OK", directed(ANSWER, "recvonly"))
    await events.next(LegReanswered)


async def test_glare(sip: SipEndpoint, peer: SipPeer, events: Recorder, call: tuple[LegId, Dialog]) -> None:
    """RFC 3261 §14: both sides re-INVITE at once; both get 491 and the dialog lives."""
    leg, dialog = call
    sip.reoffer(leg, directed(OFFER, "sendonly"))
    ours = await peer.next("INVITE")
    await dialog.request("INVITE", directed(OFFER, "inactive"))
    await peer.next("SIP/2.0 491")
    await dialog.request("ACK", cseq=dialog.cseq)
    await peer.respond(ours, "491 Request Pending")
    assert (await events.next(LegReofferRefused)).code == 491
    assert not events.all(LegReoffered)
    await dialog.request("INVITE", directed(OFFER, "sendonly", 3))
    await events.next(LegReoffered)
    sip.answer_reoffer(leg, directed(ANSWER, "recvonly"))
    await peer.next("SIP/2.0 200")


async def test_our_reoffer_while_theirs_waits_is_refused_at_home(
    sip: SipEndpoint, peer: SipPeer, events: Recorder, call: tuple[LegId, Dialog]
) -> None:
    leg, dialog = call
    await dialog.request("INVITE", directed(OFFER, "sendonly"))
    await events.next(LegReoffered)
    sip.reoffer(leg, directed(OFFER, "inactive"))
    assert await events.next(LegReofferRefused) == LegReofferRefused(leg, 491)
    sip.answer_reoffer(leg, directed(ANSWER, "recvonly"))
    assert "a=recvonly" in (await peer.next("SIP/2.0 200")).body


async def test_cancelled_reinvite(
    sip: SipEndpoint, peer: SipPeer, events: Recorder, call: tuple[LegId, Dialog]
) -> None:
    leg, dialog = call
    branch = await dialog.request("INVITE", directed(OFFER, "sendonly"))
    await events.next(LegReoffered)
    await dialog.cancel(branch)
    await peer.next("SIP/2.0 487", also="SIP/2.0 200")
    await dialog.request("ACK", cseq=dialog.cseq)
    sip.answer_reoffer(leg, directed(ANSWER, "recvonly"))
    await dialog.request("INVITE", directed(OFFER, "inactive", 3))
    await events.next(LegReoffered)
    sip.answer_reoffer(leg, directed(ANSWER, "inactive"))
    answer = await peer.next("SIP/2.0 200")
    if "CANCEL" in answer.headers["CSeq"]:  # which may come behind the 487
        answer = await peer.next("SIP/2.0 200")
    assert "a=inactive" in answer.body
    assert not events.all(LegEnded)


async def test_reinvite_without_offer_is_given_the_session_as_it_stands(
    sip: SipEndpoint, peer: SipPeer, events: Recorder, call: tuple[LegId, Dialog]
) -> None:
    leg, dialog = call
    await dialog.request("INVITE")
    ok = await peer.next("SIP/2.0 200")
    ours = {line for line in media_lines(ok.body) if "sendrecv" not in line}
    assert ours in ({*media_lines(without_direction(sdp))} for sdp in (OFFER, ANSWER))
    await dialog.acknowledge(ok, ANSWER.replace("42000", "44000").replace("sendrecv", "sendonly"))
    event = await events.next(LegReanswered)
    assert event.leg == leg
    answered = ANSWER.replace("42000", "44000").replace("sendrecv", "sendonly")
    assert media_lines(event.sdp or "") == media_lines(answered)


async def test_update_is_answered_at_once_and_told(
    sip: SipEndpoint, peer: SipPeer, events: Recorder, call: tuple[LegId, Dialog]
) -> None:
    leg, dialog = call
    for version, (offered, answered) in enumerate(
        [("sendonly", "a=recvonly"), ("sendrecv", "a=sendrecv")], 2
    ):
        await dialog.request("UPDATE", directed(OFFER, offered, version))
        ok = await peer.next("SIP/2.0 200")
        assert "m=audio" in ok.body
        assert answered in ok.body or (answered == "a=sendrecv" and "a=recvonly" not in ok.body)
        event = await events.next(LegReoffered)
        assert event.leg == leg
        assert media_lines(event.sdp or "") == media_lines(directed(OFFER, offered))
        assert media_lines(event.answered or "") == media_lines(ok.body)
    await dialog.request("INVITE", directed(OFFER, "inactive", 9))
    await events.next(LegReoffered)
    sip.answer_reoffer(leg, directed(ANSWER, "inactive"))
    assert "a=inactive" in (await peer.next("SIP/2.0 200")).body


async def test_absurd_reinvite_leaves_the_call_alone(
    sip: SipEndpoint, peer: SipPeer, events: Recorder, call: tuple[LegId, Dialog]
) -> None:
    leg, dialog = call
    await dialog.request("INVITE", "v=0\r\nnonsense\r\n")
    await peer.next("SIP/2.0 4")
    await dialog.request("ACK", cseq=dialog.cseq)
    await dialog.request("INFO")
    await peer.next("SIP/2.0 500")  # now the ACK before it has been read too
    sip.reoffer(leg, directed(OFFER, "sendonly"))
    await peer.respond(await peer.next("INVITE"), "200 OK", directed(ANSWER, "recvonly"))
    await events.next(LegReanswered)
    assert not events.all(LegEnded)


async def test_hang_up_while_a_reoffer_waits(
    sip: SipEndpoint, peer: SipPeer, events: Recorder, call: tuple[LegId, Dialog]
) -> None:
    leg, dialog = call
    await dialog.request("INVITE", directed(OFFER, "sendonly"))
    await events.next(LegReoffered)
    sip.hang_up(leg)
    await peer.respond(await peer.next("BYE"), "200 OK")
    assert (await events.next(LegEnded)).code == 200
