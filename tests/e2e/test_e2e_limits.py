"""Past `[limits]` a new call is refused at once with 503 and Retry-After; the calls that are there go on,
and may be supervised.
"""

from __future__ import annotations

import pytest
from e2e_checks import unique_payloads
from e2e_figures import figure
from e2e_gateway import PATIENCE_S, Gateway, Settings
from e2e_house import House

from simulators import CallFailed

MOST = 2


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(max_calls=MOST, calls_per_second=20.0, retry_after_s=7)


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
