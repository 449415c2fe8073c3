"""Who hears whom: one table of gains per call, and the supervisors' modes as presets of it.

| mode     | caller hears         | advisor hears        | supervisor hears |
|----------|----------------------|----------------------|------------------|
| listen   | advisor              | caller               | caller + advisor |
| whisper  | advisor              | caller + supervisor  | caller + advisor |
| barge    | advisor + supervisor | caller + supervisor  | caller + advisor |
| takeover | supervisor           | caller + supervisor  | caller           |

A speaking supervisor's voice also reaches the other supervisors. A whisper never reaches the caller.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.model import LegId, Mode

Gains = dict[tuple[LegId, LegId], float]
"""{(source, listener): linear gain}; absent pairs are silent."""


def talk_path(caller: LegId | None, advisor: LegId | None, supervisors: Mapping[LegId, Mode]) -> Gains:
    """The table for a call with these legs; None for a party that has left.

    With any supervisor in takeover the caller no longer hears the advisor, and that supervisor no longer
    hears the advisor either.
    """
    taken_over = Mode.TAKEOVER in supervisors.values()
    heard: set[tuple[LegId, LegId]] = set()
    if caller and advisor:
        heard.add((caller, advisor))
        if not taken_over:
            heard.add((advisor, caller))
    for leg, mode in supervisors.items():
        if caller:
            heard.add((caller, leg))
        if advisor and mode is not Mode.TAKEOVER:
            heard.add((advisor, leg))
        if mode is Mode.LISTEN:
            continue
        heard.update((leg, other) for other in supervisors if other != leg)
        if advisor:
            heard.add((leg, advisor))
        if caller and mode in (Mode.BARGE, Mode.TAKEOVER):
            heard.add((leg, caller))
    return dict.fromkeys(heard, 1.0)
