"""What adapters tell the control plane. Plain frozen data; every event is delivered on the asyncio loop's
thread.

Three families: signalling (from `sip`), media (from `media`), and news (from the call logic to whoever
watches: web, MQTT, trail).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.core.model import Address, CallId, LegId

# ── signalling: one dialog each (RFC 3261 §12) ────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class LegOffered:
    """An INVITE came in and waits for an answer; `leg` was made up by the signalling adapter."""

    leg: LegId
    from_uri: str
    from_name: str
    to_uri: str
    """The Request-URI: who is being called."""
    to_user: str
    """Its user part, percent-decoded: `2001`, `*722001`."""
    sdp: str | None
    """The offer; None when the peer expects ours in the answer (late offer, RFC 3264 §5)."""
    source: Address
    """Where the request came from, for trunk identification."""
    transport: str
    """`udp`, `tcp` or `tls`, as the request says."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Header fields by their full name, the first value of each."""
    names: tuple[str, ...] = ()
    """What the verified certificate of the connection proves, in lower case; empty without."""


@dataclass(frozen=True, slots=True)
class LegTrying:
    """The peer's server has our INVITE (100, or any later provisional response)."""

    leg: LegId


@dataclass(frozen=True, slots=True)
class LegProgress:
    """A provisional response to our INVITE: 180 ringing, 183 with early media."""

    leg: LegId
    code: int
    reason: str
    sdp: str | None


@dataclass(frozen=True, slots=True)
class LegAnswered:
    """Our INVITE was answered with 200 (the adapter has sent the ACK)."""

    leg: LegId
    sdp: str | None


@dataclass(frozen=True, slots=True)
class LegConfirmed:
    """The ACK for the answer that we gave came in; `sdp` is the peer's answer where we made the offer."""

    leg: LegId
    sdp: str | None


@dataclass(frozen=True, slots=True)
class LegReoffered:
    """A re-INVITE waits for `answer_reoffer` or `refuse_reoffer`. sdp None: the peer wants ours."""

    leg: LegId
    sdp: str | None
    answered: str | None = None
    """It was an UPDATE, which has been answered with this: of our session as it stood what the offer had of
    it, and perhaps other keys.
    """


@dataclass(frozen=True, slots=True)
class LegReanswered:
    """The peer accepted our re-INVITE."""

    leg: LegId
    sdp: str | None


@dataclass(frozen=True, slots=True)
class LegReofferRefused:
    """The peer refused our re-INVITE (488, 491, a timeout): the old session stays in force."""

    leg: LegId
    code: int


@dataclass(frozen=True, slots=True)
class LegInfoDigit:
    """A key by SIP INFO (application/dtmf-relay)."""

    leg: LegId
    digit: str


@dataclass(frozen=True, slots=True)
class LegEnded:
    """The dialog is over, whatever state it was in; nothing more comes for this leg.

    `code` is the final response where there was one (486, 487 cancelled, 408 timeout, 503), 200 after a BYE.
    """

    leg: LegId
    code: int
    reason: str
    retry_after_s: int | None = None


SignallingEvent = (
    LegOffered
    | LegTrying
    | LegProgress
    | LegAnswered
    | LegConfirmed
    | LegReoffered
    | LegReanswered
    | LegReofferRefused
    | LegInfoDigit
    | LegEnded
)


@dataclass(frozen=True, slots=True)
class StrangerRefused:
    """An INVITE from an address that is no trunk's has had its 403; no leg was made of it."""

    source: Address
    from_uri: str
    to_user: str
    others: int
    """How many more were refused since the last one that was told."""


@dataclass(frozen=True, slots=True)
class TrunkAnswered:
    """An OPTIONS that was sent to a trunk is over."""

    trunk: str
    code: int
    """The final response; 408 where none came within 32 s (RFC 3261 Timer F), 503 where it could not be
    sent."""
    why: str
    """The same for people: `200 OK`."""


FromSignalling = SignallingEvent | StrangerRefused | TrunkAnswered
"""All that the signalling adapter delivers."""

# ── media ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class StreamLatched:
    """The first valid packet showed the leg's real source; the leg is locked to it until the next
    re-INVITE.
    """

    leg: LegId
    source: Address


@dataclass(frozen=True, slots=True)
class StreamSilent:
    """No RTP packet for the configured time on a leg that had been sending."""

    leg: LegId
    silent_ms: int


@dataclass(frozen=True, slots=True)
class StreamResumed:
    """Packets came again after `StreamSilent`."""

    leg: LegId


@dataclass(frozen=True, slots=True)
class Digit:
    """A key by telephone-event, reported once per press, with the first of its packets (RFC 4733 §2.5): a
    call that ends before the key does has had it.
    """

    leg: LegId
    digit: str
    duration_ms: int
    """So far."""


@dataclass(frozen=True, slots=True)
class PacketsRefused:
    """Packets on a leg's port were dropped; sent at most once a second per leg and reason."""

    leg: LegId
    reason: str
    """The counter's name: `foreign_source`, `malformed`, `payload_type`, ..."""
    count: int
    source: Address | None


@dataclass(frozen=True, slots=True)
class StreamQuality:
    """What the network did to a leg's two streams in the last five seconds."""

    leg: LegId
    expected: int
    """Packets from the far side."""
    lost: int
    """Of those; negative: more repeated than lost."""
    jitter_ms: float
    round_trip_ms: float | None
    """By RTCP; None: not measured yet."""
    far_loss: float | None
    """Share of what we sent that the far side missed lately, 0 to 1; None: it sends no reports."""
    far_jitter_ms: float | None
    far_discarded: float | None
    """Share that came too late for its jitter buffer, where it says so (RFC 3611)."""


MediaEvent = StreamLatched | StreamSilent | StreamResumed | Digit | PacketsRefused | StreamQuality

# ── news ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class News:
    """One structured event for watchers: WebSocket `/api/events`, MQTT, the log.

    `kind` is one of `core.kinds.KINDS`, such as `call.ringing`. `data` is ready for JSON. `at` is RFC 3339
    UTC with milliseconds.
    """

    kind: str
    at: str
    call: CallId | None
    data: Mapping[str, Any]
