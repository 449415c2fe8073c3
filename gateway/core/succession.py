"""Who has the patient when the one who had taken the call over is gone, and the advisor before them.

Of those still on the call, whoever may take it over: the patient is put through to somebody who did not ask
for it rather than dropped. First who is there to be heard (their stream comes, their phone is not on hold),
then who was speaking to the advisor before who only listened, then who came first. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.core.conversation import Supervisor
from gateway.core.model import Mode
from gateway.core.permissions import Action, decide

_NEAREST = (Mode.TAKEOVER, Mode.BARGE, Mode.WHISPER, Mode.LISTEN)


def heir(others: Iterable[Supervisor], team: str, *, audible: bool = False) -> Supervisor | None:
    """The best of `others`, given in the order in which they came; None where nobody may.

    `audible`: only somebody who is there to be heard, for a patient who still has a silent supervisor.
    """
    able = [other for other in others if decide(other.user, Action.TAKEOVER, team).allowed]
    if audible:
        able = [other for other in able if _heard(other)]
    return min(able, key=lambda other: (not _heard(other), _NEAREST.index(other.mode)), default=None)


def _heard(supervisor: Supervisor) -> bool:
    return supervisor.leg.silent_since_s is None and not supervisor.leg.held
