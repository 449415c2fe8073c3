"""Between a call and its alert: the panic code raises it, raising rings floorwalkers onto the call, answering
acknowledges it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from gateway.calls.alarms import AlertDesk
from gateway.calls.bells import Bells
from gateway.calls.joining import Joining
from gateway.calls.runner import Runner
from gateway.config.model import Alerts
from gateway.config.people import Directory
from gateway.core.alert import Alert
from gateway.core.call import Call
from gateway.core.errors import PortsExhausted, Refused
from gateway.core.model import CallId, LegId, Mode
from gateway.core.permissions import Action, User, decide
from gateway.core.ports import Record
from gateway.core.progress import advisor_facts
from gateway.core.routing import Router
from gateway.log import get_logger

log = get_logger(__name__)


class Summons:
    """Loop's thread only."""

    def __init__(
        self,
        runner: Runner,
        joining: Joining,
        bells: Bells,
        router: Router,
        directory: Directory,
        settings: Alerts,
        on_duty: Callable[[str], Sequence[str]],
        record: Record,
    ) -> None:
        """record: the trail."""
        self._runner = runner
        self._joining = joining
        self._router = router
        self._directory = directory
        self._record = record
        self._ring_timeout_s = settings.ring_timeout_s
        self._rung: dict[tuple[str, str], LegId] = {}
        """By alert and user: the leg on the alert's call that rings them."""
        self.bells = bells
        bells.answered, bells.failed = self.answered, self.failed
        self.desk = AlertDesk(
            settings.tiers,
            settings.ring,
            ring=self._ring,
            hush=self._hush,
            on_duty=on_duty,
            attended=self._attended,
            publish=runner.publish,
            later=runner.later,
            now=runner.now,
            new_id=lambda: f"a-{secrets.token_hex(5)}",
        )

    # ── what calls tell (`runner.AlertsOfCalls`) ──

    def panicked(self, call: Call) -> None:
        facts = advisor_facts(call.advisor, call.extension)
        self.raise_on(call, facts["id"] or facts["extension"], "phone", "panic code")

    def answered(self, alert: str, user: str) -> None:
        leg = self._rung.pop((alert, user), None)
        self.desk.summons_answered(alert, user)
        call = self._runner.of_leg(leg) if leg is not None else None
        if call is not None and (why := self._record.why_not()):
            # An alert outranks the trail: they are on the call. Everybody who watches is told now, and the
            # trail when it can be.
            facts = {"user": user, "team": call.team, "leg": leg, "alert": alert, "why": why}
            self._runner.publish("supervision.unrecorded", call.id, facts)

    def failed(self, alert: str, user: str, code: int) -> None:
        self._rung.pop((alert, user), None)
        self.desk.summons_failed(alert, user, code)

    def call_ended(self, call: CallId) -> None:
        self.desk.call_ended(call)

    def shown(self, call: CallId) -> dict[str, str] | None:
        """The call's open alert as its snapshot shows it."""
        alert = self.desk.of_call(call)
        return {"id": alert.id, "state": alert.state.value} if alert else None

    # ── raising and ringing ──

    def raise_on(self, call: Call, by: str, via: str, reason: str) -> Alert:
        """Raise an alert on a live call, or count it once more."""
        alert = self.desk.raise_(call.id, advisor_facts(call.advisor, call.extension), by, via, reason)
        self._runner.publish("call.changed", call.id, self._runner.snapshot(call))
        return alert

    def _attended(self, alert: Alert) -> bool:
        call = self._runner.calls.get(alert.call or CallId(""))
        return call is not None and any(
            supervisor["user"] == alert.acknowledged_by for supervisor in call.snapshot()["supervisors"]
        )

    def _ring(self, alert: Alert, target: str) -> bool:
        """Call a user or a number; False where that cannot be done now. On a live call a user who may whisper
        is whispering when they answer; anybody else, and about an alert without a call, is only told.
        """
        user = self._directory.by_id(target)
        identity = target.removeprefix("sip:") if target.startswith("sip:") else user.sip if user else None
        if identity is None:
            return False
        call = self._runner.calls.get(alert.call or CallId(""))
        may_join = user is not None and decide(user, Action.WHISPER, None).allowed
        if call is not None and call.live and user and may_join and not call.policy.private:
            return self._put_on(call, alert, user, identity)
        return self._tell(alert, target, user, identity)

    def _put_on(self, call: Call, alert: Alert, user: User, identity: str) -> bool:
        decision = call.judge(user, Mode.WHISPER)
        if not decision.allowed:
            facts = {"user": user.id, "asked": Mode.WHISPER.value, "via": "alert", "why": decision.why}
            self._runner.publish("supervision.refused", call.id, {"team": call.team, **facts})
            return False
        try:
            self._rung[alert.id, user.id] = self._joining.ring(
                call,
                user,
                self._router.reach(identity),
                Mode.WHISPER,
                alert=alert.id,
                name=_display(alert),
                headers={"Priority": "emergency", "Subject": f"alert {alert.id}"},
                ring_s=self._ring_timeout_s,
            )
        except (Refused, PortsExhausted) as error:
            log.warning("alert.cannot_ring", alert=alert.id, target=user.id, why=str(error))
            return False
        return True

    def _tell(self, alert: Alert, target: str, user: User | None, identity: str) -> bool:
        if (
            user is not None
            and not (decision := decide(user, Action.ACKNOWLEDGE, alert.team or None)).allowed
        ):
            log.warning("alert.cannot_ring", alert=alert.id, target=target, why=decision.why)
            return False
        try:
            where = self._router.reach(identity)
        except Refused as error:
            log.warning("alert.cannot_ring", alert=alert.id, target=target, why=str(error))
            return False
        if not self.bells.ring(alert.id, target, where, _display(alert), self._ring_timeout_s):
            return False
        facts = {"alert": alert.id, "target": target, "team": alert.team}
        self._runner.publish("alert.rung", alert.call, facts)
        return True

    def _hush(self, alert: Alert, target: str) -> None:
        self.bells.hush(alert.id, target)
        leg = self._rung.pop((alert.id, target), None)
        call = self._runner.of_leg(leg) if leg is not None else None
        if leg is not None and call is not None:
            self._runner.run(call, lambda: call.dismiss(leg, "somebody else came", self._runner.now()))


def _display(alert: Alert) -> str:
    """What the telephone that rings is to show."""
    who = alert.snapshot()["advisor"]
    return f"ALERT {who['name'] or who['extension'] or alert.raised_by}"
