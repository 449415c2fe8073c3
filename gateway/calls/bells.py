"""Telephones rung about an alert that are not put on its call: the front desk's number, a manager who may not
whisper, anybody about an alert without a call.

Picking up is the acknowledgement. The display says whom it is about; the line itself is silent, and is hung
up after `TALK_S`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from gateway.calls.joining import new_session_id
from gateway.core.actions import Invite
from gateway.core.codecs import standard
from gateway.core.errors import NotAcceptable, PortsExhausted, SdpError
from gateway.core.events import LegAnswered, LegEnded, LegReoffered, SignallingEvent
from gateway.core.model import CallId, Encoding, LegId, Role
from gateway.core.offeranswer import LegSession
from gateway.core.ports import Media, Signalling
from gateway.core.routing import Target
from gateway.core.terms import USUAL, Terms
from gateway.log import get_logger

log = get_logger(__name__)

TALK_S = 30.0
"""How long a line that was picked up is kept [s]."""
UNUSABLE = 488
TIMED_OUT = 408


@dataclass(slots=True)
class _Bell:
    call: CallId
    """Of the media engine; no call of the gateway's."""
    alert: str
    target: str
    session: LegSession
    answered: bool = False


class Bells:
    """Loop's thread only. `answered(alert, target)` and `failed(alert, target, code)` are told once each."""

    def __init__(
        self,
        signalling: Signalling,
        media: Media,
        *,
        later: Callable[[float, Callable[[], None]], object],
        terms: Callable[[str | None], Terms] = lambda _: USUAL,
    ) -> None:
        """terms: for media, by trunk."""
        self._terms = terms
        self._signalling = signalling
        self._media = media
        self.answered: Callable[[str, str], None] = lambda alert, target: None
        self.failed: Callable[[str, str, int], None] = lambda alert, target, code: None
        """Set by the summons before the first bell."""
        self._later = later
        self._bells: dict[LegId, _Bell] = {}

    def ring(self, alert: str, target: str, where: Target, name: str, ring_s: float) -> bool:
        """Call `where`, showing `name`. False where that cannot be done now; then nothing is told later."""
        leg = LegId(f"bell-{secrets.token_hex(5)}")
        call = CallId(leg)
        try:
            self._media.add_call(call)
            own = self._media.add_leg(call, leg, Role.SUPERVISOR)
        except PortsExhausted as error:
            self._media.remove_call(call)
            log.warning("alert.cannot_ring", alert=alert, target=target, why=str(error))
            return False
        session = LegSession(own, new_session_id(), self._terms(where.trunk))
        headers = {"Priority": "emergency", "Subject": f"alert {alert}"}
        self._bells[leg] = _Bell(call, alert, target, session)
        try:
            offer = session.offer(standard(list(Encoding)))
            self._signalling.invite(
                Invite(leg, where.uri, offer, from_name=name, headers=headers, trunk=where.trunk)
            )
        except Exception:
            log.exception("action.failed", action="Invite", leg=leg)
            self._forget(leg)
            return False
        self._later(ring_s, lambda: self._give_up(leg))
        return True

    def owns(self, leg: LegId) -> bool:
        return leg in self._bells

    def hush(self, alert: str, target: str) -> None:
        """Let a phone that rings be silent again; one that was picked up stays."""
        for leg, bell in list(self._bells.items()):
            if (bell.alert, bell.target) == (alert, target) and not bell.answered:
                self._hang_up(leg)

    def give(self, event: SignallingEvent) -> None:
        """An event of a leg that `owns` knows."""
        bell = self._bells.get(event.leg)
        if bell is None:
            return
        match event:
            case LegAnswered():
                self._pick_up(event.leg, bell, event.sdp)
            case LegReoffered():
                self._signalling.refuse_reoffer(event.leg, UNUSABLE)
            case LegEnded():
                self._forget(event.leg)
                if not bell.answered:
                    self.failed(bell.alert, bell.target, event.code)

    def end_all(self) -> None:
        for leg in list(self._bells):
            self._hang_up(leg)

    def _pick_up(self, leg: LegId, bell: _Bell, sdp: str | None) -> None:
        try:
            self._media.connect(leg, bell.session.take_answer(sdp or ""))
        except (SdpError, NotAcceptable) as error:
            # Somebody is there all the same: what counts is that they know.
            log.warning("alert.no_audio", alert=bell.alert, target=bell.target, why=str(error))
        bell.answered = True
        self._later(TALK_S, lambda: self._hang_up(leg))
        self.answered(bell.alert, bell.target)

    def _give_up(self, leg: LegId) -> None:
        bell = self._bells.get(leg)
        if bell is not None and not bell.answered:
            self._hang_up(leg)
            self.failed(bell.alert, bell.target, TIMED_OUT)

    def _hang_up(self, leg: LegId) -> None:
        if leg in self._bells:
            self._forget(leg)
            self._signalling.hang_up(leg)

    def _forget(self, leg: LegId) -> None:
        bell = self._bells.pop(leg)
        self._media.remove_call(bell.call)
