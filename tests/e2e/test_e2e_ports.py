"""RTP ports for a call and three supervisors: who comes when they are taken has 503 at once, and who is there is not harmed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket

import pytest
from e2e_checks import unique_payloads
from e2e_gateway import PATIENCE_S, Gateway, Settings
from e2e_house import FELIX, FIONA, FLORA, MONA, PATIENT, House, Line, heard_more

from simulators import CallFailed, OutgoingCall, Phone

LEGS = 5


def free_range() -> tuple[int, int]:
    """Ports for so many legs, an even one first, that nobody has."""
    for first in itertools.count(18_000, 2 * LEGS):
        with contextlib.ExitStack() as held:
            try:
                for port in range(first, first + 2 * LEGS):
                    held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)).bind(
                        ("127.0.0.1", port)
                    )
            except OSError:
                continue
            return first, first + 2 * LEGS - 1
    raise AssertionError


@pytest.fixture(scope="module")
def settings() -> Settings:
    """A released port rests for longer than the test lasts."""
    return Settings(
        max_calls=2,
        port_range=free_range(),
        port_quarantine_ms=60_000,
        trunk_media='rtcp_mux = "offer"',
        retry_after_s=7,
    )


async def refused(call: OutgoingCall) -> None:
    with pytest.raises(CallFailed) as failure:
        await call.answered(PATIENCE_S)
    assert (failure.value.code, failure.value.headers.get("Retry-After")) == (503, "7")


async def test_when_no_port_is_left_calls_are_refused_and_the_others_go_on(
    house: House, gateway: Gateway
) -> None:
    """The patient and whoever comes later have RTCP on the RTP port; the ports are pairs all the same."""
    mark = gateway.mark()
    async with Phone(PATIENT, rtcp_mux=True) as phone:
        patient = await phone.call(gateway.uri("2001"))
        advisor = await house.ring("2001")
        await advisor.answer()
        await patient.answered(PATIENCE_S)
        assert patient._media.agreed.rtcp_mux
        answered = await gateway.logged("call.answered", since=mark)
        await asyncio.gather(heard_more(patient, 2), heard_more(advisor, 2))
        line = Line(answered["call"], "2001", patient, advisor)
        patient.say_payloads(unique_payloads(60, seed=61))
        advisor.say_payloads(unique_payloads(60, seed=62))
        fiona, felix, flora = [await house.supervise("*71", who=who) for who in (FIONA, FELIX, FLORA)]
        await refused(await phone.call(gateway.uri("2002")))
        await refused(await (await house.phone(MONA)).call(gateway.uri("*712001")))
        for supervisor, user in ((fiona, "fiona"), (felix, "felix")):
            await supervisor.hang_up()
            await gateway.logged("supervisor.left", since=mark, user=user)
        await refused(await phone.call(gateway.uri("2002")))  # what was released rests
        await heard_more(flora, 10)
        await line.exact()
    (first, second) = gateway.events("call.refused", since=mark)
    assert first["code"] == second["code"] == 503
    assert "no free RTP port" in first["why"]
