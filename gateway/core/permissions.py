"""Who may do what: the one table, asked by SIP, HTTP, WebSocket and MQTT alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.core.model import Mode


class Action(StrEnum):
    """What a person may be allowed to do; the first four are a supervisor's modes."""

    LISTEN = "listen"
    WHISPER = "whisper"
    BARGE = "barge"
    TAKEOVER = "takeover"
    STREAM = "stream"
    """Hear a call's audio over WebSocket."""
    WATCH = "watch"
    """See the calls and their events."""
    RAISE = "raise"
    ACKNOWLEDGE = "acknowledge"
    """Acknowledge or resolve an alert."""
    DUTY = "duty"
    """Go on duty and off."""
    HELP = "help"
    """Ask a floorwalker for help, or for a break."""
    ANSWER = "answer"
    """Answer somebody's request for help."""
    AUDIT = "audit"
    """Score a call against a form, and set markers in it."""
    REVIEW = "review"
    """Read others' audits, and export them."""
    SYSTEM = "system"
    """See trunks, users, who is signed in, and the gateway's health."""
    ADMINISTER = "administer"
    """Change users."""
    EXPORT_TRAIL = "export_trail"
    """Read the trail: who did what."""

    @classmethod
    def of(cls, mode: Mode) -> Action:
        return cls(mode.value)


@dataclass(frozen=True, slots=True)
class User:
    """A person known to the gateway."""

    id: str
    name: str = ""
    sip: str | None = None
    """SIP identity `user@domain` or `user` that their phone's calls come from; None: cannot act by phone."""
    roles: frozenset[str] = field(default_factory=frozenset)
    teams: frozenset[str] = field(default_factory=frozenset)
    """Teams whose calls they may act on; `*` stands for all."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer with its reason, fit for a log line and for the person refused."""

    allowed: bool
    why: str


ROLE_ACTIONS: dict[str, frozenset[Action]] = {
    "advisor": frozenset({Action.RAISE, Action.HELP}),
    "auditor": frozenset({Action.WATCH, Action.LISTEN, Action.STREAM, Action.AUDIT}),
    "floorwalker": frozenset(
        {
            Action.WATCH,
            Action.LISTEN,
            Action.WHISPER,
            Action.BARGE,
            Action.TAKEOVER,
            Action.STREAM,
            Action.RAISE,
            Action.ACKNOWLEDGE,
            Action.DUTY,
            Action.HELP,
            Action.ANSWER,
        }
    ),
    "manager": frozenset(
        {
            Action.WATCH,
            Action.LISTEN,
            Action.STREAM,
            Action.RAISE,
            Action.ACKNOWLEDGE,
            Action.REVIEW,
            Action.SYSTEM,
            Action.EXPORT_TRAIL,
        }
    ),
    "admin": frozenset({Action.WATCH, Action.SYSTEM, Action.ADMINISTER, Action.EXPORT_TRAIL}),
}


def decide(user: User | None, action: Action, team: str | None) -> Decision:
    """May `user` do `action` on a call of `team`? team None: no single call, so only the role counts."""
    if user is None:
        return Decision(False, "unknown user")
    if not any(action in ROLE_ACTIONS.get(role, frozenset()) for role in user.roles):
        held = ", ".join(sorted(user.roles)) or "none"
        return Decision(False, f"{user.id} may not {action}: roles held: {held}")
    if team is not None and not user.teams & {team, "*"}:
        return Decision(False, f"{user.id} may not {action} on calls of team {team}")
    return Decision(True, f"{user.id} may {action}")


def actions_of(user: User) -> list[str]:
    """What `user` may do somewhere, in the order of `Action`; for a console that shows only that."""
    return [action.value for action in Action if decide(user, action, None).allowed]
