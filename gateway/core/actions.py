"""What a call decides to have done. Carried out in order by `gateway.calls`, through `core.ports`; deciding
does no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.core.model import LegId, LegMedia
from gateway.core.talkpath import Gains

# ── signalling
# ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Invite:
    """Call someone; see `Signalling.invite`."""

    leg: LegId
    uri: str
    sdp: str
    from_uri: str | None = None
    from_name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    trunk: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    leg: LegId
    code: int
    sdp: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    leg: LegId
    sdp: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """Refuse, CANCEL or BYE, as the leg's state demands."""

    leg: LegId
    code: int = 0
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class Reoffer:
    leg: LegId
    sdp: str


@dataclass(frozen=True, slots=True)
class AnswerReoffer:
    leg: LegId
    sdp: str


@dataclass(frozen=True, slots=True)
class RefuseReoffer:
    leg: LegId
    code: int


# ── media ───────────────────────────────────────────────────────────────────────────────────────────────────
# ──────────


@dataclass(frozen=True, slots=True)
class ConnectLeg:
    leg: LegId
    media: LegMedia


@dataclass(frozen=True, slots=True)
class SetTalkPath:
    gains: Gains


@dataclass(frozen=True, slots=True)
class HearPast:
    """Let a supervisor hear the last `seconds` of the call again; 0: back to the present."""

    leg: LegId
    seconds: float


@dataclass(frozen=True, slots=True)
class PlayTone:
    """Let the advisor, and nobody else, hear that somebody has joined."""

    leg: LegId


@dataclass(frozen=True, slots=True)
class RemoveLeg:
    """Give a leg's media port back."""

    leg: LegId


@dataclass(frozen=True, slots=True)
class RemoveMedia:
    """Give the whole call's media back."""


@dataclass(frozen=True, slots=True)
class CountPackets:
    """Tell the call how many packets each party has sent so far, by `Call.counted`."""

    legs: tuple[LegId, ...]


# ── to the exchange and its watchers
# ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Publish:
    """News about this call with its own data."""

    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PublishCall:
    """News `call.*`: the call's snapshot, with `why` beside it where there is a reason to tell."""

    kind: str
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Panic:
    """The advisor keyed the panic code."""

    leg: LegId


@dataclass(frozen=True, slots=True)
class SummonsAnswered:
    """The user who was rung about an alert is on the call."""

    alert: str
    user: str


@dataclass(frozen=True, slots=True)
class SummonsFailed:
    """They refused, did not answer, or could not be used."""

    alert: str
    user: str
    code: int


@dataclass(frozen=True, slots=True)
class Gone:
    """No leg is left; forget the call."""


Action = (
    Invite
    | Progress
    | Answer
    | HangUp
    | Reoffer
    | AnswerReoffer
    | RefuseReoffer
    | ConnectLeg
    | SetTalkPath
    | HearPast
    | PlayTone
    | RemoveLeg
    | RemoveMedia
    | CountPackets
    | Publish
    | PublishCall
    | Panic
    | SummonsAnswered
    | SummonsFailed
    | Gone
)
