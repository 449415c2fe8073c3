"""An exchange without sockets: adapters that write down what they are told, a clock that is moved by hand."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from callscript import phone_sdp

from gateway.calls.exchange import Exchange
from gateway.calls.strangers import StrangerDoor
from gateway.config.model import Config
from gateway.core.actions import Invite
from gateway.core.errors import PortsExhausted
from gateway.core.events import LegAnswered, LegEnded, LegOffered, MediaEvent, News
from gateway.core.model import Address, CallId, KeysBy, LegId, LegMedia, Role
from gateway.core.ports import Record

CONFIG: dict[str, Any] = {
    "trunk": [{"name": "pbx", "uri": "sip:192.0.2.9:5060", "identify_by": ["192.0.2.0/24"]}],
    "route": [{"match": r"[29]\d{3}|0\d+", "to": {"trunk": "pbx"}}],
    "advisor": [
        {"id": "ann", "name": "Ann", "extension": "2001", "team": "north"},
        {"id": "ben", "name": "Ben", "extension": "2002", "team": "south"},
    ],
    "user": [
        {"id": "fiona", "name": "Fiona", "sip": "9001", "roles": ["floorwalker"]},
        {"id": "frank", "name": "Frank", "sip": "9002", "roles": ["floorwalker"], "teams": ["north"]},
        {"id": "arthur", "name": "Arthur", "sip": "9003", "roles": ["auditor"], "teams": ["north"]},
    ],
    "alerts": {"ring": ["fiona", "frank"]},
    "limits": {"max_calls": 2},
}


class Timer:
    def __init__(self, at_s: float, step: Callable[[], None]) -> None:
        self.at_s, self.step, self.cancelled = at_s, step, False

    def when(self) -> float:
        return self.at_s

    def cancel(self) -> None:
        self.cancelled = True


class FakeLoop:
    def __init__(self) -> None:
        self.now_s = 100.0
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()

    def time(self) -> float:
        return self.now_s

    def call_at(self, when: float, callback: Callable[[], None]) -> Any:
        timer = Timer(when, callback)
        heapq.heappush(self._heap, (when, next(self._order), timer))
        return timer

    def advance(self, seconds: float) -> None:
        until = self.now_s + seconds
        while self._heap and self._heap[0][0] <= until:
            when, _, timer = heapq.heappop(self._heap)
            if not timer.cancelled:
                self.now_s = max(self.now_s, when)
                timer.step()
        self.now_s = until

    @property
    def waiting(self) -> int:
        return sum(not timer.cancelled for _, _, timer in self._heap)


class FakeSignalling:
    """Each command as a line; `fail` names the verbs that raise."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.invites: dict[LegId, Invite] = {}
        self.fail: set[str] = set()

    def _note(self, verb: str, line: str) -> None:
        if verb in self.fail:
            raise RuntimeError(f"{verb} fails")
        self.lines.append(line)

    def invite(self, wanted: Invite) -> None:
        self._note("invite", f"invite {wanted.uri}")
        self.invites[wanted.leg] = wanted

    def progress(self, leg: LegId, code: int, sdp: str | None = None) -> None:
        self._note("progress", f"progress {leg} {code}")

    def answer(self, leg: LegId, sdp: str) -> None:
        self._note("answer", f"answer {leg}")

    def hang_up(self, leg: LegId, code: int = 0, *, retry_after_s: int | None = None) -> None:
        retry = f" retry {retry_after_s}" if retry_after_s is not None else ""
        self._note("hang_up", f"hang up {leg}" + (f" {code}" if code else "") + retry)

    def reoffer(self, leg: LegId, sdp: str) -> None:
        self._note("reoffer", f"reoffer {leg}")

    def answer_reoffer(self, leg: LegId, sdp: str) -> None:
        self._note("answer_reoffer", f"accept {leg}")

    def refuse_reoffer(self, leg: LegId, code: int = 488) -> None:
        self._note("refuse_reoffer", f"refuse {leg} {code}")


class FakeTap:
    def __init__(self) -> None:
        self.closed = False

    def read(self) -> None:
        return None

    def close(self) -> None:
        self.closed = True


