"""Session descriptions with one audio stream (RFC 8866), and offers and answers for them (RFC 3264). No I/O.

Only what a plain phone says: G.711, telephone-event, ptime, direction. Other media lines are refused with
port 0.
"""

from __future__ import annotations

import enum
import ipaddress
from dataclasses import dataclass, field, replace

from . import sdes
from .errors import MalformedSdp

STATIC = {0: ("PCMU", 8_000), 8: ("PCMA", 8_000), 9: ("G722", 8_000), 13: ("CN", 8_000), 18: ("G729", 8_000)}
"Payload types with a fixed meaning (RFC 3551 table 4)."

OWN_TYPES = {"PCMU": 0, "PCMA": 8, "CN": 13, "telephone-event": 101}
"Payload types that an offer of ours uses."

PROFILES = ("RTP/AVP", "RTP/AVPF")
SECURE = "RTP/SAVP"

SPOKEN = ("PCMA", "PCMU")
"Codecs that the simulators can encode and decode."


class Direction(enum.Enum):
    """Who sends (RFC 3264 §5.1), seen from whoever wrote the description."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @property
    def mirrored(self) -> Direction:
        """The same streams seen from the other end."""
        return _direction(sends=self.receives, receives=self.sends)

    def within(self, other: Direction) -> Direction:
        """The streams that both allow."""
        return _direction(sends=self.sends and other.sends, receives=self.receives and other.receives)


def _direction(*, sends: bool, receives: bool) -> Direction:
    if sends:
        return Direction.SENDRECV if receives else Direction.SENDONLY
    return Direction.RECVONLY if receives else Direction.INACTIVE


@dataclass(frozen=True)
class Description:
    """One party's side: where it receives, what it can decode in order of preference, which way the streams
    go.
    """

    host: str
    port: int
    "RTP port; 0 refuses the stream."
    payload_types: dict[int, str]
    "Payload type to encoding name, in order of preference."
    direction: Direction = Direction.SENDRECV
    ptime_ms: int | None = None
    session_id: int = 1
    version: int = 1
    profile: str = "RTP/AVP"
    cryptos: tuple[sdes.Line, ...] = ()
    rtcp_mux: bool = False
    "RTCP on the RTP port (RFC 5761)."
    other_media: tuple[str, ...] = field(default=())
    'Media lines besides the audio one, e.g. "video RTP/AVP 96"; an answer refuses each in its place.'

    def type_of(self, name: str) -> int | None:
        """The payload type under which this side wants an encoding, or None."""
        return next(
            (number for number, known in self.payload_types.items() if known.lower() == name.lower()), None
        )

    def __str__(self) -> str:
        """The description as text."""
        numbers = " ".join(map(str, self.payload_types)) or "0"
        family = "IP6" if ":" in self.host else "IP4"
        lines = [
            "v=0",
            f"o=- {self.session_id} {self.version} IN {family} {self.host}",
            "s=-",
            f"c=IN {family} {self.host}",
            "t=0 0",
            f"m=audio {self.port} {self.profile} {numbers}",
        ]
        for number, name in self.payload_types.items():
            lines.append(f"a=rtpmap:{number} {name}/8000")
            if name == "telephone-event":
                lines.append(f"a=fmtp:{number} 0-16")
        if self.ptime_ms is not None:
            lines.append(f"a=ptime:{self.ptime_ms}")
        lines += ["a=rtcp-mux"] if self.rtcp_mux else []
        lines += [f"a=crypto:{line}" for line in self.cryptos]
        lines.append(f"a={self.direction.value}")
        for media in self.other_media:
            kind, rest = media.split(" ", 1)
            lines.append(f"m={kind} 0 {rest}")
        return "\r\n".join(lines) + "\r\n"


def parse(text: str | bytes) -> Description:
    """Read the first audio stream of a description. Raises `MalformedSdp`."""
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    try:
        return _parse([line.strip() for line in text.splitlines() if line.strip()])
    except (ValueError, IndexError) as error:
        raise MalformedSdp(f"unreadable session description: {error}") from error


def _parse(lines: list[str]) -> Description:
    host, direction, ptime_ms = "", Direction.SENDRECV, None
    session_id, version = 1, 1
    audio: list[str] | None = None
    others: list[str] = []
    names: dict[int, str] = {}
    cryptos: list[sdes.Line] = []
    in_audio = in_other = rtcp_mux = False
    for line in lines:
        kind, value = line[0], line[2:]
        if kind == "m":
            fields = value.split()
            in_audio = fields[0] == "audio" and audio is None
            in_other = not in_audio
            if in_audio:
                audio = fields
            else:
                others.append(" ".join([fields[0], *fields[2:]]))
        elif in_other:
            continue
        elif kind == "o":
            session_id, version = int(value.split()[1]), int(value.split()[2])
        elif kind == "c":
            host = value.split()[2].split("/")[0]
        elif kind == "a" and value in Direction._value2member_map_:
            direction = Direction(value)
        elif kind == "a" and value.startswith("ptime:"):
            ptime_ms = int(float(value[6:]))
        elif kind == "a" and in_audio and value.startswith("rtpmap:"):
            number, encoding = value[7:].split(None, 1)
            names[int(number)] = encoding.split("/")[0]
        elif kind == "a" and in_audio and value == "rtcp-mux":
            rtcp_mux = True
        elif kind == "a" and in_audio and value.startswith("crypto:"):
            crypto = sdes.read(value[7:])
            cryptos += [] if crypto is None else [crypto]
    if audio is None:
        raise ValueError("no audio line")
    numbers = [int(number) for number in audio[3:]]
    types = {
        number: names.get(number) or STATIC.get(number, (f"unknown-{number}", 0))[0] for number in numbers
    }
    port = int(audio[1])
    if not 0 <= port <= 0xFFFF:
        raise ValueError(f"port {port}")
    ipaddress.ip_address(host)
    if host == "0.0.0.0":
        # The hold of RFC 2543: nothing may be sent to that end.
        direction = direction.within(Direction.SENDONLY)
    return Description(
        host,
        port,
        types,
        direction,
        ptime_ms,
        session_id,
        version,
        audio[2],
        tuple(cryptos),
        rtcp_mux,
        tuple(others),
    )


def own_offer(host: str, port: int, codecs: tuple[str, ...], ptime_ms: int, session_id: int) -> Description:
    """What this phone offers: its codecs in order, and telephone-event."""
    types = {OWN_TYPES[name]: name for name in (*codecs, "telephone-event")}
    return Description(host, port, types, Direction.SENDRECV, ptime_ms, session_id)


def answer(offer: Description, own: Description) -> Description:
    """Our answer to an offer (RFC 3264 §6): the first offered codec that we speak, the offerer's payload
    types.

    `own.direction` is what we want; the offer may allow less. Raises `MalformedSdp` when no codec is shared.
    """
    profiles = (*PROFILES, SECURE) if own.cryptos else PROFILES
    if offer.profile not in profiles:
        raise MalformedSdp(f"profile {offer.profile} is not spoken here; {' and '.join(profiles)} are")
    cryptos = sdes.answer(offer.cryptos, own.cryptos)
    if not cryptos and SECURE in (offer.profile, own.profile):
        raise MalformedSdp("secure media is wanted, and no key was offered")
    ours = {name.lower() for name in own.payload_types.values()}
    codec = next(
        (
            (n, name)
            for n, name in offer.payload_types.items()
            if name.upper() in SPOKEN and name.lower() in ours
        ),
        None,
    )
    if codec is None:
        offered = ", ".join(offer.payload_types.values())
        raise MalformedSdp(
            f"no codec in common: offered {offered}; spoken here {', '.join(own.payload_types.values())}"
        )
    types = dict([codec])
    if "CN" in own.payload_types.values() and (noise := offer.type_of("CN")) is not None:
        types[noise] = "CN"
    if (events := offer.type_of("telephone-event")) is not None:
        types[events] = "telephone-event"
    direction = own.direction.within(offer.direction.mirrored)
    return replace(
        own,
        payload_types=types,
        direction=direction,
        profile=offer.profile,
        cryptos=cryptos,
        rtcp_mux=own.rtcp_mux and offer.rtcp_mux,
        other_media=offer.other_media,
    )


@dataclass(frozen=True)
class Agreed:
    """What an offer and its answer come to, for whoever holds the `local` one."""

    remote: tuple[str, int] | None
    "Where to send RTP; None when the other end refused the stream."
    codec: str
    send_type: int
    event_type: int | None
    "Payload type to send telephone-events with; None when the other end did not list it."
    receive_types: dict[int, str]
    direction: Direction
    "Ours: whether we send, whether we receive."
    keys: sdes.Keys | None = None
    "None: plain RTP."
    noise_type: int | None = None
    "Payload type to describe silence with; None when one end did not list it."
    rtcp_mux: bool = False


def agree(local: Description, remote: Description) -> Agreed:
    """Put both sides together; each end sends with the payload types that the other listed. Raises
    `MalformedSdp`.
    """
    ours = {name.lower() for name in local.payload_types.values()}
    if remote.port and local.profile == SECURE and sdes.agree(local.cryptos, remote.cryptos) is None:
        raise MalformedSdp("secure media is wanted, and no key was answered")
    found = next(
        (
            (n, name.upper())
            for n, name in remote.payload_types.items()
            if name.upper() in SPOKEN and name.lower() in ours
        ),
        None,
    )
    if found is None:
        raise MalformedSdp(f"no codec in common with {', '.join(remote.payload_types.values())}")
    return Agreed(
        remote=(remote.host, remote.port) if remote.port else None,
        codec=found[1],
        send_type=found[0],
        event_type=remote.type_of("telephone-event"),
        receive_types={**remote.payload_types, **local.payload_types},
        direction=local.direction.within(remote.direction.mirrored),
        keys=sdes.agree(local.cryptos, remote.cryptos),
        noise_type=remote.type_of("CN") if local.type_of("CN") is not None else None,
        rtcp_mux=local.rtcp_mux and remote.rtcp_mux,
    )
