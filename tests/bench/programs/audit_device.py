"""The device of the audit benchmark: a real media engine with calls, the hub and the web server, in one process.

Prints one JSON line: the RTP ports of the calls, and the web port. Then answers each line on standard input with
one of its own: CPU time of the process and of its media threads [s], and how many listen.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "unit"))

from feed_fakes import TOKENS, FakeControl

from gateway.core.model import CallId, Direction, Encoding, LegId, LegMedia, Role
from gateway.feeds.hub import Hub
from gateway.media import MediaEngine
from gateway.web.server import serve_web


class Calls(FakeControl):
    """Calls on a real engine; feeds read their real taps."""

    def __init__(self, engine: MediaEngine, count: int) -> None:
        super().__init__()
        self.engine = engine
        self.ports: list[tuple[int, int]] = []
        team = self.call_list[0]["advisor"]["team"]
        self.call_list = [
            {"id": f"c-{n}", "state": "talking", "advisor": {"id": "a", "team": team}} for n in range(count)
        ]
        for n in range(count):
            call = CallId(f"c-{n}")
            engine.add_call(call)
            legs = [LegId(f"{n}-{role}") for role in (Role.CALLER, Role.ADVISOR)]
            ports = [
                engine.add_leg(call, leg, role)[1]
                for leg, role in zip(legs, (Role.CALLER, Role.ADVISOR), strict=True)
            ]
            for leg in legs:
                engine.connect(
                    leg, LegMedia(Encoding.PCMA, 8, None, ("127.0.0.1", 9), 20, Direction.SENDRECV)
                )
            engine.set_talk_path(call, {(legs[0], legs[1]): 1.0, (legs[1], legs[0]): 1.0})
            self.ports.append((ports[0], ports[1]))

    def open_feed(self, user: Any, call: CallId, **past: Any) -> Any:
        return self.engine.open_tap(call, **past)

    def close_feed(self, user: Any, call: CallId, tap: Any, *, missed_ms: int, sent_frames: int) -> None:
        tap.close()

    def open_analysis(self, call: CallId) -> Any:
        return self.engine.open_tap(call)


async def main(count: int) -> None:
    loop = asyncio.get_running_loop()
    engine = MediaEngine(
        bind="127.0.0.1", port_range=(42_000, 45_998), rtp_timeout_ms=5_000, deliver=lambda event: None
    )
    engine.start()
    calls = Calls(engine, count)
    words = [0]
    on_speech: Callable[..., None] = lambda *_: words.__setitem__(0, words[0] + 1)  # noqa: E731
    hub = Hub(calls, on_speech=on_speech, stall_limit_s=120)
    web = await serve_web(("127.0.0.1", 0), calls, TOKENS.get, hub, stall_limit_s=120)
    print(json.dumps({"ports": calls.ports, "web": web.port}), flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        facts = {
            "cpu_s": time.process_time(),
            "media_s": engine.counters()["cpu_s"],
            "listeners": hub.listeners(),
            "judged": words[0],
        }
        print(json.dumps(facts), flush=True)
    hub.stop()
    await web.stop()
    engine.stop()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