class FakeMedia:
    """Knows which legs are there, and fails as the engine would for those that are not."""

    def __init__(self, ports: int = 100) -> None:
        self.calls: dict[CallId, set[LegId]] = {}
        self.gains: dict[CallId, Mapping[tuple[LegId, LegId], float]] = {}
        self.connected: dict[LegId, LegMedia] = {}
        self.keys: dict[LegId, KeysBy] = {}
        self.past: list[tuple[LegId, float]] = []
        self.tones: list[LegId] = []
        self.received = 0
        self.loud: dict[LegId, float] = {}
        self.waiting: list[MediaEvent] = []
        """Told when somebody asks for what waits."""
        self.deliver: Callable[[MediaEvent], None]
        self.fail: set[str] = set()
        self._ports = ports
        self._next = 30000

    def add_call(self, call: CallId) -> None:
        self.calls[call] = set()

    def add_leg(self, call: CallId, leg: LegId, role: Role, keys: KeysBy = KeysBy.RFC4733) -> Address:
        self.keys[leg] = keys
        if sum(map(len, self.calls.values())) >= self._ports:
            raise PortsExhausted("no free port")
        self.calls[call].add(leg)
        self._next += 2
        return "192.0.2.8", self._next

    def connect(self, leg: LegId, media: LegMedia) -> None:
        if "connect" in self.fail:
            raise RuntimeError("connect fails")
        assert any(leg in legs for legs in self.calls.values())
        self.connected[leg] = media

    def set_talk_path(self, call: CallId, gains: Mapping[tuple[LegId, LegId], float]) -> None:
        assert {leg for pair in gains for leg in pair} <= self.calls[call]
        self.gains[call] = gains

    def hear_past(self, leg: LegId, seconds: float) -> None:
        self.past.append((leg, seconds))

    def play_tone(self, leg: LegId) -> None:
        self.tones.append(leg)

    def remove_leg(self, leg: LegId) -> None:
        for legs in self.calls.values():
            legs.discard(leg)

    def remove_call(self, call: CallId) -> None:
        self.calls.pop(call, None)
        self.gains.pop(call, None)

    def open_tap(self, call: CallId, *, history_s: float = 0.0, speed: float = 1.0) -> Any:
        assert call in self.calls
        return FakeTap()

    def levels(self) -> dict[LegId, float]:
        return self.loud

    def deliver_waiting(self) -> None:
        waiting, self.waiting = self.waiting, []
        for event in waiting:
            self.deliver(event)

    def stats(self, leg: LegId) -> Any:
        return SimpleNamespace(received=self.received)


class House:
    """An exchange, its fakes, and the people who call."""

    def __init__(
        self,
        config: dict[str, Any] | None = None,
        *,
        ports: int = 100,
        door: StrangerDoor | None = None,
        record: Record | None = None,
    ) -> None:
        self.loop = FakeLoop()
        self.sip = FakeSignalling()
        self.media = FakeMedia(ports)
        started = datetime(2026, 11, 22, tzinfo=UTC)
        self.exchange = Exchange(
            Config.model_validate({**CONFIG, **(config or {})}),
            self.sip,
            self.media,
            door=door,
            record=record,
            loop=self.loop,
            wall=lambda: started + timedelta(seconds=self.loop.now_s - 100),
        )
        self.media.deliver = self.exchange.on_media
        self.news: list[News] = []
        self.exchange.subscribe(self.news.append)

    def rings_in(
        self, leg: str, to: str, by: str = "07700900123", sdp: str | None = None, source: str = "192.0.2.1"
    ) -> None:
        uri = f"sip:{by}@192.0.2.1"
        text = phone_sdp() if sdp is None else sdp
        self.exchange.on_signalling(
            LegOffered(LegId(leg), uri, "Pat", f"sip:{to}@192.0.2.8", to, text, (source, 5060), "udp")
        )

    def conversation(self, leg: str = "pat", to: str = "2001") -> CallId:
        """A patient talks to an advisor; the advisor's leg is `called(call)`."""
        self.rings_in(leg, to)
        call = self.calls()[-1]
        self.exchange.on_signalling(LegAnswered(self.called(call), phone_sdp("8 101")))
        self.sip.lines.clear()
        return call

    def calls(self) -> list[CallId]:
        return [call["id"] for call in self.exchange.calls()]

    def called(self, call: CallId) -> LegId:
        return LegId(f"{call}-called")

    def rung(self) -> LegId:
        """The leg that was invited last."""
        return list(self.sip.invites)[-1]

    def answers(self, leg: LegId) -> None:
        self.exchange.on_signalling(LegAnswered(leg, phone_sdp()))

    def ends(self, leg: str, code: int = 200) -> None:
        self.exchange.on_signalling(LegEnded(LegId(leg), code, ""))

    def kinds(self) -> list[str]:
        taken, self.news[:] = [news.kind for news in self.news], []
        return taken

    def last(self, kind: str) -> Mapping[str, Any]:
        return next(news.data for news in reversed(self.news) if news.kind == kind)
