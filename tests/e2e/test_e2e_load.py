"""Many calls at once, by SIPp: none fails, no packet is missing; and what is too much is refused in time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest
from e2e_checks import unique_payloads
from e2e_figures import figure
from e2e_gateway import PATIENCE_S, Gateway, free_port, until
from e2e_house import House
from e2e_sipp import Calls, RtpCounter, answerers, callers, needs_sipp

from simulators import CallFailed, Phone


@needs_sipp
async def test_two_hundred_calls_at_twenty_a_second_and_none_fails(gateway: Gateway, tmp_path: Path) -> None:
    """Each with RTP both ways; beside them one call whose every byte is compared."""
    wanted = Calls(numbers=tuple(str(2001 + n) for n in range(20)), calls=200, rate=20, seconds=11)
    async with RtpCounter(free_port()) as counter, House(gateway, home=False) as house:
        async with answerers(tmp_path / "advisors", gateway.ports.home, counter.port):
            line = await house.conversation("3001", transport="tcp")
            line.patient.say_payloads(unique_payloads(100, seed=41))
            line.advisor.say_payloads(unique_payloads(100, seed=42))
            mark = gateway.mark()
            async with callers(tmp_path / "patients", gateway.sip_udp, wanted) as sipp:
                most = await until(
                    gateway.calls, lambda calls: len(calls) == wanted.calls + 1, 60, "not all calls are up"
                )
                result = await sipp.result()
            assert len(gateway.events("call.answered", since=mark)) == wanted.calls
        to_patient, to_advisor = await line.exact()
        await line.patient.hang_up()
        streams = await counter.counted()
    packets = [stream["packets"] for stream in streams]
    assert len(streams) == wanted.calls
    assert sum(stream["missing"] for stream in streams) == 0, [
        stream for stream in streams if stream["missing"]
    ]
    assert min(packets) > wanted.seconds * 50 * 0.5
    figure(
        "SIPp: 200 calls at 20 a second, each with RTP",
        f"{result.successful} of {result.created} succeeded, {result.retransmissions} retransmissions, {len(most)} at once; "
        f"{sum(packets)} packets to the advisors, 0 missing; the call beside them: {to_patient.heard + to_advisor.heard} unchanged, "
        f"transit p50 {to_patient.p50_ms:.2f} ms, p99 {to_patient.p99_ms:.2f} ms",
    )


async def test_a_storm_of_cancels(house: House, gateway: Gateway) -> None:
    """Four times sixty callers who give up at any moment, some just as they are answered; everything is taken down on both sides."""
    chance = random.Random(7)
    line = await house.conversation("3001", transport="tcp")
    line.patient.say_payloads(unique_payloads(60, seed=43))
    line.advisor.say_payloads(unique_payloads(60, seed=44))
    mark = gateway.mark()
    phone = await house.phone("+447700900999")
    house.home.on_incoming = "ring"

    async def one(number: int) -> str:
        call = await phone.call(gateway.uri(f"20{1 + number % 20:02}"))
        kind = number % 3
        if kind == 0:
            return (await call.hang_up(timeout=PATIENCE_S)).reason
        try:
            async with asyncio.timeout(PATIENCE_S):
                while await call.progress() != 180:
                    pass
        except CallFailed as error:
            return str(error.code)
        if kind == 2:
            incoming = next(
                ring for ring in house.home.calls if ring.state.value == "ringing" and not ring.state.over
            )
            answering = asyncio.ensure_future(incoming.answer())
            await asyncio.sleep(chance.random() * 0.01)
            await asyncio.gather(answering, return_exceptions=True)
        return (await call.hang_up(timeout=PATIENCE_S)).reason

    async def storm() -> list[str]:
        return await asyncio.gather(*(one(number) for number in range(60)))

    reasons: Counter[str] = Counter()
    for _ in range(4):
        reasons.update(await storm())
    await until(
        gateway.calls,
        lambda calls: [call["id"] for call in calls] == [line.id],
        complaint="calls are left behind",
    )
    await until(
        lambda: [call for call in house.home.calls if not call.state.over],
        lambda live: not live,
        complaint="advisors still ring",
    )
    started, ended = (len(gateway.events(kind, since=mark)) for kind in ("call.ringing", "call.ended"))
    assert started == ended
    to_patient, to_advisor = await line.exact()
    figure(
        "four CANCEL storms of 60 calls",
        f"{dict(reasons)}; none left on either side; {to_patient.heard + to_advisor.heard} packets of a live call unchanged",
    )


@pytest.mark.parametrize(
    ("code", "seen"), [(486, 486), (603, 603), (480, 480), (404, 404), (503, 503), (401, 502), (415, 488)]
)
async def test_a_refusal_is_carried_back(house: House, gateway: Gateway, code: int, seen: int) -> None:
    patient = await house.phone("+447700900123")
    call = await patient.call(gateway.uri("2001"))
    incoming = await house.home.incoming(PATIENCE_S)
    headers = {"Retry-After": "9"} if code == 503 else {}
    await incoming.refuse(code, headers=headers)
    with pytest.raises(CallFailed) as refused:
        await call.answered(PATIENCE_S)
    assert refused.value.code == seen
    if code == 503:
        assert refused.value.headers.get("Retry-After") == "9"


async def test_the_caller_hangs_up_while_it_rings(house: House, gateway: Gateway) -> None:
    patient = await house.phone("+447700900123")
    call = await patient.call(gateway.uri("2001"))
    incoming = await house.ring("2001")
    assert await call.progress(PATIENCE_S) == 180
    assert (await call.cancel(PATIENCE_S)).code == 487
    assert (await incoming.ended(PATIENCE_S)).by == "remote"


async def test_an_unknown_number_is_refused(house: House, gateway: Gateway) -> None:
    mark = gateway.mark()
    assert await house.refused("5555", who="+447700900123") == 404
    refused = await gateway.logged("call.refused", since=mark)
    assert (refused["code"], refused["to"], refused["caller"]) == (404, "5555", "**********123")


async def test_options_are_answered(gateway: Gateway) -> None:
    for transport in ("udp", "tcp"):
        async with Phone("pbx", transport=transport) as phone:
            assert await phone.options(gateway.uri("ping", transport)) == 200
