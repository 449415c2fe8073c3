"""Who may not call at all is refused for their address, before anything is made of it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from sip_b2bua import Recorder, running
from sip_peer import ANSWER, OFFER, SipPeer

from gateway.core.events import LegConfirmed, LegOffered, StrangerRefused
from gateway.sip import library


class NobodyAtFirst:
    """A door that knows nobody until it is told to; every third stranger is to be told."""

    def __init__(self) -> None:
        self.open = False
        self.asked: list[str] = []
        self._count = 0

    def knows(self, host: str, names: Iterable[str] = ()) -> bool:
        assert not tuple(names), "nobody here has a certificate"
        self.asked.append(host)
        return self.open

    def may_connect(self, host: str) -> bool:
        return self.open

    def turned_away(self) -> int | None:
        self._count += 1
        return 2 if self._count % 3 == 0 else None


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("asks", [True, False], ids=["our build", "the ready wheel"])
async def test_strangers_have_403_and_leave_nothing(
    events: Recorder, monkeypatch: pytest.MonkeyPatch, transport: str, asks: bool
) -> None:
    if not asks:
        monkeypatch.setattr(library, "ask_before_calls", lambda judge: False)
    door = NobodyAtFirst()

    def refuse_when(active_legs: int) -> int | None:
        assert door.open, "a stranger came so far"
        return None

    async with (
        running(events, refuse_when, door) as endpoint,
        SipPeer(endpoint.bound[0][2], transport) as peer,
    ):
        for _ in range(3):
            await peer.dialog("*712001").request("INVITE", OFFER)
            assert (await peer.next("SIP/2.0 403")).to_tag
        told = await events.next(StrangerRefused)
        assert (told.source[0], told.to_user, told.others) == ("127.0.0.1", "*712001", 2)
        assert told.from_uri.startswith("sip:alice@127.0.0.1")
        assert (endpoint.stats.strangers_refused, endpoint.stats.active_legs) == (3, 0)
        assert endpoint.stats.overload_refusals == 0
        assert not events.all(LegOffered)
        if asks:
            assert library.calls_in_use() == 0
        door.open = True
        dialog = peer.dialog()
        await dialog.request("INVITE", OFFER)
        endpoint.answer((await events.next(LegOffered)).leg, ANSWER)
        await dialog.acknowledge(await peer.next("SIP/2.0 200"))
        await events.next(LegConfirmed)
        assert door.asked == ["127.0.0.1"] * 4
        await dialog.request("BYE")
        await peer.next("SIP/2.0 200")
