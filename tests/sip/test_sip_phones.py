"""Two simulated phones, a stack of their own, call each other through a two-leg B2BUA."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sip_b2bua import B2bua, running

from simulators.errors import CallFailed, RequestFailed
from simulators.incoming import IncomingCall
from simulators.outgoing import OutgoingCall
from simulators.phone import Phone

PATIENCE_S = 20.0


class Two:
    """A patient's phone and an advisor's, either side of the gateway."""

    def __init__(self, caller: Phone, advisor: Phone, gateway_port: int) -> None:
        self.caller = caller
        self.advisor = advisor
        suffix = ";transport=tcp" if caller.transport == "tcp" else ""
        self.target = f"sip:2001@127.0.0.1:{gateway_port}{suffix}"

    async def dial(self, *, late_offer: bool = False) -> tuple[OutgoingCall, IncomingCall]:
        outgoing = await self.caller.call(self.target, late_offer=late_offer)
        return outgoing, await self.advisor.incoming(timeout=PATIENCE_S)

    async def talk(self, *, late_offer: bool = False) -> tuple[OutgoingCall, IncomingCall]:
        outgoing, incoming = await self.dial(late_offer=late_offer)
        await incoming.ring()
        assert await outgoing.progress(timeout=PATIENCE_S) == 180
        await incoming.answer()
        await outgoing.answered(timeout=PATIENCE_S)
        await incoming.established(timeout=PATIENCE_S)
        return outgoing, incoming


@pytest.fixture(params=["udp", "tcp"])
async def two(request: pytest.FixtureRequest) -> AsyncIterator[Two]:
    transport = request.param
    async with (
        Phone(user="advisor", transport=transport) as advisor,
        Phone(user="patient", transport=transport) as caller,
    ):
        bua = B2bua(lambda event: advisor.uri)
        async with running(bua.deliver) as bua.sip:
            yield Two(caller, advisor, bua.sip.bound[0][2])
            for phone in (caller, advisor):
                for call in phone.calls:
                    if not call.state.over:
                        await call.hang_up(timeout=PATIENCE_S)


@pytest.mark.parametrize("who", ["caller", "advisor"])
async def test_either_side_hangs_up(two: Two, who: str) -> None:
    outgoing, incoming = await two.talk()
    first, other = (outgoing, incoming) if who == "caller" else (incoming, outgoing)
    await first.hang_up(timeout=PATIENCE_S)
    await other.ended(timeout=PATIENCE_S)


@pytest.mark.parametrize("code", [486, 603, 404, 480, 503])
async def test_refusal_comes_back_to_the_caller(two: Two, code: int) -> None:
    outgoing, incoming = await two.dial()
    await incoming.refuse(code)
    assert (await outgoing.ended(timeout=PATIENCE_S)).code == code


async def test_caller_gives_up_while_it_rings(two: Two) -> None:
    outgoing, incoming = await two.dial()
    await incoming.ring()
    await outgoing.progress(timeout=PATIENCE_S)
    await outgoing.cancel(timeout=PATIENCE_S)
    assert (await incoming.ended(timeout=PATIENCE_S)).code == 487


async def test_early_media_then_answer(two: Two) -> None:
    outgoing, incoming = await two.dial()
    await incoming.early()
    assert await outgoing.progress(timeout=PATIENCE_S) == 183
    assert outgoing.remote_sdp
    await incoming.answer()
    await outgoing.answered(timeout=PATIENCE_S)


@pytest.mark.parametrize("who", ["caller", "advisor"])
async def test_hold_and_resume_reach_the_other_side(two: Two, who: str) -> None:
    outgoing, incoming = await two.talk()
    holder, held = (outgoing, incoming) if who == "caller" else (incoming, outgoing)
    for _ in range(3):
        await holder.hold()
        await held.held(timeout=PATIENCE_S)
        await holder.resume()
        await held.resumed(timeout=PATIENCE_S)


async def test_call_without_an_offer(two: Two) -> None:
    outgoing, incoming = await two.talk(late_offer=True)
    assert outgoing.remote_sdp
    assert incoming.remote_sdp


async def test_address_of_the_media_passes_through(two: Two) -> None:
    outgoing, incoming = await two.talk()
    assert outgoing.remote_sdp is not None
    assert incoming.remote_sdp is not None
    ports = {
        line.split()[1]
        for line in (outgoing.remote_sdp + incoming.remote_sdp).splitlines()
        if line[:2] == "m="
    }
    assert len(ports) == 2


async def test_a_party_cannot_have_the_gateway_call_a_third(two: Two) -> None:
    """REFER: PJSIP by itself would call whoever is named, with this leg's media."""
    outgoing, incoming = await two.talk()
    async with Phone(user="stranger") as stranger:
        for call in (outgoing, incoming):
            with pytest.raises(RequestFailed) as refused:
                await call.request("REFER", headers={"Refer-To": f"<{stranger.uri}>"})
            assert refused.value.code == 603
        assert not stranger.calls
    await outgoing.hang_up(timeout=PATIENCE_S)
    await incoming.ended(timeout=PATIENCE_S)


async def test_nobody_can_put_themselves_in_a_legs_place(two: Two) -> None:
    """INVITE with Replaces (RFC 3891), the tags right: the newcomer is refused and the call goes on."""
    outgoing, incoming = await two.talk()
    replaces = (
        f"{incoming.dialog.call_id};to-tag={incoming.dialog.remote_tag};from-tag={incoming.dialog.local_tag}"
    )
    async with Phone(user="stranger", transport=two.advisor.transport) as stranger:
        newcomer = await stranger.call(two.target, headers={"Replaces": replaces})
        with pytest.raises(CallFailed) as refused:
            await newcomer.answered(timeout=PATIENCE_S)
        assert refused.value.code == 488
    assert not outgoing.state.over
    assert not incoming.state.over
    await outgoing.hang_up(timeout=PATIENCE_S)
    await incoming.ended(timeout=PATIENCE_S)


async def test_nothing_can_be_subscribed_to(two: Two) -> None:
    answer = await two.caller.request(
        "SUBSCRIBE", two.target, headers={"Event": "presence", "Expires": "3600"}
    )
    assert answer.code == 489
