"""Several telephones talking at once, each in packets of its own length."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from rig import TICK_MS, Rig, Telephone


def converse(
    rig: Rig,
    said: list[tuple[Telephone, np.ndarray]],
    *,
    ptime_ms: Mapping[int, int] | None = None,
    real_time: bool = False,
) -> None:
    """Each phone says its samples from the first to the last, in step with the engine; time stands still, or
    goes on as the words do.

    ptime_ms: by leg, 20 where not named. In step, what was posted in the same millisecond is taken in the
    order of `said`.
    """
    lengths = {phone.leg: 8 * (ptime_ms or {}).get(phone.leg, 20) for phone, _ in said}
    at = 0
    longest = max(len(samples) for _, samples in said)
    while at < longest:
        for phone, samples in said:
            size = lengths[phone.leg]
            if at % size == 0 and at + size <= len(samples):
                phone.say(samples[at : at + size])
                rig.taken()
        at += 8 * TICK_MS
        if real_time:
            rig.passes(TICK_MS)
    rig.sync()
