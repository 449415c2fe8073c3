"""What the call logic asks of its adapters. Implemented by `gateway.sip` and `gateway.media`; both are given
to it in `gateway.app`.

Every method is called on the asyncio loop's thread, returns at once and never blocks: adapters queue the
work for their own thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.core.actions import Invite
from gateway.core.events import LegOffered, News
from gateway.core.help import HelpKind
from gateway.core.model import Address, CallId, KeysBy, LegId, LegMedia, Mode, Role
from gateway.core.permissions import User


class Signalling(Protocol):
    """SIP dialogs by leg. A method for a leg that has just ended is ignored: its `LegEnded` is already on
    the way.
    """

    def invite(self, wanted: Invite) -> None:
        """Call `wanted.uri` with the offer `wanted.sdp`; `wanted.leg` is the caller's to choose. Then
        LegTrying, LegProgress*, LegAnswered or LegEnded.
        """

    def progress(self, leg: LegId, code: int, sdp: str | None = None) -> None:
        """Send a provisional response (180, 183) to an offered leg, with an early answer if `sdp` is
        given.
        """

    def answer(self, leg: LegId, sdp: str) -> None:
        """Accept an offered leg with 200 and `sdp` (the answer; the offer where the INVITE had none)."""

    def hang_up(self, leg: LegId, code: int = 0, *, retry_after_s: int | None = None) -> None:
        """End a leg as its state demands: refuse an offered one with `code` (default 603), CANCEL a ringing
        one, BYE an answered one.
        """

    def reoffer(self, leg: LegId, sdp: str) -> None:
        """Send a re-INVITE with a new offer. Then LegReanswered or LegReofferRefused."""

    def answer_reoffer(self, leg: LegId, sdp: str) -> None:
        """Accept the re-INVITE that LegReoffered told of."""

    def refuse_reoffer(self, leg: LegId, code: int = 488) -> None:
        """Refuse it; the old session stays in force."""


class Probe(Protocol):
    """Asks a peer whether it is there."""

    def ask_options(self, trunk: str, uri: str) -> None:
        """Send one OPTIONS out of dialog to `uri`, whose host is an IP address. Then TrunkAnswered."""


class Headsets(Signalling, Protocol):
    """Supervisors' browsers, as if they were phones: each is one leg, with an RTP endpoint on this machine
    and a WebSocket to the browser. What phones alone do (progress, re-offers) is ignored.
    """

    def offer(
        self, leg: LegId, user: User, call: CallId, source: Address, most_rate_hz: int = 8000
    ) -> LegOffered:
        """Open an endpoint; what it returns is answered or hung up like a phone's INVITE. source: the
        browser's address, for the log. most_rate_hz: that the browser takes, 8000 or 16000. Raises
        `PortsExhausted`.
        """

    def owns(self, leg: LegId) -> bool:
        """Is this leg one of the headsets', alive or just ended?"""


class Door(Protocol):
    """Who may call at all, by where it comes from alone. Asked on the SIP thread: quick, and never raises."""

    def knows(self, host: str, names: Iterable[str] = ()) -> bool:
        """May this IP address send INVITEs, whose certificate proves it to be `names`?"""

    def may_connect(self, host: str) -> bool:
        """May this IP address connect at all? Who may call by their certificate may come from anywhere."""

    def turned_away(self) -> int | None:
        """One more was refused. How many were before it without being told, since the last that was; None:
        do not tell this one, it is counted.
        """


@dataclass(frozen=True, slots=True)
class StreamStats:
    """RFC 3550 §6.4 figures of what was received on one leg, and what was sent to it."""

    received: int
    received_bytes: int
    sent: int
    lost: int
    out_of_order: int
    duplicates: int
    jitter_ms: float
    level_db: float
    """Short-term level of what this leg sends, dBFS (sine at full scale = -3.01); -96 when silent."""
    talking: bool
    overlaid: int
    """Packets towards this leg that were decoded, mixed and encoded; the rest of `sent` was relayed
    untouched.
    """
    refused: Mapping[str, int]
    """Dropped packets by reason."""
    source: Address | None
    """The latched source; None before the first packet."""
    rtt_ms: float | None = None
    """Round trip to the far side, by its RTCP; None: not measured."""
    remote_lost: int | None = None
    """Packets of ours that the far side has not received, by its last report; None: it sends none."""
    remote_jitter_ms: float | None = None


