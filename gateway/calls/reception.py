"""Every INVITE comes here first: a call is made of it, a supervisor is put on a live call, or it is refused
with the right code.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from gateway.calls.admission import Admission
from gateway.calls.intake import Intake, Plan, Supervise
from gateway.calls.joining import Joining, new_session_id
from gateway.calls.keys import KeyWays
from gateway.calls.runner import Runner
from gateway.config.people import Directory, identity_of
from gateway.core.call import Call
from gateway.core.errors import (
    NotAcceptable,
    NotPermitted,
    Overloaded,
    PortsExhausted,
    Refused,
    SdpError,
    Unavailable,
)
from gateway.core.events import LegOffered
from gateway.core.model import CallId, LegId, Role
from gateway.core.permissions import Action, User, decide
from gateway.core.ports import Media, Record
from gateway.core.progress import UNAVAILABLE, masked
from gateway.core.setup import Policy, Setup
from gateway.log import get_logger

log = get_logger(__name__)

SERVER_ERROR = 500


class NoSuchCall(Refused):
    """A supervisor asked for an extension that is not on a call."""

    sip_status = UNAVAILABLE


class Reception:
    def __init__(
        self,
        runner: Runner,
        media: Media,
        intake: Intake,
        directory: Directory,
        admission: Admission,
        policy: Policy,
        joining: Joining,
        record: Record,
        keys: KeyWays,
    ) -> None:
        self._runner = runner
        self._media = media
        self._intake = intake
        self._directory = directory
        self._admission = admission
        self._policy = policy
        self._joining = joining
        self._record = record
        self._waiting: set[LegId] = set()
        """Supervisors' legs whose record is being committed."""
        self._keys = keys

    def receive(self, offered: LegOffered) -> None:
        """Take or refuse an INVITE. Never raises."""
        wanted: Plan | Supervise | None = None
        try:
            wanted = self._intake.read(offered)
            if isinstance(wanted, Supervise):
                self._ask(offered, wanted)
            else:
                self._place(offered, wanted)
        except Exception as error:
            self._refuse(offered, wanted, error)

    def withdrawn(self, leg: LegId) -> bool:
        """A leg has ended: was it a supervisor's that still waited for its record?"""
        waited = leg in self._waiting
        self._waiting.discard(leg)
        return waited

    def _refuse(self, offered: LegOffered, wanted: Plan | Supervise | None, error: Exception) -> None:
        retry_after_s: int | None = None
        match error:
            case Refused():
                status, retry_after_s, why = error.sip_status, error.retry_after_s, str(error)
            case SdpError():
                status, why = NotAcceptable.sip_status, str(error)
            case PortsExhausted():
                status, retry_after_s, why = (
                    Overloaded.sip_status,
                    self._admission.retry_after_s,
                    str(error),
                )
            case _:
                log.error("call.fault", leg=offered.leg, on="INVITE", exc_info=error)
                status, why = SERVER_ERROR, f"{type(error).__name__}: {error}"
        self._runner.hang_up(offered.leg, status, retry_after_s)
        facts = {"code": status, "why": why, "source": f"{offered.source[0]}:{offered.source[1]}"}
        if isinstance(wanted, Supervise):
            self._tell_refused(wanted, facts)
        else:
            caller = masked(identity_of(offered.from_uri)[0])
            self._runner.publish("call.refused", None, {**facts, "caller": caller, "to": offered.to_user})

    def _place(self, offered: LegOffered, plan: Plan) -> None:
        """Make a call of it. Raises with nothing left behind."""
        self._admission.require_room(self._runner.count())
        call_id = CallId(f"c-{secrets.token_hex(5)}")
        called = LegId(f"{call_id}-called")
        called_role = Role.ADVISOR if plan.calling_role is Role.CALLER else Role.CALLER
        calling_keys = self._keys.of_source(offered.source, offered.names)
        called_keys = self._keys.of_trunk(plan.target.trunk)
        self._media.add_call(call_id)
        try:
            setup = Setup(
                offered=offered,
                called=called,
                calling_role=plan.calling_role,
                advisor=plan.advisor,
                number=plan.number,
                extension=plan.extension,
                uri=plan.target.uri,
                trunk=plan.target.trunk,
                others=plan.target.others,
                calling_address=self._media.add_leg(call_id, offered.leg, plan.calling_role, calling_keys),
                called_address=self._media.add_leg(call_id, called, called_role, called_keys),
                headers=plan.headers,
                session_id=new_session_id(),
                calling_terms=plan.calling_terms,
                called_terms=plan.called_terms,
            )
            call = Call(call_id, setup, self._policy, self._runner.now())
            call.start(self._runner.now())
        except BaseException:
            self._media.remove_call(call_id)
            raise
        self._runner.add(call)

    def _ask(self, offered: LegOffered, wanted: Supervise) -> None:
        """A supervisor may join: once it is on record that they asked. Raises with nothing left behind."""
        call, user = self._joinable(wanted)
        facts = {
            "user": user.id,
            "asked": wanted.wanted.mode.value,
            "via": "feature-code",
            "source": f"{offered.source[0]}:{offered.source[1]}",
            "leg": offered.leg,
        }
        self._waiting.add(offered.leg)
        self._record.before(
            "supervision.asked", call.id, facts, lambda why: self._recorded(offered, wanted, why)
        )

    def _recorded(self, offered: LegOffered, wanted: Supervise, why_not: str | None) -> None:
        """Their record is committed, or cannot be. Meanwhile anything may have changed: all is looked at
        again.
        """
        if offered.leg not in self._waiting:
            return
        self._waiting.discard(offered.leg)
        try:
            if why_not is not None:
                raise Unavailable(why_not)
            call, user = self._joinable(wanted)
            self._joining.seat(call, offered, user, wanted.wanted.mode, "feature-code", wanted.terms)
        except Exception as error:
            self._refuse(offered, wanted, error)

    def _joinable(self, wanted: Supervise) -> tuple[Call, User]:
        """The call that a supervisor asked for, and who they are. Raises where they may not join it."""
        mode, extension = wanted.wanted.mode, wanted.wanted.extension
        if wanted.user is None:
            raise NotPermitted(f"unknown user {wanted.identity}")
        # Permission comes before existence: who may not join is not told either whether there is a call.
        advisor = self._directory.advisor(extension)
        decision = decide(wanted.user, Action.of(mode), advisor.team if advisor else "")
        if not decision.allowed:
            raise NotPermitted(decision.why)
        call = self._runner.on_extension(extension)
        if call is None:
            raise NoSuchCall(f"extension {extension} is not on a call")
        self._joining.require(call, wanted.user, mode)
        return call, wanted.user

    def _tell_refused(self, wanted: Supervise, facts: Mapping[str, Any]) -> None:
        """A supervisor was refused: who, which call, which mode, from where, why."""
        extension = wanted.wanted.extension
        advisor, call = self._directory.advisor(extension), self._runner.on_extension(extension)
        who = {
            "user": wanted.user.id if wanted.user else None,
            "identity": wanted.identity,
            "asked": wanted.wanted.mode.value,
            "extension": extension,
            "via": "feature-code",
            "team": advisor.team if advisor else "",
        }
        self._runner.publish("supervision.refused", call.id if call else None, {**who, **facts})
