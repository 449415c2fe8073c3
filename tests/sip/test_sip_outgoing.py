"""We call the peer: offer, progress, answer, busy, forks, CANCEL in each state, a broken transport."""

from __future__ import annotations

import socket

import pytest
from sip_b2bua import Recorder
from sip_peer import ANSWER, OFFER, Dialog, SipPeer, media_lines

from gateway.core.actions import Invite
from gateway.core.errors import SdpError
from gateway.core.events import LegAnswered, LegEnded, LegProgress
from gateway.core.model import LegId
from gateway.sip import SipEndpoint, SipError
from gateway.sip.messages import SipMessage, parse_name_addr

LEG = LegId("advisor-leg")


async def invited(sip: SipEndpoint, peer: SipPeer, sdp: str = OFFER) -> SipMessage:
    sip.invite(Invite(LEG, peer.uri, sdp))
    return await peer.next("INVITE")


async def answered(sip: SipEndpoint, peer: SipPeer, events: Recorder) -> tuple[SipMessage, Dialog]:
    invite = await invited(sip, peer)
    await peer.respond(invite, "200 OK", ANSWER)
    await peer.next("ACK")
    await events.next(LegAnswered)
    return invite, peer.dialog_of(invite)


async def test_invite_carries_what_was_given(sip: SipEndpoint, peer: SipPeer, events: Recorder) -> None:
    sip.invite(
        Invite(
            LEG,
            peer.uri,
            OFFER,
            from_uri="sip:07700900123@caller.example",
            from_name='Anna "A" Ängström',
            headers={"X-Call": "c-17", "P-Asserted-Identity": "<sip:07700900123@caller.example>"},
        )
    )
    invite = await peer.next("INVITE")
    assert media_lines(invite.body) == media_lines(OFFER)
    assert parse_name_addr(invite.headers["From"]) == ('Anna "A" Ängström', "sip:07700900123@caller.example")
    assert invite.headers["X-Call"] == "c-17"
    assert invite.headers["P-Asserted-Identity"] == "<sip:07700900123@caller.example>"
    assert invite.uri == peer.uri
    await peer.respond(invite, "486 Busy Here")
    await events.next(LegEnded)


async def test_ring_answer_and_hang_up_by_us(sip: SipEndpoint, peer: SipPeer, events: Recorder) -> None:
    invite = await invited(sip, peer)
    await peer.respond(invite, "100 Trying")
    await peer.respond(invite, "180 Ringing")
    ringing = await events.next(LegProgress)
    assert (ringing.leg, ringing.code, ringing.reason, ringing.sdp) == (LEG, 180, "Ringing", None)
    await peer.respond(invite, "200 OK", ANSWER)
    await peer.next("ACK")
    assert await events.next(LegAnswered) == LegAnswered(LEG, ANSWER)
    sip.hang_up(LEG)
    await peer.respond(await peer.next("BYE"), "200 OK")
    assert (await events.next(LegEnded)).code == 200


async def test_hang_up_by_peer(sip: SipEndpoint, peer: SipPeer, events: Recorder) -> None:
    _, dialog = await answered(sip, peer, events)
    await dialog.request("BYE")
    await peer.next("SIP/2.0 200")
    assert await events.next(LegEnded) == LegEnded(LEG, 200, "ended by the peer")


async def test_early_media_stands_for_an_answer_without_sdp(
    sip: SipEndpoint, peer: SipPeer, events: Recorder
) -> None:
    invite = await invited(sip, peer)
    await peer.respond(invite, "183 Session Progress", ANSWER)
    assert await events.next(LegProgress) == LegProgress(LEG, 183, "Session Progress", ANSWER)
    await peer.respond(invite, "200 OK")
    assert (await events.next(LegAnswered)).sdp == ANSWER


async def test_forks_ring_and_one_answers(sip: SipEndpoint, peer: SipPeer, events: Recorder) -> None:
    invite = await invited(sip, peer)
    other = ANSWER.replace("42000", "43000")
    await peer.respond(invite, "183 Session Progress", ANSWER, tag="one")
    await peer.respond(invite, "180 Ringing", tag="two")
    await peer.respond(invite, "183 Session Progress", other, tag="two")
    assert [(await events.next(LegProgress)).sdp for _ in range(3)] == [ANSWER, None, other]
    await peer.respond(invite, "200 OK", other, tag="two")
    assert (await events.next(LegAnswered)).sdp == other
    assert (await peer.next("ACK")).to_tag == "two"


@pytest.mark.parametrize(
    "status",
    [
        "486 Busy Here",
        "603 Decline",
        "404 Not Found",
        "480 Temporarily Unavailable",
        "488 Not Acceptable Here",
        "600 Busy",
    ],
)
async def test_refusal_carries_its_code(
    sip: SipEndpoint, peer: SipPeer, events: Recorder, status: str
) -> None:
    await peer.respond(await invited(sip, peer), status)
    code, _, reason = status.partition(" ")
    assert await events.next(LegEnded) == LegEnded(LEG, int(code), reason)


async def test_overloaded_peer_says_when_to_return(sip: SipEndpoint, peer: SipPeer, events: Recorder) -> None:
    await peer.respond(await invited(sip, peer), "503 Service Unavailable", extra="Retry-After: 17 (full)")
    assert await events.next(LegEnded) == LegEnded(LEG, 503, "Service Unavailable", 17)


