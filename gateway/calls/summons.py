"""Between a call and its alert: the panic code raises it, raising rings floorwalkers onto the call, answering
acknowledges it.
"""

from __future__ import annotations

import secrets

from gateway.calls.alarms import AlertDesk
from gateway.calls.joining import Joining
from gateway.calls.runner import Runner
from gateway.config.model import Alerts
from gateway.config.people import Directory
from gateway.core.alert import Alert
from gateway.core.call import Call
from gateway.core.errors import PortsExhausted, Refused
from gateway.core.model import CallId, Mode
from gateway.core.progress import advisor_facts
from gateway.core.routing import Router
from gateway.log import get_logger

log = get_logger(__name__)


class Summons:
    """Loop's thread only."""

    def __init__(
        self, runner: Runner, joining: Joining, router: Router, directory: Directory, settings: Alerts
    ) -> None:
        self._runner = runner
        self._joining = joining
        self._router = router
        self._directory = directory
        self._ring_timeout_s = settings.ring_timeout_s
        self.desk = AlertDesk(
            settings.ring,
            ring=self._ring,
            attended=self._attended,
            publish=runner.publish,
            later=runner.later,
            now=lambda: runner.now().at,
            new_id=lambda: f"a-{secrets.token_hex(5)}",
        )

    # ── what calls tell (`runner.AlertsOfCalls`) ──

    def panicked(self, call: Call) -> None:
        facts = advisor_facts(call.advisor, call.extension)
        self.raise_on(call, facts["id"] or facts["extension"], "phone", "panic code")

    def answered(self, alert: str, user: str) -> None:
        self.desk.summons_answered(alert, user)

    def failed(self, alert: str, user: str, code: int) -> None:
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

    def _ring(self, alert: Alert, user_id: str) -> bool:
        """Call a user, so that they are whispering when they answer; False where that cannot be done now."""
        call = self._runner.calls.get(alert.call or CallId(""))
        user = self._directory.by_id(user_id)
        if call is None or not call.live or user is None or user.sip is None:
            return False
        decision = call.judge(user, Mode.WHISPER)
        if not decision.allowed:
            facts = {"user": user_id, "asked": Mode.WHISPER.value, "via": "alert", "why": decision.why}
            self._runner.publish("supervision.refused", call.id, {"team": call.team, **facts})
            return False
        who = advisor_facts(call.advisor, call.extension)
        try:
            self._joining.ring(
                call,
                user,
                self._router.reach(user.sip),
                Mode.WHISPER,
                alert=alert.id,
                name=f"ALERT {who['name'] or who['extension']}",
                headers={"Priority": "emergency", "Subject": f"alert {alert.id}"},
                ring_s=self._ring_timeout_s,
            )
        except (Refused, PortsExhausted) as error:
            log.warning("alert.cannot_ring", alert=alert.id, user=user_id, why=str(error))
            return False
        return True
