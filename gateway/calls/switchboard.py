"""One face for two kinds of legs: phones by SIP, browsers' headsets. Each command goes to whose leg it is.

The call logic sees legs only: every rule of supervision is the same code for both.
"""

from __future__ import annotations

from gateway.core.actions import Invite
from gateway.core.model import LegId
from gateway.core.ports import Headsets, Signalling


class Switchboard(Signalling):
    def __init__(self, phones: Signalling, headsets: Headsets) -> None:
        self._phones = phones
        self._headsets = headsets

    def _of(self, leg: LegId) -> Signalling:
        return self._headsets if self._headsets.owns(leg) else self._phones

    def invite(self, wanted: Invite) -> None:
        self._phones.invite(wanted)

    def progress(self, leg: LegId, code: int, sdp: str | None = None) -> None:
        self._of(leg).progress(leg, code, sdp)

    def answer(self, leg: LegId, sdp: str) -> None:
        self._of(leg).answer(leg, sdp)

    def hang_up(self, leg: LegId, code: int = 0, *, retry_after_s: int | None = None) -> None:
        self._of(leg).hang_up(leg, code, retry_after_s=retry_after_s)

    def reoffer(self, leg: LegId, sdp: str) -> None:
        self._of(leg).reoffer(leg, sdp)

    def answer_reoffer(self, leg: LegId, sdp: str) -> None:
        self._of(leg).answer_reoffer(leg, sdp)

    def refuse_reoffer(self, leg: LegId, code: int = 488) -> None:
        self._of(leg).refuse_reoffer(leg, code)