async def test_cancel_while_ringing(sip: SipEndpoint, peer: SipPeer, events: Recorder) -> None:
    invite = await invited(sip, peer)
    await peer.respond(invite, "180 Ringing")
    await events.next(LegProgress)
    sip.hang_up(LEG)
    assert (await events.next(LegEnded)).code == 487
    cancel = await peer.next("CANCEL")
    assert cancel.headers["Via"] == invite.headers["Via"]
    await peer.respond(cancel, "200 OK")
    await peer.respond(invite, "487 Request Terminated")
    await peer.next("ACK")


async def test_cancel_before_any_response_waits_for_one(
    sip: SipEndpoint, peer: SipPeer, events: Recorder
) -> None:
    """RFC 3261 §9.1: no CANCEL goes out before a provisional response came in."""
    invite = await invited(sip, peer)
    sip.hang_up(LEG)
    assert (await events.next(LegEnded)).code == 487
    await peer.nothing("CANCEL", 0.3)
    await peer.respond(invite, "100 Trying")
    await peer.respond(await peer.next("CANCEL"), "200 OK")
    await peer.respond(invite, "487 Request Terminated")


async def test_cancel_that_crosses_the_answer_ends_in_bye(
    sip: SipEndpoint, peer: SipPeer, events: Recorder
) -> None:
    invite = await invited(sip, peer)
    await peer.respond(invite, "180 Ringing")
    await events.next(LegProgress)
    sip.hang_up(LEG)
    cancel = await peer.next("CANCEL")
    await peer.respond(invite, "200 OK", ANSWER)
    await peer.respond(cancel, "200 OK")
    await peer.next("ACK")
    await peer.respond(await peer.next("BYE"), "200 OK")
    assert not events.all(LegAnswered)


async def test_hang_up_the_moment_it_is_answered(sip: SipEndpoint, peer: SipPeer, events: Recorder) -> None:
    await answered(sip, peer, events)
    sip.hang_up(LEG)
    sip.hang_up(LEG)
    await peer.respond(await peer.next("BYE"), "200 OK")
    assert len(events.all(LegEnded)) == 1


@pytest.mark.parametrize(
    "sdp",
    [
        ANSWER.replace("RTP/AVP 8 101", "RTP/AVP 96").replace(
            "a=rtpmap:8 PCMA/8000", "a=rtpmap:96 G7221/16000"
        ),
        ANSWER.split("m=audio")[0],
        "v=0\r\nthis is no sdp\r\n",
    ],
    ids=["codec never offered", "no media", "garbage"],
)
async def test_absurd_answer_ends_the_leg(
    sip: SipEndpoint, peer: SipPeer, events: Recorder, sdp: str
) -> None:
    invite = await invited(sip, peer)
    await peer.respond(invite, "200 OK", sdp)
    await peer.next("ACK", also="BYE")
    assert (await events.next(LegEnded)).code >= 400


async def test_port_where_nobody_listens(sip: SipEndpoint, events: Recorder) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        sip.invite(Invite(LEG, f"sip:x@127.0.0.1:{unused.getsockname()[1]};transport=tcp", OFFER))
        assert (await events.next(LegEnded)).code == 503


@pytest.mark.parametrize(
    "uri", ["not a uri", "sip:", "http://127.0.0.1/", "sip:x@127.0.0.1;transport=pigeon", ""]
)
async def test_uri_that_cannot_be_called(sip: SipEndpoint, events: Recorder, uri: str) -> None:
    sip.invite(Invite(LEG, uri, OFFER))
    ended = await events.next(LegEnded)
    assert ended.code in (400, 500, 503)
    assert ended.reason


async def test_unknown_trunk(sip: SipEndpoint, events: Recorder) -> None:
    sip.invite(Invite(LEG, "sip:x@127.0.0.1", OFFER, trunk="nowhere"))
    assert "nowhere" in (await events.next(LegEnded)).reason


async def test_bad_input_is_refused_before_it_is_queued(sip: SipEndpoint) -> None:
    with pytest.raises(SdpError, match="not a"):
        sip.invite(Invite(LEG, "sip:x@127.0.0.1", "hello"))
    with pytest.raises(SipError, match="control characters"):
        sip.invite(Invite(LEG, "sip:x@127.0.0.1", OFFER, headers={"X-A": "1\r\nEvil: 2"}))


async def test_options_within_a_call(sip: SipEndpoint, peer: SipPeer, events: Recorder) -> None:
    _, dialog = await answered(sip, peer, events)
    await dialog.request("OPTIONS")
    assert (await peer.next("SIP/2.0 ")).start.startswith("SIP/2.0 200")
    await dialog.request("BYE")
    await peer.next("SIP/2.0 200")


@pytest.mark.parametrize("where", ["c=", "a=rtcp"])
async def test_a_host_name_in_an_answer_is_not_looked_up(
    sip: SipEndpoint, peer: SipPeer, events: Recorder, where: str
) -> None:
    """Looking it up would hold all signalling up. `localhost` would be found; the call is refused all the same.
    What an a=rtcp line names is of no use to us: the call goes on without it.
    """
    invite = await invited(sip, peer)
    if where == "c=":
        sdp = ANSWER.replace("c=IN IP4 127.0.0.1", "c=IN IP4 localhost")
    else:
        sdp = ANSWER + "a=rtcp:42001 IN IP4 no-such-host.invalid\r\n"
    await peer.respond(invite, "200 OK", sdp)
    if where == "c=":
        await peer.respond(await peer.next("BYE", also="ACK"), "200 OK")
        assert (await events.next(LegEnded)).code == 488
    else:
        assert (await events.next(LegAnswered)).sdp == sdp
        sip.hang_up(LEG)
        await peer.respond(await peer.next("BYE"), "200 OK")
