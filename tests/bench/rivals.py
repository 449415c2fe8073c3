"""Which other programs are measured, and with what load they are tried."""

from __future__ import annotations

from collections.abc import Callable

from archive import ASTERISK, RIVALS, RTPENGINE, NotInstalled, Rival
from asterisk import AsteriskDevice
from devices import Trial
from rtpengine import RtpengineDevice

RELAYS: dict[str, tuple[Rival, Callable[[], RtpengineDevice | AsteriskDevice]]] = {
    "rtpengine": (RTPENGINE, RtpengineDevice),
    "asterisk": (ASTERISK, AsteriskDevice),
}


def known() -> list[str]:
    """A line each: its version, or that it is missing."""
    return [
        f"{rival.name} {rival.version()}"
        if installed(rival)
        else f"{rival.name} is not installed, its rows are missing"
        for rival in RIVALS
    ]


def installed(rival: Rival) -> bool:
    try:
        rival.version()
    except NotInstalled:
        return False
    return True


def relay(name: str, calls: int) -> Trial:
    """A rival as a relay of so many calls."""
    return Trial(RELAYS[name][1], calls)


def relays(calls: int) -> dict[str, Trial]:
    """Those that are installed and carry anything near so many calls."""
    return {
        name: relay(name, calls)
        for name, (rival, _) in RELAYS.items()
        if installed(rival) and (name != "asterisk" or calls <= 200)
    }


def whisper(calls: int) -> Trial:
    """Asterisk with a whispering supervisor on each call."""
    return Trial(lambda: AsteriskDevice(legs=3), calls, legs=3)
