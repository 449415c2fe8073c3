"""Which codecs an SDP audio stream names, and which of them the gateway carries: G.711 and telephone-event.

Static payload types: RFC 3551 §6; `rtpmap`, `fmtp`, `ptime`: RFC 8866 §6; telephone-event: RFC 4733 §7.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.core.model import Law
from gateway.core.sdp import Media

CLOCK_RATE = 8000
EVENT_NAME = "telephone-event"
EVENT_FMTP = "0-16"
DEFAULT_EVENT_PAYLOAD_TYPE = 101
DEFAULT_PTIME_MS = 20
STATIC = {Law.PCMU: 0, Law.PCMA: 8}
_STATIC_NAMES = {str(number): law.value for law, number in STATIC.items()}
_RTPMAP = re.compile(r"(\d{1,3}) +([^\s/]+)/(\d{1,9})(?:/(\d{1,3}))? *")


@dataclass(frozen=True, slots=True)
class Codec:
    """One law under the payload type that a leg gives it."""

    law: Law
    payload_type: int

    def rtpmap(self) -> str:
        return f"{self.payload_type} {self.law.value}/{CLOCK_RATE}"


def usable(media: Media) -> tuple[tuple[Codec, ...], int | None]:
    """The G.711 codecs that `media` names, in its order of preference, and its telephone-event payload type
    or None.

    An unreadable `rtpmap` is passed over like an unknown codec.
    """
    names = dict(_STATIC_NAMES)
    for value in media.values("rtpmap"):
        match = _RTPMAP.fullmatch(value)
        if match:
            mono = match[4] in (None, "1")
            names[match[1]] = match[2] if int(match[3]) == CLOCK_RATE and mono else ""
    codecs: list[Codec] = []
    event: int | None = None
    for format_ in media.formats:
        if not re.fullmatch(r"\d{1,3}", format_, re.ASCII) or int(format_) > 127:
            continue
        name = names.get(format_, "")
        if name.upper() in Law.__members__:
            law = Law[name.upper()]
            if all(codec.law is not law for codec in codecs):
                codecs.append(Codec(law, int(format_)))
        elif name.lower() == EVENT_NAME and event is None:
            event = int(format_)
    return tuple(codecs), event


def standard(laws: Iterable[Law]) -> tuple[Codec, ...]:
    """The laws under their static payload types."""
    return tuple(Codec(law, STATIC[law]) for law in laws)


def ptime_ms(media: Media) -> int:
    """The packet time that the sender of `media` asks for [ms]; 20 where it says nothing that can be used."""
    for value in media.values("ptime"):
        if (
            re.fullmatch(r"\d{1,3}", value.strip(), re.ASCII)
            and 10 <= int(value) <= 60
            and int(value) % 10 == 0
        ):
            return int(value)
    return DEFAULT_PTIME_MS


def max_ptime_ms(media: Media) -> int | None:
    """`maxptime` [ms]; None where it is not given or absurd."""
    for value in media.values("maxptime"):
        if re.fullmatch(r"\d{1,4}", value.strip(), re.ASCII) and int(value) >= 10:
            return int(value)
    return None
