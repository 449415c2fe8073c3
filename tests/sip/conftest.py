"""A SIP endpoint on a free loopback port for each test, whose events a Recorder keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sip_b2bua import Recorder, running
from sip_peer import SipPeer

from gateway.sip import SipEndpoint


@pytest.fixture
def events() -> Recorder:
    return Recorder()


@pytest.fixture
async def sip(events: Recorder) -> AsyncIterator[SipEndpoint]:
    async with running(events) as endpoint:
        yield endpoint
    assert endpoint.stats.active_legs == 0


@pytest.fixture(params=["udp", "tcp"])
async def peer(request: pytest.FixtureRequest, sip: SipEndpoint) -> AsyncIterator[SipPeer]:
    """Both transports: every test that takes a peer runs over each."""
    async with SipPeer(sip.bound[0][2], request.param) as peer:
        yield peer
