"""Which other programs are measured, and with what load they are tried."""

from __future__ import annotations

from archive import RIVALS, RTPENGINE, NotInstalled, Rival
from devices import Trial
from rtpengine import RtpengineDevice


def known() -> list[str]:
    """A line each: its version, or that it is missing."""
    return [
        f"{rival.name} {rival.version()}" if installed(rival) else f"{rival.name} is not installed"
        for rival in RIVALS
    ]


def installed(rival: Rival) -> bool:
    try:
        rival.version()
    except NotInstalled:
        return False
    return True


def relays(calls: int) -> dict[str, Trial]:
    """Those that are installed, as relays of so many calls."""
    return {"rtpengine": Trial(RtpengineDevice, calls)} if installed(RTPENGINE) else {}
