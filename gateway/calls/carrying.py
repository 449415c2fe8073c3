"""Actions of a call carried out through the ports, in order. One that fails is logged and told; the others go
on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gateway.core import actions as act
from gateway.core.events import LegEnded, LegReofferRefused, SignallingEvent
from gateway.core.model import CallId, LegId
from gateway.core.ports import Media, Signalling
from gateway.log import get_logger

log = get_logger(__name__)

RETRY_S = 0.2
"""A hang-up that could not even be queued is tried again after this [s], until it is."""
Action = act.Action


class Hands:
    """Does what needs nothing but the two ports; what is left goes to the exchange."""

    def __init__(
        self, signalling: Signalling, media: Media, later: Callable[[float, Callable[[], None]], object]
    ) -> None:
        """`later(delay_s, step)` runs `step` on the loop after that time."""
        self._later = later
        self._signalling = signalling
        self._media = media
        self._verbs: Mapping[type[Any], Callable[[CallId, Any], None]] = {
            act.Invite: lambda _, a: signalling.invite(a),
            act.Progress: lambda _, a: signalling.progress(a.leg, a.code, a.sdp),
            act.Answer: lambda _, a: signalling.answer(a.leg, a.sdp),
            act.HangUp: lambda _, a: signalling.hang_up(a.leg, a.code, retry_after_s=a.retry_after_s),
            act.Reoffer: lambda _, a: signalling.reoffer(a.leg, a.sdp),
            act.AnswerReoffer: lambda _, a: signalling.answer_reoffer(a.leg, a.sdp),
            act.RefuseReoffer: lambda _, a: signalling.refuse_reoffer(a.leg, a.code),
            act.ConnectLeg: lambda _, a: media.connect(a.leg, a.media),
            act.SetTalkPath: lambda call, a: media.set_talk_path(call, a.gains),
            act.HearPast: lambda _, a: media.hear_past(a.leg, a.seconds),
            act.PlayTone: lambda _, a: media.play_tone(a.leg),
            act.RemoveLeg: lambda _, a: media.remove_leg(a.leg),
            act.RemoveMedia: lambda call, _: media.remove_call(call),
        }

    def carry(self, call: CallId, action: Action) -> tuple[bool, SignallingEvent | None]:
        """(was it mine to do, what the call must be told because it failed). Never raises."""
        verb = self._verbs.get(type(action))
        if verb is None:
            return False, None
        try:
            verb(call, action)
        except Exception as error:
            log.exception(
                "action.failed", call=call, action=type(action).__name__, leg=getattr(action, "leg", None)
            )
            return True, self._consequence(action, error)
        return True, None

    def packets(self, leg: LegId) -> int:
        """How many packets came in on a leg so far; 0 for one without media."""
        try:
            return self._media.stats(leg).received
        except Exception:
            return 0

    def _consequence(self, action: Action, error: Exception) -> SignallingEvent | None:
        """A leg that could not be called, answered or connected is over; a re-INVITE that could not be sent
        is refused.
        """
        match action:
            case act.HangUp():
                self._later(RETRY_S, lambda: void(self.carry(CallId(""), action)))
            case act.Reoffer():
                return LegReofferRefused(action.leg, 500)
            case act.Invite() | act.Answer() | act.ConnectLeg():
                try:
                    self._signalling.hang_up(action.leg, 500)
                except Exception:
                    log.exception("action.failed", action="HangUp", leg=action.leg)
                return LegEnded(action.leg, 500, f"{type(error).__name__}: {error}")
        return None


def void(_: object) -> None:
    """Discard a result."""
