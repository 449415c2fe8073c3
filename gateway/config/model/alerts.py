"""`[alerts]`: how an alert is raised by phone, and whom it rings when."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.config.fields import Keys
from gateway.config.model.section import Seconds, Section
from gateway.core.escalation import ON_DUTY, Tier


class AlertTier(Section):
    """One step of an alert's escalation; see `core.escalation` for the rules."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    after_s: Annotated[float, Field(strict=True, ge=0, le=3600)] = 0.0
    """After the raise, nobody having acknowledged it."""
    ring: tuple[str, ...] = Field(min_length=1)
    """Ids of users, `"sip:NUMBER"`, or `"on_duty"`."""


class Alerts(Section):
    panic_code: Keys = "*99"
    """What an advisor presses during the call."""
    ring: tuple[str, ...] = ()
    """Ids of the users who are called when an alert is raised, behind those on duty: the standing list."""
    tier: tuple[AlertTier, ...] = ()
    """The steps of escalation in order; none: those on duty and the standing list, for ever."""
    ring_timeout_s: Seconds = 20.0
    """How long each is rung."""

    @property
    def tiers(self) -> tuple[Tier, ...]:
        """As `core.escalation` takes them."""
        given = tuple(Tier(tier.name, tier.after_s, tier.ring) for tier in self.tier)
        return given or (Tier("floorwalkers", 0.0, (ON_DUTY,)),)
