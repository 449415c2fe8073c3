"""What a key pressed during the call does: a supervisor's changes their mode, an advisor's may be the panic
code."""

from __future__ import annotations

from gateway.core.actions import Panic
from gateway.core.conversation import Conversation, Supervisor
from gateway.core.events import Digit, LegInfoDigit
from gateway.core.featurecodes import LEAVE, PAST, PanicKeyReader, SupervisorKeyReader
from gateway.core.leg import Leg
from gateway.core.model import Mode, Role
from gateway.core.setup import Policy
from gateway.core.supervision import Supervision


class Keypresses:
    def __init__(self, conversation: Conversation, supervision: Supervision, policy: Policy) -> None:
        self._talk = conversation
        self._supervision = supervision
        self._history_s = policy.history_s
        self._keys = SupervisorKeyReader(**policy.keys)
        # One reader for each way that a key may come: a phone that sends both would otherwise key every digit
        # twice.
        self._panic = {kind: PanicKeyReader(policy.panic_code) for kind in (Digit, LegInfoDigit)}

    def pressed(self, leg: Leg, supervisor: Supervisor | None, event: Digit | LegInfoDigit) -> None:
        """`supervisor` is who is on `leg`; None: a party."""
        if supervisor is not None:
            self._by_supervisor(supervisor, event)
        elif leg.role is Role.ADVISOR and self._panic[type(event)].press(event.digit, self._talk.now.s):
            self._talk.do(Panic(leg.id))

    def _by_supervisor(self, supervisor: Supervisor, event: Digit | LegInfoDigit) -> None:
        if isinstance(event, Digit):
            self._talk.hushed(supervisor)
        meaning = self._keys.press(event.digit)
        if meaning is LEAVE:
            self._supervision.leave(supervisor, "left by key")
        elif meaning is PAST:
            self._supervision.hear_past(supervisor, self._history_s)
        elif isinstance(meaning, Mode):
            self._supervision.set_mode(supervisor, meaning, supervisor.user, "keys")
        if supervisor in self._talk.present:
            self._talk.open_paths()
