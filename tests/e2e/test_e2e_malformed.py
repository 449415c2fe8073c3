"""Whatever anybody sends: it is refused, it is told in the log, and the live call does not change by a bit."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import websockets
from e2e_auditor import Auditor
from e2e_checks import unique_payloads
from e2e_figures import figure
from e2e_gateway import PATIENCE_S, Gateway, until
from e2e_house import House, Line, sent_for

from simulators import RequestFailed, rtp

WARNING = ("warning", "error")


@pytest.fixture
async def line(house: House) -> AsyncIterator[Line]:
    """A live call; after the test its every packet must have arrived as it was sent, and hold must still work."""
    line = await house.conversation("2002")
    line.patient.say_payloads(unique_payloads(100, seed=71))
    line.advisor.say_payloads(unique_payloads(100, seed=72))
    await sent_for(line.patient, 0.2)
    yield line
    await sent_for(line.patient, 0.2)
    await line.exact()
    assert line.patient.received.lost == line.advisor.received.lost == 0
    await line.advisor.hold()
    await line.patient.held(PATIENCE_S)
    await line.advisor.resume()


async def told(gateway: Gateway, since: int, what: str) -> None:
    """Wait for a line in the log that tells of a refusal."""
    await until(
        lambda: [event for event in gateway.events(since=since) if event.get("level") in WARNING],
        bool,
        complaint=f"nothing was logged of {what}",
    )


# ── RTP ──

BAD_RTP = {
    "malformed": [
        b"",
        b"\x80",
        b"\x80\x08abc",
        bytes(12),
        b"\x8f\x08" + bytes(20),
        b"\x90\x08" + bytes(10) + b"\xff\xff",
        b"\xa0\x08" + bytes(10) + b"\xff",
    ],
    "payload_type": [rtp.pack(99, False, 1, 1, 1, bytes(160))],
    "rtcp": [b"\x80\xc8" + bytes(30), b"\x81\xcb" + bytes(10)],
    "too_long": [rtp.pack(8, False, 1, 1, 1, bytes(1_400)), rtp.pack(8, False, 1, 1, 1, bytes(8_000))],
}


@pytest.mark.parametrize("reason", BAD_RTP)
async def test_bad_rtp_from_the_parties_own_address(gateway: Gateway, line: Line, reason: str) -> None:
    mark = gateway.mark()
    for data in BAD_RTP[reason]:
        line.patient.send_raw(data)
        line.advisor.send_raw(data)
    await gateway.logged("packets.refused", since=mark, reason=reason)
    await until(
        lambda: sum(event["count"] for event in gateway.events("packets.refused", since=mark, reason=reason)),
        lambda count: count == 2 * len(BAD_RTP[reason]),
        complaint=f"not every {reason} packet was counted",
    )
    assert {event["call"] for event in gateway.events("packets.refused", since=mark)} == {line.id}


async def test_random_bytes_on_the_rtp_ports(gateway: Gateway, line: Line) -> None:
    """From the parties' own sockets, of any length; version bits wrong, so that none can pass for RTP of theirs."""
    chance, mark = random.Random(5), gateway.mark()
    for _ in range(300):
        data = bytearray(chance.randbytes(chance.randrange(1, 400)))
        data[0] &= 0x3F
        line.patient.send_raw(bytes(data))
        line.advisor.send_raw(bytes(data))
    await gateway.logged("packets.refused", since=mark, reason="malformed")


@pytest.mark.parametrize("host", ["127.0.0.2", "127.0.0.1"])
async def test_a_foreign_source_cannot_speak_into_the_call(gateway: Gateway, line: Line, host: str) -> None:
    """Good RTP, with the streams' own numbers, from another address or another port."""
    mark = gateway.mark()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((host, 0))
        for call in (line.patient, line.advisor) * 5:
            last = call.sent.packets[-1]
            for ahead in range(20):
                packet = rtp.pack(
                    8, False, last.seq + ahead, last.rtp_ts + 160 * ahead, last.ssrc, os.urandom(160)
                )
                stranger.sendto(packet, call.rtp_remote)
            await sent_for(call, 0.04)
        source = [host, stranger.getsockname()[1]]
        refused = await until(
            lambda: gateway.events("packets.refused", since=mark, reason="foreign_source", source=source),
            lambda events: len({event["leg"] for event in events}) == 2,
            complaint="not told of both legs",
        )
    count = sum(event["count"] for event in refused)
    figure(
        f"200 packets of good RTP from {host}, another source",
        f"{count} or more told as foreign_source, the call's packets unchanged",
    )


# ── SIP ──

BAD_SIP = {
    "zeros": bytes(100),
    "random": random.Random(6).randbytes(1_200),
    "huge": random.Random(7).randbytes(30_000),
    "cut": b"INVITE sip:2001@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1\r\nFro",
    "no-headers": b"INVITE sip:2001@127.0.0.1 SIP/2.0\r\n\r\n",
    "length": b"INVITE sip:2001@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9\r\nContent-Length: 99999999999\r\n\r\n",
    "long-line": b"INVITE sip:" + b"x" * 9_000 + b"@127.0.0.1 SIP/2.0\r\n\r\n",
    "stray-answer": b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1\r\n\r\n",
}


async def test_garbage_on_the_sip_port(gateway: Gateway, line: Line) -> None:
    for kind, data in BAD_SIP.items():
        mark = gateway.mark()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(data, ("127.0.0.1", gateway.sip_udp))
        await told(gateway, mark, kind)


