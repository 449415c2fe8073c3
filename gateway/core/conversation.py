"""The legs of one call and what has been decided so far: the common ground of set-up, re-offers and
supervision.

Decides nothing by itself. Its owner sets `now` before each event and takes `actions` after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from gateway.core.actions import Action, ConnectLeg, HangUp, Publish, PublishCall, RemoveLeg, SetTalkPath
from gateway.core.clock import Moment
from gateway.core.codecs import WIDEBAND
from gateway.core.leg import Leg, LegState
from gateway.core.model import CallId, Encoding, LegId, Mode
from gateway.core.permissions import User
from gateway.core.talkpath import Gains, talk_path


class Presence(Enum):
    """Where a supervisor is with this call."""

    RUNG = "rung"
    """We call them, about an alert or because they asked for it."""
    JOINING = "joining"
    """They called without an offer; their answer to ours is to come."""
    ON_CALL = "on call"


@dataclass(eq=False)
class Supervisor:
    leg: Leg
    user: User
    mode: Mode
    since: str
    """RFC 3339: joined, or rung."""
    via: str
    """How they came: `feature-code` (they dialled in), `alert` (rung about one), `web` (a browser's headset),
    `sip` (rung because they asked for it).
    """
    source: str
    """Where their leg comes from, for the log: `ip:port`, or the URI that was rung."""
    presence: Presence
    alert: str | None = None
    """The alert that they were rung about."""
    deadline_s: float | None = None
    """Rung: when to give up [s, monotonic]."""
    past_until_s: float = 0.0
    """Until then they hear what was said before they asked for it [s, monotonic]."""


@dataclass(eq=False)
class Conversation:
    id: CallId
    team: str
    """The advisor's team; empty where the advisor is not configured, so that only people of all teams may
    act.
    """
    caller: Leg
    advisor: Leg
    now: Moment
    supervisors: dict[LegId, Supervisor] = field(default_factory=dict)
    leaving: dict[LegId, Leg] = field(default_factory=dict)
    """Supervisors' legs that are hung up but whose dialog has not ended yet."""
    actions: list[Action] = field(default_factory=list)
    _gains: Gains | None = field(default_factory=dict)
    """What the media engine was last told; None: it may have changed something by itself."""

    def do(self, action: Action) -> None:
        self.actions.append(action)

    def publish(self, kind: str, data: Mapping[str, Any]) -> None:
        self.do(Publish(kind, data))

    def publish_call(self, kind: str, why: str | None = None) -> None:
        self.do(PublishCall(kind, why))

    # ── who is here ──

    @property
    def parties(self) -> tuple[Leg, Leg]:
        return self.caller, self.advisor

    def leg(self, leg: LegId) -> Leg | None:
        for party in self.parties:
            if party.id == leg:
                return party
        supervisor = self.supervisors.get(leg)
        return supervisor.leg if supervisor else self.leaving.get(leg)

    def legs(self) -> Iterator[Leg]:
        """Every leg whose dialog may still be alive, parties first."""
        yield from self.parties
        yield from (supervisor.leg for supervisor in self.supervisors.values())
        yield from self.leaving.values()

    def partner(self, leg: Leg) -> Leg:
        return self.advisor if leg is self.caller else self.caller

    @property
    def widest(self) -> Encoding | None:
        """The codec of the party who is heard at the widest rate, of two alike the caller's; None: nothing is
        agreed yet.
        """
        agreed = [party.session.media.encoding for party in self.parties if party.session.media]
        return max(agreed, key=lambda encoding: encoding in WIDEBAND, default=None)

    @property
    def present(self) -> list[Supervisor]:
        return [
            supervisor for supervisor in self.supervisors.values() if supervisor.presence is Presence.ON_CALL
        ]

    @property
    def taken_over_by(self) -> Supervisor | None:
        return next((supervisor for supervisor in self.present if supervisor.mode is Mode.TAKEOVER), None)

    @property
    def speaking_to_caller(self) -> list[Supervisor]:
        return [supervisor for supervisor in self.present if supervisor.mode in (Mode.BARGE, Mode.TAKEOVER)]

    # ── what several parts do alike ──

    def connect(self, leg: Leg) -> None:
        """Tell the media engine what was agreed, unless it knows: telling it again would re-open latching."""
        media = leg.session.media
        if media is not None and media != leg.connected:
            leg.connected = media
            self.do(ConnectLeg(leg.id, media))

    def open_paths(self) -> None:
        """Set who hears whom from who is here in which mode."""
        caller, advisor = (party.id if party.alive and party.connected else None for party in self.parties)
        modes = {
            supervisor.leg.id: self._heard_as(supervisor)
            for supervisor in self.present
            if supervisor.leg.connected
        }
        gains = talk_path(caller, advisor, modes)
        if gains != self._gains:
            self._gains = gains
            self.do(SetTalkPath(gains))

    def hushed(self, supervisor: Supervisor) -> None:
        """The media engine has shut a supervisor's way to the caller with the first packet of a key, whatever
        it means, and may have been told meanwhile to open it again: where it was open, the next `open_paths`
        tells it the whole table.
        """
        if self._gains is not None and (supervisor.leg.id, self.caller.id) in self._gains:
            self._gains = None

    def _heard_as(self, supervisor: Supervisor) -> Mode:
        """The mode for the talk path: while a supervisor's phone is on hold nobody hears its music, except a
        patient who has nobody else.
        """
        alone = supervisor.mode is Mode.TAKEOVER or (supervisor.mode is Mode.BARGE and not self.advisor.alive)
        return supervisor.mode if alone or not supervisor.leg.held else Mode.LISTEN

    def hang_up(self, leg: Leg, code: int = 0, retry_after_s: int | None = None) -> None:
        """End a leg; nothing where it is ended or ending already."""
        if leg.alive:
            leg.enter(LegState.ENDING)
            self.do(HangUp(leg.id, code, retry_after_s))

    def repeat_hang_up(self, leg: Leg) -> None:
        """What we sent crossed an answer: end the leg again, now as an answered one."""
        self.do(HangUp(leg.id))

    def remove(self, leg: Leg) -> None:
        """Give the media of a party who has left back."""
        self.open_paths()
        self.do(RemoveLeg(leg.id))

    def release(self, supervisor: Supervisor) -> None:
        """Take a supervisor out of the table, their dialog ended or hung up."""
        leg = supervisor.leg
        del self.supervisors[leg.id]
        if leg.state is not LegState.ENDED:
            self.leaving[leg.id] = leg
        self.open_paths()
        self.do(RemoveLeg(leg.id))