class Tap(Protocol):
    """A read-only copy of the parties' own streams, never of a mix that a whisper is in. Cannot disturb the
    call.
    """

    def read(self) -> tuple[int, Any, int] | None:
        """The next 20 ms: (media_time_ms since the call's media began, int16 array of shape (2, 160):
        caller, advisor, missed_ms).

        None when the next frame is not due yet. `missed_ms` > 0 says that so much was overwritten before
        this frame was read. Does not block; any thread, one at a time.
        """

    def wide(self) -> list[Any]:
        """The frame last read once more, at 16 kHz: for caller and advisor an int16 array of shape (320,), or
        None for one who was not heard at that rate.
        """

    @property
    def live(self) -> bool:
        """Frames come as they become due. False for one that was opened in the past and is not there yet: its
        media times may be further apart than 20 ms.
        """

    @property
    def media_time_ms(self) -> int:
        """Of the next frame."""

    @property
    def began_us(self) -> int:
        """When media time was 0, by the monotonic clock."""

    def close(self) -> None:
        """Free the ring. Safe twice, and after the call has ended."""


class Media(Protocol):
    """The media engine by call and leg. A leg's port is bound when it is added and released when it is
    removed.
    """

    def add_call(self, call: CallId) -> None: ...

    def add_leg(self, call: CallId, leg: LegId, role: Role, keys: KeysBy = KeysBy.RFC4733) -> Address:
        """Bind a port; returns the address to write into our SDP. Raises `PortsExhausted`. Nothing flows
        before `connect`.
        """

    def connect(self, leg: LegId, media: LegMedia) -> None:
        """Set or change what was negotiated; re-opens source latching."""

    def set_talk_path(self, call: CallId, gains: Mapping[tuple[LegId, LegId], float]) -> None:
        """Replace the whole table {(source, listener): gain}; absent pairs are 0. Changes ramp over 10 ms
        between two packets.
        """

    def hear_past(self, leg: LegId, seconds: float) -> None:
        """Let this leg alone hear the last `seconds` of both parties again, faster until it is live; 0: back
        to the present. Nothing where no history is kept.
        """

    def play_tone(self, leg: LegId) -> None:
        """Let an advisor hear a short tone over the call (200 ms), and nobody else. ValueError for a leg that
        is no advisor's.
        """

    def remove_leg(self, leg: LegId) -> None: ...

    def remove_call(self, call: CallId) -> None:
        """Remove what legs are left, then the call. Open taps read on to their end."""

    def open_tap(self, call: CallId, *, history_s: float = 0.0, speed: float = 1.0) -> Tap:
        """history_s: begin so long ago, or as far back as is kept. speed: play that so much faster, pitch
        kept, until it is live; 1: give it out as fast as it is read.
        """

    def stats(self, leg: LegId) -> StreamStats: ...

    def levels(self) -> dict[LegId, float]:
        """Short-term level [dBFS] of what each leg sends; those that are silent are left out."""

    def deliver_waiting(self) -> None:
        """Deliver the events that wait already, before one from elsewhere is acted upon."""


class Record(Protocol):
    """The trail, as those see it who must not let anybody in unrecorded. Implemented by
    `gateway.trail.writer`.
    """

    def why_not(self) -> str | None:
        """None while records are committed in time; else why not: then nobody new may supervise or listen."""

    def before(
        self, kind: str, call: str | None, facts: Mapping[str, Any], then: Callable[[str | None], None]
    ) -> None:
        """Commit the record, then call `then` on the loop: with None when it is on the disk, with the reason
        when it is not.
        """


class Unrecorded(Record):
    """No trail: for tests, and parts that are used alone."""

    def why_not(self) -> str | None:
        return None

    def before(
        self, kind: str, call: str | None, facts: Mapping[str, Any], then: Callable[[str | None], None]
    ) -> None:
        then(None)


class Control(Protocol):
    """What people's tools (web, MQTT, the phone keys) ask of the calls. Implemented by `gateway.calls`;
    loop's thread only.

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

    def close_feed(self, user: User, call: CallId, tap: Tap, *, missed_ms: int, sent_frames: int) -> None: ...

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

    def set_mode(self, user: User | None, call: CallId, supervisor: LegId, mode: Mode) -> None: ...

    def dismiss(self, user: User | None, call: CallId, supervisor: LegId) -> None:
        """Take a supervisor's leg off the call."""

    def raise_alert(
        self, user: User | None, call: CallId | None, via: str, reason: str = ""
    ) -> dict[str, Any]: ...

    def acknowledge_alert(self, user: User | None, alert: str) -> dict[str, Any]: ...

    def resolve_alert(self, user: User | None, alert: str) -> dict[str, Any]: ...

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
