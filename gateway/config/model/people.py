"""`[[advisor]]`, `[[team]]`, `[[user]]`: who takes calls, and who may be behind them."""

from __future__ import annotations

from pydantic import Field, StrictBool

from gateway.config.fields import EnvName, Extension, Identity, Name
from gateway.config.model.section import Section
from gateway.core.permissions import User
from gateway.core.policies import TeamPolicy


class Advisor(Section):
    """Someone who takes patients' calls, known by extension."""

    id: Name
    name: str = ""
    extension: Extension
    team: Name
    token_env: EnvName | None = None
    """Environment variable with the bearer token of their own web page; None: no token."""

    def person(self) -> User:
        """As `core.permissions` sees them: role advisor, their own team."""
        return User(
            self.id, self.name or self.id, self.extension, frozenset({"advisor"}), frozenset({self.team})
        )


class TeamEntry(Section):
    """What a team has decided about being listened to; see `core.policies`."""

    name: Name
    shown: StrictBool = False
    """An advisor sees who supervises their own call."""
    private: StrictBool = False
    """Nobody may hear its calls."""
    join_tone: StrictBool | None = None
    """None: as `Supervision` says."""

    def policy(self, join_tone: bool) -> TeamPolicy:
        """join_tone: what holds where the team says nothing of its own."""
        return TeamPolicy(self.shown, self.private, join_tone if self.join_tone is None else self.join_tone)


class UserEntry(Section):
    """Someone who supervises, audits or administers."""

    id: Name
    name: str = ""
    sip: Identity | None = None
    """SIP identity that their phone's calls come from, `user` or `user@host`; None: cannot act by phone nor
    be rung."""
    roles: tuple[str, ...] = Field(min_length=1)
    teams: tuple[str, ...] = ("*",)
    """Teams on whose calls they may act; `*` stands for all."""
    token_env: EnvName | None = None
    """Environment variable with the bearer token that their browser or tool sends; None: cannot use the
    web."""

    def person(self) -> User:
        """As `core.permissions` sees them."""
        return User(self.id, self.name or self.id, self.sip, frozenset(self.roles), frozenset(self.teams))
