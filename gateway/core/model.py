"""The nouns that every package shares: who is on a call, in which mode, with which codec."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from gateway.core.mediasecurity import Keys

CallId = NewType("CallId", str)
LegId = NewType("LegId", str)
Address = tuple[str, int]
"""IP address in text and port."""


class Role(StrEnum):
    """What a leg is to its call. Legs are named by role, never A and B."""

    CALLER = "caller"
    ADVISOR = "advisor"
    SUPERVISOR = "supervisor"


class Mode(StrEnum):
    """What a supervisor is doing on a call; each is a preset of the talk path (`core.talkpath`)."""

    LISTEN = "listen"
    WHISPER = "whisper"
    BARGE = "barge"
    TAKEOVER = "takeover"


class Direction(StrEnum):
    """SDP direction attribute as its sender means it (RFC 8866 §6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


class KeysBy(StrEnum):
    """How phones send the keys that are pressed during a call."""

    RFC4733 = "rfc4733"
    """Telephone-events in RTP; SIP INFO is always taken, too."""
    INBAND = "inband"
    """As tones in the audio (ITU-T Q.23); telephone-events where they come."""
    INFO = "info"
    """SIP INFO alone: telephone-events go on to the far side, but are no keys for the gateway."""


class Encoding(StrEnum):
    """What a leg's audio is coded as. The values are those of `[media] codecs`; in SDP see `core.codecs`."""

    PCMA = "PCMA"
    """ITU-T G.711 A-law."""
    PCMU = "PCMU"
    """ITU-T G.711 mu-law."""
    G722 = "G722"
    """ITU-T G.722 at 64 kbit/s: 16 kHz under a clock of 8 kHz (RFC 3551 §4.5.2)."""
    OPUS = "opus"
    """RFC 6716 in RTP by RFC 7587."""
    L16 = "L16"
    """16-bit linear at 16 kHz (RFC 3551 §4.5.11)."""


@dataclass(frozen=True, slots=True)
class LegMedia:
    """What the media engine needs to know of one leg's negotiated audio stream."""

    encoding: Encoding
    payload_type: int
    """RTP payload type of `encoding` on this leg, both ways."""
    event_payload_type: int | None
    """RTP payload type of telephone-event (RFC 4733); None where it was not negotiated."""
    remote: Address
    """Where to send until a packet from the far side shows its real source (symmetric RTP)."""
    ptime_ms: int = 20
    """Packet time that the far side asked for; used where the gateway makes packets by itself."""
    direction: Direction = Direction.SENDRECV
    """The gateway's own side: `sendonly` means that we send and do not expect to receive."""
    rtcp: Address | None = None
    """Where its RTCP goes; None: to the port above `remote` (RFC 3605)."""
    rtcp_mux: bool = False
    """RTCP on the RTP port, both ways (RFC 5761)."""
    keys: Keys | None = None
    """SRTP under these; None: plain RTP."""
    event_clock_hz: int = 8000
    """Clock of telephone-event's durations."""
    parameters: str = ""
    """What the far side's `fmtp` says of its codec."""
    noise_payload_type: int | None = None
    """RTP payload type of comfort noise (RFC 3389); None where it was not negotiated."""
    reports_relayed: bool = False
    """The far side is sent the other party's RTCP while it hears their packets untouched (`Rtcp.RELAY`)."""
