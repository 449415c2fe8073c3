"""The floor: who is on duty, what advisors ask for, and what an advisor may see of their own.

Implements `core.control.Floor`. Loop's thread only; nothing here blocks.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.calls.runner import Runner
from gateway.config.model import Advisor
from gateway.config.people import Directory
from gateway.core.alert import Alert
from gateway.core.call import Call
from gateway.core.duty import Roster, off
from gateway.core.errors import NoRoute, NotPermitted
from gateway.core.help import HelpKind, HelpRequest
from gateway.core.model import CallId
from gateway.core.permissions import Action, User, decide
from gateway.core.progress import advisor_facts
from gateway.log import get_logger

log = get_logger(__name__)


class FloorDesk:
    def __init__(
        self,
        runner: Runner,
        directory: Directory,
        advisors: Sequence[Advisor],
    ) -> None:
        self.roster = Roster()
        self.duty_changed: Callable[[], None] = lambda: None
        """Told after each change; set by the exchange."""
        self.alert_of: Callable[[str], Alert | None] = lambda _: None
        """The open alert of an advisor; set by the exchange."""
        self.listeners_of: Callable[[CallId], list[dict[str, Any]]] = lambda _: []
        """Who hears a call over WebSocket; set by the exchange."""
        self._runner = runner
        self._directory = directory
        self._advisors = {advisor.id: advisor for advisor in advisors}
        self._help: dict[str, HelpRequest] = {}

    # ── duty ──

    def duty(self) -> list[dict[str, Any]]:
        return self.roster.snapshot()

    def duty_of(self, user: User) -> dict[str, Any]:
        shift = self.roster.of(user.id)
        return shift.snapshot() if shift else off(user)

    def set_duty(self, user: User, on: bool, clinical: bool, teams: Sequence[str] | None) -> dict[str, Any]:
        decision = decide(user, Action.DUTY, None)
        if not decision.allowed:
            facts = {"user": user.id, "team": "", "asked": "duty", "via": "web", "why": decision.why}
            self._runner.publish("supervision.refused", None, facts)
            raise NotPermitted(decision.why)
        if on:
            self.roster.begin(user, clinical, teams, self._runner.now().at)
        elif not self.roster.end(user.id):
            return off(user)
        facts = self.duty_of(user)
        self._runner.publish("duty.changed", None, facts)
        self.duty_changed()
        return facts

    # ── help ──

    def help(self) -> list[dict[str, Any]]:
        return [request.snapshot() for request in self._help.values()]

    def ask_help(self, user: User, kind: HelpKind, call: CallId | None, reason: str) -> dict[str, Any]:
        own = self._own_call(user.id)
        decision = decide(user, Action.HELP, None)
        if decision.allowed and call is not None and (own is None or own.id != call):
            # Whether there is such a call is not told either.
            decision = type(decision)(False, f"{user.id} may ask for help on their own call only")
        if not decision.allowed:
            self._refuse(user, "ask", decision.why)
        about = own.id if own else None
        same = next(
            (one for one in self._help.values() if (one.by, one.kind) == (user.id, kind) and one.open), None
        )
        if same is not None:
            same.ask_again(about, reason)
            self._publish("help.raised", same)
            return same.snapshot()
        request = HelpRequest(
            f"h-{secrets.token_hex(5)}",
            kind,
            user.id,
            self._facts(user),
            about,
            reason,
            self._runner.now().at,
        )
        self._help[request.id] = request
        self._publish("help.raised", request)
        return request.snapshot()

    def answer_help(self, user: User, help_: str) -> dict[str, Any]:
        request = self._find(help_)
        decision = decide(user, Action.ANSWER, request.team)
        if not decision.allowed:
            self._refuse(user, "answer", decision.why, request)
        if request.answer(user.id, user.name, self._runner.now().at):
            self._publish("help.answered", request)
        return request.snapshot()

    def close_help(self, user: User, help_: str) -> None:
        request = self._find(help_)
        if request.by != user.id and not (decision := decide(user, Action.ANSWER, request.team)).allowed:
            self._refuse(user, "close", decision.why, request)
        self._close(request, user.id)

    def call_ended(self, call: CallId) -> None:
        """A question is over with its call; a break begins then."""
        for request in list(self._help.values()):
            if request.call == call and request.kind is HelpKind.HELP:
                self._close(request, "call ended")

    # ── an advisor's own ──

    def me(self, user: User) -> dict[str, Any]:
        own = self._own_call(user.id)
        alert = self.alert_of(user.id)
        advisor = self._advisors.get(user.id)
        teams = {advisor.team} if advisor else user.teams
        on_duty = {one for team in teams for one in self.roster.for_team(team)}
        if "*" in teams:
            on_duty = {shift["user"] for shift in self.roster.snapshot()}
        return {
            "id": user.id,
            "name": user.name,
            "extension": advisor.extension if advisor else None,
            "teams": sorted(teams),
            "call": self._own(own) if own else None,
            "alert": self._with_who(alert.snapshot()) if alert else None,
            "help": [one.snapshot() for one in self._help.values() if one.by == user.id],
            "on_duty": len(on_duty),
            "duty": self.duty_of(user) if decide(user, Action.DUTY, None).allowed else None,
        }

    # ── a restart ──

    def restore(self, duty: Sequence[Mapping[str, Any]], help_: Sequence[Mapping[str, Any]]) -> None:
        """Take up what the store has kept. Somebody who is no longer known, or may no longer, is left out."""
        for facts in duty:
            user = self._directory.by_id(str(facts["user"]))
            if self.roster.of(str(facts["user"])) is not None:
                continue
            if user and decide(user, Action.DUTY, None).allowed and self.roster.restore(facts, user):
                continue
            log.warning("duty.not_restored", user=facts["user"], why="unknown, or may no longer be on duty")
        for facts in help_:
            request = HelpRequest.restored(dict(facts))
            if request.kind is HelpKind.HELP and request.call is not None:
                # Its call has ended with the process that carried it.
                self._help[request.id] = request
                self._close(request, "call ended")
            elif request.id not in self._help:
                self._help[request.id] = request
                self._publish("help.raised", request)
        if duty:
            self.duty_changed()

    # ── helpers ──

    def _own_call(self, advisor: str) -> Call | None:
        calls = [
            call
            for call in self._runner.calls.values()
            if not call.over and call.advisor and call.advisor.id == advisor
        ]
        return max(calls, key=lambda call: (call.live, call.answered_at or ""), default=None)

    def _facts(self, user: User) -> dict[str, str]:
        advisor = self._advisors.get(user.id)
        if advisor is not None:
            return advisor_facts(advisor, "")
        team = next(iter(user.teams)) if len(user.teams) == 1 and "*" not in user.teams else ""
        return {"id": user.id, "name": user.name, "extension": "", "team": team}

    def _with_who(self, alert: dict[str, Any]) -> dict[str, Any]:
        """Who is coming, by name: an advisor knows people, not ids."""
        coming = self._directory.by_id(alert["acknowledged_by"] or "")
        return {**alert, "acknowledged_by_name": coming.name if coming else alert["acknowledged_by"]}

    def _find(self, help_: str) -> HelpRequest:
        if help_ not in self._help:
            raise NoRoute(f"no open help request {help_}")
        return self._help[help_]

    def _close(self, request: HelpRequest, by: str) -> None:
        if request.close(by, self._runner.now().at):
            del self._help[request.id]
            self._publish("help.closed", request)

    def _refuse(self, user: User, asked: str, why: str, request: HelpRequest | None = None) -> None:
        facts = {"user": user.id, "team": request.team if request else "", "asked": asked, "why": why}
        self._runner.publish("help.refused", request.call if request else None, facts)
        raise NotPermitted(why)

    def _publish(self, kind: str, request: HelpRequest) -> None:
        self._runner.publish(kind, request.call, request.snapshot())

    def _own(self, call: Call) -> dict[str, Any]:
        """What an advisor may see of their own call; who supervises it where the team's policy shows it."""
        facts = self._runner.snapshot(call)
        names = ["id", "state", "caller", "started_at", "answered_at", "on_hold", "alert"]
        shown: dict[str, Any] = {}
        if call.policy.shown:
            names.append("supervisors")
            shown["feeds"] = self.listeners_of(call.id)
        return {**{name: facts[name] for name in names}, **shown}