async def test_garbage_over_sip_by_tcp(gateway: Gateway, line: Line) -> None:
    mark = gateway.mark()
    for data in (*BAD_SIP.values(), random.Random(8).randbytes(200_000)):
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.sip_tcp)
        writer.write(data)
        writer.close()
    await told(gateway, mark, "garbage over TCP")
    async with asyncio.timeout(PATIENCE_S):
        from simulators import Phone

        async with Phone("pbx", transport="tcp") as phone:
            assert await phone.options(gateway.uri("ping", "tcp")) == 200


# ── SDP ──


def described(media: str, connection: str = "IN IP4 127.0.0.1") -> str:
    return f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc={connection}\r\nt=0 0\r\n{media}"


AUDIO = "m=audio 4000 RTP/AVP 8\r\n"
BAD_SDP: dict[str, str] = {
    "words": "hello",
    "binary": "v=0\0\1\2\xff" * 50,
    "no-media": described(""),
    "negative-port": described("m=audio -5 RTP/AVP 8\r\n"),
    "port-too-high": described("m=audio 99999 RTP/AVP 8\r\n"),
    "port-zero": described("m=audio 0 RTP/AVP 8\r\n"),
    "video-only": described("m=video 4000 RTP/AVP 31\r\n"),
    "unknown-codec": described("m=audio 4000 RTP/AVP 99\r\na=rtpmap:99 FOO/8000\r\n"),
    "no-address": described(AUDIO).replace("c=IN IP4 127.0.0.1\r\n", ""),
    "multicast": described(AUDIO, "IN IP4 224.1.1.1"),
    "broadcast": described(AUDIO, "IN IP4 255.255.255.255"),
    "address-of-words": described(AUDIO, "IN IP4 exa mple"),
    "other-family": described(AUDIO, "IN IP6 ::1"),
    "two-hundred-streams": described(AUDIO * 200),
}


async def test_absurd_sdp_in_an_invite(house: House, gateway: Gateway, line: Line) -> None:
    phone = await house.phone("+447700900555")
    for kind, sdp in BAD_SDP.items():
        mark = gateway.mark()
        call = await phone.call(gateway.uri("2001"), sdp=sdp)
        code = await call.progress(PATIENCE_S)
        assert code in (400, 415, 488), kind
        await call.ended(PATIENCE_S)
        if kind != "no-media":
            await told(gateway, mark, kind)


async def test_absurd_sdp_in_a_reinvite(line: Line) -> None:
    for kind, sdp in BAD_SDP.items():
        with pytest.raises(RequestFailed) as refused:
            await line.patient.reinvite(sdp=sdp, timeout=PATIENCE_S)
        assert refused.value.code in (400, 415, 488), kind


async def test_a_refused_reinvite_that_adds_a_stream_costs_nothing(house: House) -> None:
    """Someone asks for video, the advisor's phone refuses; the patient's own hold works afterwards all the same."""
    line = await house.conversation()
    line.patient.say_payloads(unique_payloads(60, seed=73))
    own = line.patient.rtp_local[1]
    line.advisor.on_reinvite = lambda request: 488
    with pytest.raises(RequestFailed) as refused:
        await line.patient.reinvite(sdp=described(f"m=audio {own} RTP/AVP 8\r\nm=video 4002 RTP/AVP 31\r\n"))
    assert refused.value.code == 488
    line.advisor.on_reinvite = None
    await line.patient.hold()
    await line.advisor.held(PATIENCE_S)
    await line.patient.resume()
    await line.advisor.resumed(PATIENCE_S)
    await line.settle()
    assert line.to_advisor.unheard == 0
    assert line.advisor.received.lost == 0


# ── WebSocket and HTTP ──

SOCKETS: dict[str, Callable[[Line], str]] = {
    "audio": lambda line: f"/api/calls/{line.id}/audio",
    "events": lambda line: "/api/events",
}


@pytest.mark.parametrize("path", SOCKETS)
@pytest.mark.parametrize(
    ("message", "code"),
    [(b"\x00\xff" * 50, 1003), ("hello", 1003), (b"x" * 100_000, 1009)],
    ids=["binary", "text", "oversized"],
)
async def test_a_listener_has_nothing_to_say(
    gateway: Gateway, line: Line, path: str, message: bytes | str, code: int
) -> None:
    mark = gateway.mark()
    async with Auditor(gateway, line.id) as other:
        async with websockets.connect(gateway.websocket_url(SOCKETS[path](line)), max_size=None) as talkative:
            await talkative.recv()
            await talkative.send(message)
            with pytest.raises(websockets.ConnectionClosed) as closed:
                async with asyncio.timeout(PATIENCE_S):
                    while True:
                        await talkative.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code
        await gateway.logged("web.message_refused", since=mark, user="fiona")
        frames = len(other.frames)
        await until(
            lambda: len(other.frames),
            lambda count: count > frames + 5,
            complaint="the other auditor hears nothing more",
        )
    assert other.complaints == []


async def test_garbage_on_the_web_port(gateway: Gateway, line: Line) -> None:
    for data in (
        bytes(2_000),
        random.Random(9).randbytes(70_000),
        b"GET /api/events HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
        b"GET " + b"/" * 100_000,
    ):
        _, writer = await asyncio.open_connection(*gateway.web_address)
        writer.write(data)
        writer.close()
    async with httpx.AsyncClient(base_url=gateway.url, timeout=PATIENCE_S) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/api/calls", headers={"Authorization": "Bearer \x01"})).status_code == 401
        assert (await client.post("/api/alerts", content=b"\xff" * 100)).status_code in (401, 422)
