"""Host names to addresses beside the loop."""

from __future__ import annotations

import asyncio

from gateway.calls.names import Names


async def looked_up(host: str, *, ipv6: bool = False) -> tuple[str | None, str]:
    names = Names(ipv6=ipv6)
    found: asyncio.Future[tuple[str | None, str]] = asyncio.get_running_loop().create_future()
    try:
        names.look_up(host, lambda ip, why: found.set_result((ip, why)))
        async with asyncio.timeout(30):
            return await found
    finally:
        names.stop()


async def test_an_address_is_itself_at_once() -> None:
    names = Names(ipv6=False)
    found: list[str | None] = []
    names.look_up("192.0.2.9", lambda ip, _: found.append(ip))
    names.look_up("2001:db8::1", lambda ip, _: found.append(ip))
    assert found == ["192.0.2.9", "2001:db8::1"]
    names.stop()


async def test_a_name() -> None:
    assert await looked_up("localhost") == ("127.0.0.1", "")


async def test_a_name_that_cannot_be_one() -> None:
    ip, why = await looked_up("a" * 64 + ".invalid")
    assert ip is None
    assert why.startswith("the name aaa")
