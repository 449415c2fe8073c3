"""A call played as a transcript: what peers do goes in, what the gateway does comes out as short lines.

    script = Script()
    script.start()
    script.sees("invite advisor", "news call.ringing")

Legs are named by what they are: `caller`, `advisor`, `fw1`, ... Time stands still unless
`script.passes(seconds)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.core import actions as act
from gateway.core import sdp
from gateway.core.call import Call
from gateway.core.clock import Moment
from gateway.core.events import LegAnswered, LegEnded, LegOffered, LegProgress, MediaEvent, SignallingEvent
from gateway.core.model import Address, CallId, LegId, Mode, Role
from gateway.core.permissions import User
from gateway.core.routing import Target
from gateway.core.setup import Policy, Setup

CALLER, ADVISOR = LegId("caller"), LegId("advisor")
PORTS = {"caller": 20000, "advisor": 20002, "fw1": 20004, "fw2": 20006, "fw3": 20008}


class Ann:
    id, name, extension, team = "ann", "Ann Archer", "2001", "north"


def floorwalker(
    name: str = "fw1", *, roles: frozenset[str] = frozenset({"floorwalker"}), team: str = "*"
) -> User:
    return User(name, name.title(), name, roles, frozenset({team}))


def phone_sdp(
    formats: str = "8 0 101",
    direction: str = "sendrecv",
    *,
    host: str = "192.0.2.1",
    port: int = 4000,
    more: str = "",
) -> str:
    return (
        f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {formats}\r\na=rtpmap:101 telephone-event/8000\r\n{more}a={direction}\r\n"
    )


def direction_of(text: str) -> str:
    (audio,) = (media for media in sdp.parse(text).media if media.kind == "audio" and media.port)
    return next(name for name, value in audio.attributes if value is None)


def formats_of(text: str) -> str:
    (audio,) = (media for media in sdp.parse(text).media if media.kind == "audio" and media.port)
    return " ".join(audio.formats)


class Script:
    def __init__(
        self,
        *,
        offer: str | None = phone_sdp(),
        calling: Role = Role.CALLER,
        policy: Policy | None = None,
        others: tuple[Target, ...] = (),
    ) -> None:
        self.now_s = 1000.0
        names = (CALLER, ADVISOR) if calling is Role.CALLER else (ADVISOR, CALLER)
        self.calling, self.called = names
        self.setup = Setup(
            offered=offered(self.calling, offer),
            called=self.called,
            calling_role=calling,
            advisor=Ann,
            number="07700900123",
            extension="2001",
            uri="sip:2001@192.0.2.9",
            trunk="pbx",
            calling_address=address(self.calling),
            called_address=address(self.called),
            others=others,
        )
        self.call = Call(CallId("c1"), self.setup, policy or Policy(supervisor_timeout_s=10), self.now)
        self.actions: list[act.Action] = []
        """What was decided since the last `sees` or `clear`."""

    @property
    def now(self) -> Moment:
        return Moment(self.now_s, f"t{self.now_s:g}")

    # ── what happens ──

    def start(self) -> None:
        self.call.start(self.now)
        self._take()

    def event(self, event: SignallingEvent | MediaEvent) -> None:
        self.call.handle(event, self.now)
        self._take()

    def rings(self, code: int = 180, text: str | None = None) -> None:
        self.event(LegProgress(self.called, code, "", text))

    def picks_up(self, text: str | None = None) -> None:
        self.event(LegAnswered(self.called, text or phone_sdp("8 101", host="192.0.2.2")))

    def ends(self, leg: str, code: int = 200, reason: str = "", retry_after_s: int | None = None) -> None:
        self.event(LegEnded(LegId(leg), code, reason, retry_after_s))

    def joins(self, name: str, mode: Mode, text: str | None = phone_sdp(), user: User | None = None) -> None:
        """A supervisor dials in, if `judge` lets them."""
        user = user or floorwalker(name)
        decision = self.call.judge(user, mode)
        assert decision.allowed, decision.why
        self.call.join(offered(LegId(name), text), user, mode, address(LegId(name)), 9, self.now)
        self._take()

    def sets(self, name: str, mode: Mode, by: User | None = None) -> bool:
        decision = self.call.set_mode(LegId(name), mode, by or floorwalker(name), "web", self.now)
        self._take()
        return decision.allowed

    def dismisses(self, name: str) -> None:
        self.call.dismiss(LegId(name), "dismissed", self.now)
        self._take()

    def summons(self, name: str, user: User | None = None) -> None:
        invite = act.Invite(LegId(name), f"sip:{name}@192.0.2.9", "")
        self.call.summon(invite, user or floorwalker(name), "a1", address(LegId(name)), 9, 20.0, self.now)
        self._take()

    def counts(self, packets: Mapping[str, int]) -> None:
        self.call.counted({LegId(name): count for name, count in packets.items()}, self.now)
        self._take()

    def passes(self, seconds: float) -> None:
        """Time passes; the owner ticks when it is due."""
        until = self.now_s + seconds
        while (due := self.call.deadline_s()) is not None and due <= until:
            self.now_s = max(due, self.now_s)
            self.call.tick(self.now)
            self._take()
            if self.call.deadline_s() == due:
                raise AssertionError(f"a timer that never ends: {due}")
        self.now_s = until

    def talk(self) -> None:
        """Straight into a conversation."""
        self.start()
        self.picks_up()
        self.clear()

    # ── what came of it ──

    def _take(self) -> None:
        self.actions += self.call.take_actions()

    def clear(self) -> None:
        self.actions.clear()

    def lines(self, *, news: bool = True) -> list[str]:
        taken, self.actions = self.actions, []
        lines = [line_of(action) for action in taken]
        return lines if news else [line for line in lines if not line.startswith("news ")]

    def sees(self, *expected: str) -> None:
        """Exactly this was done since the last time, news left out unless some is expected."""
        news = any(line.startswith("news ") for line in expected)
        assert self.lines(news=news) == list(expected)

    def last(self, kind: type[Any]) -> Any:
        return next(action for action in reversed(self.actions) if isinstance(action, kind))

    def facts(self, kind: str) -> Mapping[str, Any]:
        """The data of the latest news of this kind."""
        return next(a.data for a in reversed(self.actions) if isinstance(a, act.Publish) and a.kind == kind)


def offered(leg: LegId, text: str | None) -> LegOffered:
    return LegOffered(
        leg,
        "sip:07700900123@192.0.2.1",
        "Pat",
        "sip:2001@192.0.2.8",
        "2001",
        text,
        ("192.0.2.1", 5060),
        "udp",
    )


def address(leg: LegId) -> Address:
    return "192.0.2.8", PORTS.get(leg, 20010)


def path_of(gains: Mapping[tuple[LegId, LegId], float]) -> str:
    return "path " + (" ".join(sorted(f"{source}>{listener}" for source, listener in gains)) or "nobody")


def line_of(action: act.Action) -> str:
    match action:
        case act.Invite(leg=leg):
            return f"invite {leg}"
        case act.Progress(leg=leg, code=code, sdp=text):
            return f"progress {leg} {code}" + (" with answer" if text else "")
        case act.Answer(leg=leg, sdp=text):
            return f"answer {leg} {formats_of(text)} {direction_of(text)}"
        case act.HangUp(leg=leg, code=code):
            return f"hang up {leg}" + (f" {code}" if code else "")
        case act.Reoffer(leg=leg, sdp=text):
            return f"reoffer {leg} {formats_of(text)} {direction_of(text)}"
        case act.AnswerReoffer(leg=leg, sdp=text):
            return f"accept {leg} {direction_of(text)}"
        case act.RefuseReoffer(leg=leg, code=code):
            return f"refuse {leg} {code}"
        case act.ConnectLeg(leg=leg, media=media):
            return f"connect {leg} {media.encoding} {media.direction}"
        case act.SetTalkPath(gains=gains):
            return path_of(gains)
        case act.RemoveLeg(leg=leg):
            return f"remove {leg}"
        case act.Publish(kind=kind) | act.PublishCall(kind=kind):
            return f"news {kind}"
        case _:
            return type(action).__name__
