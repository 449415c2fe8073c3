"""An advisor's request that is less than an alarm: a question, or a break after a difficult call. Pure.

    ASKED ─answer─► ANSWERED ─close─► CLOSED        (ASKED may be closed at once, too)

One person has at most one request of each kind open: asking again changes its reason. A question about a call
is closed with the call, a break is not.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from gateway.core.errors import GatewayError
from gateway.core.model import CallId


class HelpKind(StrEnum):
    HELP = "help"
    """Ask a floorwalker."""
    BREAK = "break"
    """A difficult call: I need a break."""


class HelpState(StrEnum):
    ASKED = "asked"
    ANSWERED = "answered"
    CLOSED = "closed"


_ALLOWED = {
    HelpState.ASKED: {HelpState.ANSWERED, HelpState.CLOSED},
    HelpState.ANSWERED: {HelpState.CLOSED},
    HelpState.CLOSED: set[HelpState](),
}


class WrongHelpState(GatewayError):
    """A change that the request's state does not allow; names both."""


class HelpRequest:
    """One request. Times are RFC 3339 text, given."""

    def __init__(
        self,
        id_: str,
        kind: HelpKind,
        by: str,
        advisor: dict[str, str],
        call: CallId | None,
        reason: str,
        at: str,
    ) -> None:
        self.id = id_
        self.kind = kind
        self.by = by
        self.call = call
        self.team = advisor.get("team", "")
        self.state = HelpState.ASKED
        self._facts: dict[str, Any] = {
            "id": id_,
            "kind": kind.value,
            "call": call,
            "advisor": advisor,
            "team": self.team,
            "by": by,
            "reason": reason,
            "asked_at": at,
            "answered_by": None,
            "answered_by_name": None,
            "answered_at": None,
            "closed_by": None,
            "closed_at": None,
        }

    @classmethod
    def restored(cls, facts: dict[str, Any]) -> HelpRequest:
        """One from before a restart, from what `snapshot` told. Raises KeyError or ValueError."""
        found = cls(
            str(facts["id"]),
            HelpKind(facts["kind"]),
            str(facts["by"]),
            dict(facts["advisor"]),
            None if facts["call"] is None else CallId(facts["call"]),
            str(facts["reason"]),
            str(facts["asked_at"]),
        )
        found.state = HelpState(facts["state"])
        found._facts.update({name: facts[name] for name in found._facts})
        return found

    @property
    def open(self) -> bool:
        return self.state is not HelpState.CLOSED

    def ask_again(self, call: CallId | None, reason: str) -> None:
        """The same person, the same kind: what they say now counts."""
        self.call = call
        self._facts.update(call=call, reason=reason or self._facts["reason"])

    def answer(self, by: str, name: str, at: str) -> bool:
        """Somebody takes it; the first one wins. False: somebody had already. Raises `WrongHelpState`."""
        if self.state is HelpState.ANSWERED:
            return False
        self._enter(HelpState.ANSWERED)
        self._facts.update(answered_by=by, answered_by_name=name, answered_at=at)
        return True

    def close(self, by: str, at: str) -> bool:
        """It is over. False: it was before."""
        if self.state is HelpState.CLOSED:
            return False
        self._enter(HelpState.CLOSED)
        self._facts.update(closed_by=by, closed_at=at)
        return True

    def snapshot(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**self._facts, "state": self.state.value}

    def _enter(self, state: HelpState) -> None:
        if state not in _ALLOWED[self.state]:
            raise WrongHelpState(f"help request {self.id} is {self.state.value}: {state.value} cannot follow")
        self.state = state
