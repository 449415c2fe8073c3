"""All live calls of one gateway, and the face to people's tools: `core.control.Control`.

The adapters' events come in by `on_signalling` and `on_media`. `reception` takes INVITEs, `runner` keeps
calls going, `summons` rings floorwalkers about alerts; here is what people ask for, checked against
`core.permissions` and told to the watchers, allowed or refused.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.calls.admission import Admission
from gateway.calls.bells import Bells
from gateway.calls.floor import FloorDesk
from gateway.calls.intake import Intake
from gateway.calls.joining import Joining, new_leg
from gateway.calls.keys import KeyWays
from gateway.calls.newsroom import Newsroom, Watcher
from gateway.calls.reception import Reception
from gateway.calls.runner import Loop, Runner
from gateway.calls.strangers import StrangerDoor, StrangersLog
from gateway.calls.summons import Summons
from gateway.calls.switchboard import Switchboard
from gateway.calls.talkdesk import TalkDesk
from gateway.calls.trunkwatch import TrunkWatch
from gateway.config.model import Config
from gateway.config.people import Directory
from gateway.core.alert import Alert
from gateway.core.call import Call
from gateway.core.control import Control
from gateway.core.errors import GatewayError, NoRoute, NotPermitted, Overloaded, Unavailable
from gateway.core.events import (
    FromSignalling,
    LegEnded,
    LegOffered,
    MediaEvent,
    PacketsRefused,
    StrangerRefused,
    StreamQuality,
    TrunkAnswered,
)
from gateway.core.model import Address, CallId, LegId, Mode
from gateway.core.permissions import Action, User, decide
from gateway.core.policies import Policies, TeamPolicy
from gateway.core.ports import Headsets, Media, Record, Signalling, Tap, Unrecorded
from gateway.core.progress import advisor_facts
from gateway.core.setup import Policy
from gateway.log import get_logger

log = get_logger(__name__)


class Exchange(Control):
    """Loop's thread only; nothing here blocks. `admission.refuse_when` is for the SIP adapter, on any
    thread.
    """

    def __init__(
        self,
        config: Config,
        signalling: Signalling,
        media: Media,
        *,
        headsets: Headsets | None = None,
        directory: Directory | None = None,
        door: StrangerDoor | None = None,
        record: Record | None = None,
        loop: Loop | None = None,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Raises for routes that `gateway check` would have refused. headsets: None where nobody can
        supervise from a browser. door: the one that the SIP adapter asks. loop, wall: clocks, for tests.
        """
        limits, supervision = config.limits, config.supervision
        clock: Loop = loop or asyncio.get_running_loop()
        self._config = config
        self._media = media
        self._headsets = headsets
        self._record = record or Unrecorded()
        self._newsroom = Newsroom()
        self._feeds: dict[int, dict[str, Any]] = {}
        self.packets_refused: Counter[str] = Counter()
        """Packets on legs' ports that were dropped since the start, by reason."""
        directory = directory or Directory(config)
        intake = Intake(config, directory, lambda trunk: self.trunks.is_down(trunk))
        tone = config.supervision.join_tone
        self._policies = Policies(
            ((team.name, team.policy(tone)) for team in config.teams), TeamPolicy(join_tone=tone)
        )
        policy = Policy(
            encodings=config.media.codecs,
            transcode=config.media.transcode,
            ring_timeout_s=supervision.ring_timeout_s,
            supervisor_timeout_s=supervision.supervisor_timeout_s,
            panic_code=config.alerts.panic_code,
            keys=supervision.keys.model_dump(),
            teams=self._policies,
            history_s=config.media.history_s,
        )
        self.admission = Admission(
            limits.max_calls, limits.calls_per_second, limits.retry_after_s, clock=clock.time
        )
        legs = signalling if headsets is None else Switchboard(signalling, headsets)
        self._runner = Runner(legs, media, clock, wall, self._newsroom)
        door = door or StrangerDoor(intake.router.identify, clock.time)
        self._strangers = StrangersLog(self._runner, door)
        self.trunks = TrunkWatch(self._runner, config.trunks)
        keys = KeyWays(intake.router, config.trunks)
        self._joining = Joining(self._runner, media, self._record, keys, intake.terms)
        self._router = intake.router
        self._reception = Reception(
            self._runner,
            media,
            intake,
            directory,
            self.admission,
            policy,
            self._joining,
            self._record,
            keys,
        )
        self.floor = FloorDesk(self._runner, directory, config.advisors)
        self.floor.listeners_of = self._listeners
        self._summons = Summons(
            self._runner,
            self._joining,
            Bells(signalling, media, later=self._runner.later, terms=intake.terms),
            intake.router,
            directory,
            config.alerts,
            self.floor.roster.for_team,
            self._record,
        )
        self._runner.alerts = self._summons
        self._runner.on_end = self.floor.call_ended
        self.floor.duty_changed = self._summons.desk.duty_changed
        self.floor.alert_of = self._summons.desk.of_person
        self._runner.talk = self._talk = TalkDesk(self._runner, media)

    # ── events from the adapters ──

    def on_signalling(self, event: FromSignalling) -> None:
        """Given to the SIP adapter as its `deliver`. Never raises."""
        if isinstance(event, StrangerRefused):
            self._strangers.refused(event)
        elif isinstance(event, TrunkAnswered):
            self.trunks.answered(event)
        elif isinstance(event, LegOffered):
            self._reception.receive(event)
        elif self._summons.bells.owns(event.leg):
            self._summons.bells.give(event)
        else:
            if isinstance(event, LegEnded):
                self._hear_what_came_before()
                if self._reception.withdrawn(event.leg):
                    return
            self._runner.give(event)

    def _hear_what_came_before(self) -> None:
        """A panic code keyed just before the hang-up is an alert, in whichever order the planes tell."""
        try:
            self._media.deliver_waiting()
        except Exception:
            log.exception("call.fault", on="events of the media plane")

    def on_media(self, event: MediaEvent) -> None:
        """Given to the media engine as its `deliver`. Never raises."""
        if isinstance(event, PacketsRefused):
            call = self._runner.of_leg(event.leg)
            self.packets_refused[event.reason] += event.count
            # A phone may send before its answer has reached us: on nearly every call, and nobody's fault.
            tell = log.debug if event.reason == "not_connected" else log.warning
            tell(
                "packets.refused",
                call=call.id if call else None,
                leg=event.leg,
                reason=event.reason,
                count=event.count,
                source=event.source,
            )
        elif isinstance(event, StreamQuality):
            self._runner.measured(event)
        else:
            self._runner.give(event)

    # ── life ──

    def why_not_ready(self) -> str | None:
        """None while new calls are taken; else the reason."""
        try:
            self.admission.require_room(self._runner.count())
        except Overloaded as error:
            return str(error)
        return None

    def drain(self) -> None:
        """Take no more calls; those that are there go on."""
        self.admission.draining = True

    def end_all(self, why: str) -> None:
        """Hang up every call, for the gateway's own end."""
        self.drain()
        for call in list(self._runner.calls.values()):
            self._runner.run(call, lambda call=call: call.hang_up(why, self._runner.now()))  # type: ignore[misc]
        self._summons.bells.end_all()
        self.trunks.stop()
        self._runner.stop()

    def raise_drill(self) -> str:
        drill = f"d-{secrets.token_hex(5)}"
        self._runner.publish("drill.raised", None, {"drill": drill})
        return drill

    def tell(self, kind: str, call: CallId | None, data: Mapping[str, Any]) -> None:
        """News of what others do about a call, such as scoring it, told to every watcher."""
        self._runner.publish(kind, call, data)

    def restore(self, kept: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """Take up what was open when the gateway ended; kept: snapshots by `duty`, `help` and `alert`."""
        self.floor.restore(kept.get("duty", ()), kept.get("help", ()))
        self._summons.desk.restore(kept.get("alert", ()))

    # ── core.control.Control: watching ──

    def calls(self) -> list[dict[str, Any]]:
        return [
            {**self._runner.snapshot(call), "feeds": self._listeners(call.id)}
            for call in self._runner.calls.values()
            if not call.over
        ]

    def _listeners(self, call: CallId) -> list[dict[str, Any]]:
        """Who hears a call over WebSocket: seen by whoever looks at it later, too."""
        feeds = [facts for facts in self._feeds.values() if facts["call"] == call]
        return [{name: facts[name] for name in ("user", "name", "since")} for facts in feeds]

    def alerts(self) -> list[dict[str, Any]]:
        return self._summons.desk.snapshots()

    def subscribe(self, watcher: Watcher) -> Callable[[], None]:
        return self._newsroom.subscribe(watcher)

    def subscribe_talk(self, watcher: Watcher) -> Callable[[], None]:
        return self._talk.newsroom.subscribe(watcher)

    # ── listening ──

    def heard(self, call: CallId, seconds: float, caller: bool, advisor: bool) -> None:
        """A voice detector's word on a call that is tapped; see `core.talk`."""
        self._talk.heard(call, seconds, caller, advisor)

    def open_analysis(self, call: CallId) -> Tap:
        found = self._runner.live(call)
        if found.policy.private:
            raise NoRoute(f"call {call} is private")
        return self._media.open_tap(call)

    def open_feed(
        self, user: User | None, call: CallId, *, history_s: float = 0.0, speed: float = 1.0
    ) -> Tap:
        found = self._runner.live(call)
        person = self._require(user, Action.STREAM, found, "stream")
        if why := self._record.why_not():
            self._tell_refused(person, found, "stream", "web", why)
            raise Unavailable(why)
        tap = self._media.open_tap(call, history_s=history_s, speed=speed)
        facts = {"team": found.team, "user": person.id, "name": person.name}
        self._feeds[id(tap)] = {**facts, "call": call, "since": self._runner.now().at}
        self._runner.publish("feed.started", call, {**facts, "history_s": history_s} if history_s else facts)
        return tap

    def close_feed(self, user: User, call: CallId, tap: Tap, *, missed_ms: int, sent_frames: int) -> None:
        facts = self._feeds.pop(id(tap), None)
        tap.close()
        if facts is not None:
            ended = {name: facts[name] for name in ("team", "user", "name")}
            self._runner.publish(
                "feed.ended", call, {**ended, "missed_ms": missed_ms, "sent_frames": sent_frames}
            )

    # ── supervising ──

    def supervise(
        self,
        user: User | None,
        call: CallId,
        mode: Mode,
        via: str,
        uri: str | None = None,
        source: Address = ("", 0),
        most_rate_hz: int = 8000,
    ) -> LegId:
        found = self._runner.live(call)
        person = self._require(user, Action.of(mode), found, mode.value)
        if not found.live:
            raise NoRoute(f"call {call} has not been answered yet")
        try:
            self._joining.require(found, person, mode)
            if via == "web":
                return self._seat_headset(person, found, mode, source, most_rate_hz)
            return self._ring_phone(person, found, mode, uri)
        except (GatewayError, ValueError) as error:
            self._tell_refused(user, found, mode.value, via, str(error))
            raise

    def _seat_headset(self, user: User, call: Call, mode: Mode, source: Address, most_rate_hz: int) -> LegId:
        if self._headsets is None:
            raise ValueError("via: this gateway has no headsets for browsers")
        leg = new_leg(call)
        offered = self._headsets.offer(leg, user, call.id, source, most_rate_hz)
        try:
            self._joining.seat(call, offered, user, mode, "web")
        except BaseException:
            self._headsets.hang_up(leg)
            raise
        return leg

    def _ring_phone(self, user: User, call: Call, mode: Mode, uri: str | None) -> LegId:
        """Their own phone, or another one that the configuration allows for that."""
        wanted = uri or user.sip
        if not wanted:
            raise ValueError(f"{user.id} has no phone that could be rung: no `sip` identity is configured")
        if wanted != user.sip and not self._config.supervision.may_ring(wanted):
            raise NotPermitted(f"{wanted} is not among the numbers of [supervision] ring_numbers")
        who = advisor_facts(call.advisor, call.extension)
        return self._joining.ring(
            call,
            user,
            self._router.reach(wanted),
            mode,
            alert=None,
            name=f"{mode.value.upper()} {who['name'] or who['extension']}",
            headers={"Subject": f"{mode.value} call {call.id}"},
            ring_s=self._config.supervision.ring_timeout_s,
        )

    def is_all_that_the_patient_has(self, leg: LegId) -> bool:
        """Would a patient hear nobody without this supervisor's leg?"""
        call = self._runner.of_leg(leg)
        return call is not None and call.is_all_that_the_patient_has(leg)

    def set_mode(self, user: User | None, call: CallId, supervisor: LegId, mode: Mode) -> None:
        found = self._runner.live(call)
        if found.supervisor(supervisor) is None:
            raise NoRoute(f"no supervisor {supervisor} on call {call}")
        decision = found.set_mode(supervisor, mode, user, "web", self._runner.now())
        self._runner.carry(found)
        if not decision.allowed:
            raise NotPermitted(decision.why)

    def dismiss(self, user: User | None, call: CallId, supervisor: LegId) -> None:
        """Supervisors may leave by themselves; to send others away, or release an advisor whose patient is
        taken over, one must be allowed to take over.
        """
        found = self._runner.live(call)
        target = found.supervisor(supervisor)
        if target is None and supervisor not in found.releasable():
            raise NoRoute(f"no supervisor {supervisor} on call {call}")
        if user is None or target is None or user.id != target.id:
            user = self._require(user, Action.TAKEOVER, found, "dismiss")
            if found.is_all_that_the_patient_has(supervisor):
                raise NotPermitted("the patient would hear nobody: join in or take over first")
        why = f"dismissed by {user.id}"
        self._runner.run(found, lambda: found.dismiss(supervisor, why, self._runner.now()))

    # ── alerts ──

    def raise_alert(
        self, user: User | None, call: CallId | None, via: str, reason: str = ""
    ) -> dict[str, Any]:
        """With no call given, the one that the advisor is on; without any, whoever is rung is only told."""
        found = self._runner.live(call) if call is not None else self._call_of_advisor(user)
        decision = decide(user, Action.RAISE, found.team if found else None)
        if user is None or not decision.allowed:
            team = found.team if found else ""
            facts = {"user": user.id if user else None, "via": via, "why": decision.why, "team": team}
            self._runner.publish("alert.refused", call, facts)
            raise NotPermitted(decision.why)
        if found is not None:
            return self._summons.raise_on(found, user.id, via, reason).snapshot()
        own = next((advisor for advisor in self._config.advisors if advisor.id == user.id), None)
        return self._summons.desk.raise_(None, advisor_facts(own, ""), user.id, via, reason).snapshot()

    def acknowledge_alert(self, user: User | None, alert: str) -> dict[str, Any]:
        found, person = self._alert(user, alert)
        self._summons.desk.acknowledge(found, person.id)
        return found.snapshot()

    def resolve_alert(self, user: User | None, alert: str) -> dict[str, Any]:
        found, person = self._alert(user, alert)
        self._summons.desk.resolve(found, person.id)
        return found.snapshot()

    # ── helpers ──

    def _call_of_advisor(self, user: User | None) -> Call | None:
        mine = [
            call
            for call in self._runner.calls.values()
            if user and call.live and call.advisor and call.advisor.id == user.id
        ]
        return max(mine, key=lambda call: call.answered_at or "", default=None)

    def _alert(self, user: User | None, alert: str) -> tuple[Alert, User]:
        found = self._summons.desk.find(alert)
        decision = decide(user, Action.ACKNOWLEDGE, found.team or None)
        if user is None or not decision.allowed:
            facts = {"user": user.id if user else None, "why": decision.why, "team": found.team}
            self._runner.publish("alert.refused", found.call, {"id": alert, **facts})
            raise NotPermitted(decision.why)
        return found, user

    def _require(self, user: User | None, action: Action, call: Call, asked: str) -> User:
        """Raises `NotPermitted`, having told the watchers."""
        decision = decide(user, action, call.team)
        if decision.allowed and not (policy := self._policies.judge(action, call.team)).allowed:
            decision = policy
        if user is None or not decision.allowed:
            self._tell_refused(user, call, asked, "web", decision.why)
            raise NotPermitted(decision.why)
        return user

    def _tell_refused(self, user: User | None, call: Call, asked: str, via: str, why: str) -> None:
        facts = {"user": user.id if user else None, "asked": asked, "via": via, "why": why}
        self._runner.publish("supervision.refused", call.id, {"team": call.team, **facts})
