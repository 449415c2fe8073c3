"""An advisor's old phone that sends keys as tones: `*99` raises the alert, and the patient hears hardly anything of it."""

from __future__ import annotations

import numpy as np
import pytest
from e2e_checks import strength
from e2e_gateway import Gateway, Settings
from e2e_house import House, sent_for

KEYS = {"*": (941, 1209), "9": (852, 1477)}


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings(home_dtmf="inband")


def press(keys: str) -> np.ndarray:
    """200 ms a key, 100 ms between two."""
    n = np.arange(1600)
    parts = []
    for key in keys:
        low, high = KEYS[key]
        parts.append(4000 * (np.sin(2 * np.pi * low * n / 8000) + np.sin(2 * np.pi * high * n / 8000)))
        parts.append(np.zeros(800))
    return np.round(np.concatenate(parts)).astype(np.int16)


async def test_panic_by_tones(house: House, gateway: Gateway) -> None:
    line = await house.conversation()
    mark = gateway.mark()
    line.advisor.say(press("*99"))
    alert = await gateway.logged("alert.raised", since=mark)
    assert (alert["via"], alert["call"]) == ("phone", line.id)
    await sent_for(line.patient, 0.5)
    heard = line.patient.received.audio()
    sounding = [
        part
        for part in np.split(heard[: len(heard) // 160 * 160], len(heard) // 160)
        if np.abs(part).max() > 300
    ]
    assert len(sounding) <= 3 * 3, "of each key no more than 60 ms"
    assert strength(heard, 1477) < 8_000
