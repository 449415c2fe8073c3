"""What the call logic asks of its adapters. Implemented by `gateway.sip`, `gateway.media`, `gateway.feeds`
and `gateway.trail`; all are given to it in `gateway.app`. What people's tools ask of it is in `control`.

Every method is called on the asyncio loop's thread, returns at once and never blocks: adapters queue the
work for their own thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.core.actions import Invite
from gateway.core.events import LegOffered
from gateway.core.model import Address, CallId, KeysBy, LegId, LegMedia, Role
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

    def add_call(self, call: CallId) -> None:
        """Make room for a call; no port is taken yet. `remove_call` ends it."""

    def add_leg(self, call: CallId, leg: LegId, role: Role, keys: KeysBy = KeysBy.RFC4733) -> Address:
        """Bind a port; returns the address to write into our SDP. Raises `PortsExhausted`. Nothing flows
        before `connect`. keys: how this leg's come; by INFO, its telephone-events are none.
        """

    def connect(self, leg: LegId, media: LegMedia) -> None:
        """Set or change what was negotiated; re-opens source latching (RFC 7362). Takes effect between two
        packets; ValueError for what the engine cannot carry, with nothing changed.
        """

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

    def remove_leg(self, leg: LegId) -> None:
        """Close its port, which then rests; nobody hears it any more. Nothing for one that is gone."""

    def remove_call(self, call: CallId) -> None:
        """Remove what legs are left, then the call. Open taps read on to their end."""

    def open_tap(self, call: CallId, *, history_s: float = 0.0, speed: float = 1.0) -> Tap:
        """history_s: begin so long ago, or as far back as is kept. speed: play that so much faster, pitch
        kept, until it is live; 1: give it out as fast as it is read.
        """

    def stats(self, leg: LegId) -> StreamStats:
        """Since the leg was added. KeyError for one that is gone."""

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
