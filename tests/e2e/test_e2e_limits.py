"""Past `[limits]` a new call is refused at once with 503 and Retry-After; the calls that are there go on,
and may be supervised.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest
from e2e_checks import unique_payloads
from e2e_figures import figure
from e2e_gateway import PATIENCE_S, Gateway, Settings, until
from e2e_house import House

from simulators import CallFailed

MOST = 2
MOST_A_SECOND = 20


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(max_calls=MOST, calls_per_second=float(MOST_A_SECOND), retry_after_s=7)


async def test_one_call_too_many(house: House, gateway: Gateway) -> None:
    first = await house.conversation("2001")
    first.patient.say_payloads(unique_payloads(60, seed=51))
    first.advisor.say_payloads(unique_payloads(60, seed=52))
    second = await house.conversation("2002")
    patient = await house.phone("+447700900555")
    third = await patient.call(gateway.uri("2003"))
    with pytest.raises(CallFailed) as refused:
        await third.answered(PATIENCE_S)
    assert (refused.value.code, refused.value.headers.get("Retry-After")) == (503, "7")
    fiona = await house.supervise("*71", "2001")
    await fiona.hang_up()
    await first.exact()
    await second.patient.hang_up()
    await gateway.logged("call.ended", call=second.id)
    third = await house.conversation("2003")
    assert third.id


STRANGER = "127.0.0.66"
FLOOD = 4_000


def _flood(gateway_port: int, while_running: threading.Event) -> tuple[int, set[str]]:
    """INVITEs from an address that is no trunk's, as fast as they are answered; (how many, what came back)."""
    answers: set[str] = set()
    sent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        stranger.bind((STRANGER, 0))
        stranger.settimeout(PATIENCE_S)
        port = stranger.getsockname()[1]
        while sent < FLOOD or not while_running.is_set():
            for _ in range(20):
                sent += 1
                stranger.sendto(
                    (
                        f"INVITE sip:2001@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {STRANGER}:{port};branch=z9hG4bK{sent}\r\n"
                        f"Max-Forwards: 70\r\nFrom: <sip:{sent}@{STRANGER}>;tag={sent}\r\nTo: <sip:2001@127.0.0.1>\r\n"
                        f"Call-ID: {sent}@{STRANGER}\r\nCSeq: 1 INVITE\r\nContact: <sip:x@{STRANGER}:{port}>\r\n"
                        "Content-Length: 0\r\n\r\n"
                    ).encode(),
                    ("127.0.0.1", gateway_port),
                )
            answers |= {stranger.recv(2_000)[:11].decode() for _ in range(20)}
    return sent, answers


async def test_a_flood_of_strangers_costs_the_others_nothing(house: House, gateway: Gateway) -> None:
    """Never acknowledged, each with a call of its own: refused for their address, out of nobody's budget."""
    mark, rss = gateway.mark(), gateway.rss_bytes()
    done = threading.Event()
    flood = asyncio.get_running_loop().run_in_executor(None, _flood, gateway.sip_udp, done)
    try:
        await gateway.logged("call.refused", since=mark, code=403)
        line = await house.conversation("2001")
        line.patient.say_payloads(unique_payloads(60, seed=53))
        line.advisor.say_payloads(unique_payloads(60, seed=54))
        patient = await house.phone("+447700900555")
        codes = []
        for _ in range(MOST_A_SECOND * 3 // 4):
            with pytest.raises(CallFailed) as refused:
                await (await patient.call(gateway.uri("5555"))).answered(PATIENCE_S)
            codes.append(refused.value.code)
        await line.exact()
    finally:
        done.set()
        sent, answers = await flood
    assert set(codes) == {404}, "a call that may be made was refused for the strangers' sake"
    assert answers == {"SIP/2.0 403"}

    def told() -> list[dict[str, Any]]:
        return gateway.events("call.refused", since=mark, code=403)

    await until(lambda: sum(1 + event["others"] for event in told()), lambda count: count == sent)
    assert len(told()) < sent / 10, "a flood of log lines"
    figure(
        f"{sent} INVITEs of strangers beside real calls",
        f"all refused with 403, told by {len(told())} lines, {(gateway.rss_bytes() - rss) / 1e6:.1f} MB kept",
    )


async def test_too_many_a_second(house: House, gateway: Gateway) -> None:
    """A burst of INVITEs past the rate: what is taken is taken whole, the rest is refused before anything is
    made of it.
    """
    patient = await house.phone("+447700900555")
    mark = gateway.mark()
    calls = [await patient.call(gateway.uri("5555")) for _ in range(60)]
    codes = []
    for call in calls:
        with pytest.raises(CallFailed) as refused:
            await call.answered(PATIENCE_S)
        codes.append(refused.value.code)
        if refused.value.code == 503:
            assert refused.value.headers.get("Retry-After") == "7"
    assert set(codes) == {404, 503}
    assert len(gateway.events("call.refused", since=mark, code=404)) == codes.count(404)
    figure(
        "60 INVITEs at once, 20 a second allowed",
        f"{codes.count(404)} taken, {codes.count(503)} refused with 503 and Retry-After",
    )
