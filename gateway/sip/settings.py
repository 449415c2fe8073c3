"""What the SIP endpoint is told at its start. Plain data; `gateway.app` fills it from the TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.core.model import Address


@dataclass(frozen=True, slots=True)
class SipTrunk:
    """A configured peer as signalling needs it."""

    proxy: str | None = None
    """Outbound proxy URI (`sip:sbc.example:5060;lr`), sent as a Route; None: the Request-URI decides."""
    transport: str = "udp"
    """`udp`, `tcp` or `tls`: appended to a Request-URI that names none."""
    address: Address | None = None
    """(host, port) by TLS: whose certificate is looked at."""
    verify: bool = True
    """By TLS: is a certificate refused that is not valid, or not for the host?"""
    names: frozenset[str] = frozenset()
    """By TLS: whom its peers' certificates may be for, in lower case."""
    username: str | None = None
    """Digest user (RFC 3261 §22); None: challenges are not answered."""
    password: str = ""
    realm: str = "*"


@dataclass(frozen=True, slots=True)
class SipTls:
    """Who we are by TLS, and whom we believe; as `config.model.SipTls`. Files in PEM."""

    certificate: str
    key: str
    ca: str | None = None
    verify_client: bool = False
    port: int = 5061
    minimum_version: str = "1.2"


@dataclass(frozen=True, slots=True)
class SipSettings:
    """Where to listen, what to call ourselves, how much to carry."""

    bind_host: str = "0.0.0.0"
    port: int = 5060
    """0 lets the system choose; `SipEndpoint.bound` tells which."""
    transports: tuple[str, ...] = ("udp", "tcp")
    tls: SipTls | None = None
    """Needed where `transports` has `tls`."""
    advertised_address: str | None = None
    """Address for Via and Contact where it differs from the bound one (NAT); None: the interface's."""
    user_agent: str = "Floorwalker"
    identity: str = "gateway"
    """User part of From where `invite` gives none, and of our Contact."""
    max_legs: int = 3_600
    """Legs, both directions, past which a new INVITE gets 503; as it does when PJSIP's slots run short."""
    retry_after_s: int = 5
    """Retry-After of that 503 [s]."""
    trunks: Mapping[str, SipTrunk] = field(default_factory=dict)
    nameservers: tuple[str, ...] = ()
    """DNS servers for NAPTR/SRV (RFC 3263); empty: the system's resolver, which blocks all signalling."""
    session_expires_s: int = 1_800
    """Session timer (RFC 4028) [s]; used where the peer supports it."""
    command_limit: int = 10_000
    """Commands waiting for the SIP thread past which a further one raises `CommandQueueFull`."""
    event_limit: int = 10_000
    """Waiting events past which new INVITEs get 503 and provisional responses are dropped, counted."""
    farewell_s: float = 2.0
    """How long `stop` waits for the answers to its BYEs [s]."""
    log_level: int = 2
    """PJSIP's own log: 1 errors, 2 warnings, 3 a page on each call that ends, 4 debugging, 5 every
    message.
    """
