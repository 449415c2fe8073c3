"""What people's tools (web, MQTT, feeds) ask of the calls and of the floor. Implemented by `gateway.calls`;
loop's thread only, and nothing here blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from gateway.core.events import News
from gateway.core.help import HelpKind
from gateway.core.model import Address, CallId, LegId, Mode
from gateway.core.permissions import User
from gateway.core.ports import Tap


class Control(Protocol):
    """The calls, their supervisors and alerts. Implemented by `gateway.calls.exchange`.

    Each method checks `core.permissions`, publishes one `News` whether allowed or refused, and raises
    `NotPermitted` when refused, `NoRoute` when the call, supervisor or alert is unknown.
    """

    def calls(self) -> list[dict[str, Any]]:
        """Snapshots of the live calls, ready for JSON; the same shape as in the news `call.*`."""

    def alerts(self) -> list[dict[str, Any]]:
        """Snapshots of the alerts not yet resolved, ready for JSON."""

    def subscribe(self, watcher: Callable[[News], None]) -> Callable[[], None]:
        """Give every later News to `watcher` (which must not block or raise); returns the function that ends
        it.
        """

    def subscribe_talk(self, watcher: Callable[[News], None]) -> Callable[[], None]:
        """As `subscribe`, for who speaks: `call.talk` and `talk.levels`, a few times a second."""

    def open_analysis(self, call: CallId) -> Tap:
        """A tap of the gateway's own, for figures only: nobody hears it. Raises `NoRoute`."""

    def open_feed(
        self, user: User | None, call: CallId, *, history_s: float = 0.0, speed: float = 1.0
    ) -> Tap:
        """Start a listener's feed; `close_feed` ends it. The News `feed.started` names the user and call, and
        how far back it begins. history_s, speed: as in `Media.open_tap`.
        """

    def close_feed(self, user: User, call: CallId, tap: Tap, *, missed_ms: int, sent_frames: int) -> None:
        """Close the tap, also of a call that has ended; the News `feed.ended` has the figures. missed_ms:
        what the listener was too slow for; sent_frames: [# of 20 ms].
        """

    def supervise(
        self,
        user: User | None,
        call: CallId,
        mode: Mode,
        via: str,
        uri: str | None = None,
        source: Address = ("", 0),
        most_rate_hz: int = 8000,
    ) -> LegId:
        """Put `user` on a call: `web` at once, by a headset whose WebSocket is to follow; `sip` by ringing
        their phone, or `uri`. source: where the request came from. most_rate_hz: as in `Headsets.offer`.
        Raises `Refused` kinds, `ValueError` for a `via` or `uri` that cannot be.
        """

    def set_mode(self, user: User | None, call: CallId, supervisor: LegId, mode: Mode) -> None:
        """Change how a supervisor is on the call, between two packets and without a re-INVITE. `user`, who
        asks, must be allowed that mode, as must the supervisor.
        """

    def dismiss(self, user: User | None, call: CallId, supervisor: LegId) -> None:
        """Take a supervisor's leg off the call."""

    def raise_alert(
        self, user: User | None, call: CallId | None, via: str, reason: str = ""
    ) -> dict[str, Any]:
        """An advisor's raised hand: escalated from now on until a person takes it. call: None for the one
        that the advisor is on, or none at all. Returns its snapshot, ready for JSON, as the others do.
        """

    def acknowledge_alert(self, user: User | None, alert: str) -> dict[str, Any]:
        """ "I am coming": ends the escalation; the first one wins, and both are told."""

    def resolve_alert(self, user: User | None, alert: str) -> dict[str, Any]:
        """It is over, and is no longer among `alerts`."""

    def raise_drill(self) -> str:
        """A raise that rings nobody and is no alert: the News `drill.raised` names it, and so does this."""


class Floor(Protocol):
    """Duty and help requests, and what an advisor may see of their own. Implemented by `gateway.calls.floor`;
    loop's thread only. Raises and publishes as `Control` does; ValueError for teams that are not the asker's.
    """

    def duty(self) -> list[dict[str, Any]]:
        """Who is on duty, ready for JSON."""

    def duty_of(self, user: User) -> dict[str, Any]:
        """One's own duty, with `on` false where there is none."""

    def set_duty(self, user: User, on: bool, clinical: bool, teams: Sequence[str] | None) -> dict[str, Any]:
        """Come on duty (teams None: for all of one's own), change what for, or go off."""

    def help(self) -> list[dict[str, Any]]:
        """The requests that are not closed, ready for JSON."""

    def ask_help(self, user: User, kind: HelpKind, call: CallId | None, reason: str) -> dict[str, Any]:
        """An advisor asks for themselves; about their own call where they are on one."""

    def answer_help(self, user: User, help_: str) -> dict[str, Any]:
        """ "I take it": the first one wins."""

    def close_help(self, user: User, help_: str) -> None:
        """It is over: by whoever asked, or whoever may answer."""

    def me(self, user: User) -> dict[str, Any]:
        """An advisor's own call, alert and requests, and how many are on duty for their team."""
