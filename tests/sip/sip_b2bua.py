"""A back-to-back user agent on `core.ports` alone. It passes SDP through: peers see what signalling does.

Also a program, for load and memory figures:
 `python tests/sip/sip_b2bua.py --port 5070 --target 127.0.0.1:5080 --seconds 30`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import logging
import os
import resource
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from gateway.core.actions import Invite
from gateway.core.events import (
    FromSignalling,
    LegAnswered,
    LegConfirmed,
    LegEnded,
    LegOffered,
    LegProgress,
    LegReanswered,
    LegReoffered,
    LegReofferRefused,
)
from gateway.core.model import LegId
from gateway.core.ports import Door
from gateway.sip import SipEndpoint, SipSettings

Event = TypeVar("Event", bound=FromSignalling)

OUR_OFFER = (
    "v=0\r\no=- 7 7 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
)


class Recorder:
    """Keeps every event and lets a test wait for the next of a kind."""

    def __init__(self) -> None:
        self.events: list[FromSignalling] = []
        self._seen = 0
        self._news = asyncio.Event()

    def __call__(self, event: FromSignalling) -> None:
        self.events.append(event)
        self._news.set()

    async def next(self, kind: type[Event], within_s: float = 20.0) -> Event:
        """The next event of `kind` that no earlier `next` has passed over or returned."""
        async with asyncio.timeout(within_s):
            while True:
                while self._seen < len(self.events):
                    event = self.events[self._seen]
                    self._seen += 1
                    if isinstance(event, kind):
                        return event
                self._news.clear()
                await self._news.wait()

    def all(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@contextlib.asynccontextmanager
async def running(
    deliver: Callable[[FromSignalling], None],
    refuse_when: Callable[[int], int | None] | None = None,
    door: Door | None = None,
    **settings: Any,
) -> AsyncIterator[SipEndpoint]:
    """A SIP endpoint on a free port. PJSIP_LOG_LEVEL=5 with pytest -o log_level=DEBUG shows each message."""
    level = int(os.environ.get("PJSIP_LOG_LEVEL", "3"))
    settings = {"bind_host": "127.0.0.1", "port": 0, "farewell_s": 0.05, "log_level": level} | settings
    endpoint = SipEndpoint(SipSettings(**settings), deliver, refuse_when=refuse_when, door=door)
    await endpoint.start()
    try:
        yield endpoint
    finally:
        await endpoint.stop()


class B2bua:
    """Two legs a call; give `deliver` to the endpoint, then set `sip`."""

    def __init__(
        self, target: Callable[[LegOffered], str], *, watch: Callable[[FromSignalling], None] | None = None
    ) -> None:
        self.sip: SipEndpoint
        self.ended = 0
        self._target = target
        self._watch = watch
        self._peer: dict[LegId, LegId] = {}
        self._unanswered: set[LegId] = set()
        self._number = itertools.count(1)

    def deliver(self, event: FromSignalling) -> None:
        if self._watch:
            self._watch(event)
        match event:
            case LegOffered():
                self._offered(event)
            case LegProgress(leg=leg, code=code, sdp=sdp) if leg in self._peer:
                self.sip.progress(self._peer[leg], code, sdp)
            case LegAnswered(leg=leg, sdp=sdp) if leg in self._peer:
                self._unanswered.discard(self._peer[leg])
                self.sip.answer(self._peer[leg], sdp or OUR_OFFER)
            case LegConfirmed():
                pass
            case LegReoffered(leg=leg, sdp=sdp) if leg in self._peer:
                self.sip.reoffer(self._peer[leg], sdp or OUR_OFFER)
            case LegReanswered(leg=leg, sdp=sdp) if leg in self._peer:
                self.sip.answer_reoffer(self._peer[leg], sdp or OUR_OFFER)
            case LegReofferRefused(leg=leg, code=code) if leg in self._peer:
                self.sip.refuse_reoffer(self._peer[leg], code)
            case LegEnded():
                self._ended(event)

    def _offered(self, event: LegOffered) -> None:
        far = LegId(f"far-{next(self._number)}")
        self._peer[event.leg], self._peer[far] = far, event.leg
        self._unanswered.add(event.leg)
        self.sip.invite(
            Invite(
                far,
                self._target(event),
                event.sdp or OUR_OFFER,
                from_uri=event.from_uri,
                from_name=event.from_name,
            )
        )

    def _ended(self, event: LegEnded) -> None:
        other = self._peer.pop(event.leg, None)
        self._unanswered.discard(event.leg)
        if other is None:
            return
        del self._peer[other]
        self.ended += 1
        code = event.code if other in self._unanswered and event.code >= 300 else 0
        self._unanswered.discard(other)
        self.sip.hang_up(other, code, retry_after_s=event.retry_after_s)


async def idle(sip: SipEndpoint, within_s: float = 20.0) -> None:
    """Wait until no leg is left: a peer may be answered a moment before the other side's BYE is sent."""
    for _ in range(int(within_s / 0.01)):
        if not sip.stats.active_legs:
            return
        await asyncio.sleep(0.01)
    raise TimeoutError(f"{sip.stats.active_legs} legs are left")


def rss_kib() -> int:
    with open(f"/proc/{os.getpid()}/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() // 1024


async def serve(port: int, target: str, seconds: float, max_legs: int) -> None:
    bua = B2bua(lambda event: f"sip:{event.to_user}@{target}")
    bua.sip = SipEndpoint(SipSettings(bind_host="127.0.0.1", port=port, max_legs=max_legs), bua.deliver)
    await bua.sip.start()
    before, most, most_rss = rss_kib(), 0, 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        legs = bua.sip.stats.active_legs
        if legs >= most:
            most, most_rss = legs, rss_kib()
    print(
        f"calls {bua.ended}  cpu {time.process_time():.2f} s  most legs {most}  "
        f"rss {before} KiB at start, {most_rss} KiB with most legs: "
        f"{(most_rss - before) / max(most, 1):.0f} KiB a leg  {bua.sip.stats}"
    )
    await bua.sip.stop()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--max-legs", type=int, default=3600)
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.target, options.seconds, options.max_legs))
