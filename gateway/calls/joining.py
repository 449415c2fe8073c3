"""How a supervisor comes onto a call: they dialled in, their browser asks, or their phone is rung. The checks
and the steps are the same whichever way. Loop's thread only.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from gateway.calls.keys import KeyWays
from gateway.calls.runner import Runner
from gateway.core.actions import Invite
from gateway.core.call import Call
from gateway.core.errors import NotPermitted, Refused, Unavailable
from gateway.core.events import LegOffered
from gateway.core.model import LegId, Mode, Role
from gateway.core.permissions import User
from gateway.core.ports import Media, Record
from gateway.core.routing import Target
from gateway.core.terms import USUAL, Terms

MOST_JOINED = 5
"""Supervisors who may join a call by themselves. The engine has room for one more: whoever an alert rings."""


class CallCrowded(Refused):
    """The call has as many supervisors as it can carry."""

    sip_status = 486


def new_session_id() -> int:
    """For the origin line of our SDP (RFC 8866 §5.2): unique with overwhelming probability."""
    return secrets.randbits(48) + 1


def new_leg(call: Call) -> LegId:
    """A name for a leg that begins with us."""
    return LegId(f"{call.id}-{secrets.token_hex(5)}")


class Joining:
    def __init__(
        self,
        runner: Runner,
        media: Media,
        record: Record,
        keys: KeyWays,
        terms: Callable[[str | None], Terms] = lambda _: USUAL,
    ) -> None:
        """record: the trail. terms: for media, by trunk."""
        self._terms = terms
        self._runner = runner
        self._media = media
        self._record = record
        self._keys = keys

    def require(self, call: Call, user: User, mode: Mode) -> None:
        """May `user` join by themselves, is there room, and can it be recorded? Raises `NotPermitted`,
        `CallCrowded` or `Unavailable`.
        """
        if why := self._record.why_not():
            raise Unavailable(why)
        decision = call.judge(user, mode)
        if not decision.allowed:
            raise NotPermitted(decision.why)
        if len(call.snapshot()["supervisors"]) >= MOST_JOINED:
            raise CallCrowded(f"{MOST_JOINED} supervisors are on the call of {call.extension} already")

    def seat(
        self,
        call: Call,
        offered: LegOffered,
        user: User,
        mode: Mode,
        via: str,
        terms: Terms = USUAL,
    ) -> None:
        """Put a leg that was offered on the call. Raises `PortsExhausted`, `SdpError`, `NotAcceptable` with
        nothing left behind.
        """
        keys = self._keys.of_source(offered.source, offered.names)
        own = self._media.add_leg(call.id, offered.leg, Role.SUPERVISOR, keys)
        try:
            call.join(offered, user, mode, own, new_session_id(), self._runner.now(), via, terms)
        except BaseException:
            self._media.remove_leg(offered.leg)
            raise
        self._runner.adopt(call, offered.leg)
        self._runner.carry(call)

    def ring(
        self,
        call: Call,
        user: User,
        target: Target,
        mode: Mode,
        *,
        alert: str | None,
        name: str,
        headers: Mapping[str, str],
        ring_s: float,
    ) -> LegId:
        """Call `user` at `target`; when they answer they are on the call in `mode`. Raises `PortsExhausted`
        with nothing left behind.
        """
        leg = new_leg(call)
        own = self._media.add_leg(call.id, leg, Role.SUPERVISOR, self._keys.of_trunk(target.trunk))
        invite = Invite(leg, target.uri, "", None, name, headers, target.trunk)
        now, terms = self._runner.now(), self._terms(target.trunk)
        self._runner.adopt(call, leg)
        self._runner.run(
            call,
            lambda: call.summon(invite, user, alert, own, new_session_id(), ring_s, now, mode, terms),
        )
        return leg
