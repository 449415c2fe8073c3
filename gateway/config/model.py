"""What may be configured: the sections of `gateway.toml` as frozen, typed models.

A model here checks its own fields; what needs two sections, the environment or a file is in `crosscheck`.
Names of fields are the TOML keys, except that the repeated tables `[[trunk]]`, `[[route]]`, `[[advisor]]`,
`[[user]]` are the plural attributes of `Config`. Durations end in `_s` or `_ms`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool

from gateway.config.fields import (
    Bind,
    EnvName,
    Extension,
    Identity,
    Ip,
    IpNetwork,
    Key,
    Keys,
    Name,
    Pattern,
    Peer,
    split_host_port,
)
from gateway.core.escalation import ON_DUTY, Tier
from gateway.core.mediasecurity import Security
from gateway.core.model import Address, Encoding, KeysBy, Mode
from gateway.core.permissions import User
from gateway.core.policies import TeamPolicy

Seconds = Annotated[float, Field(strict=True, gt=0, le=86400)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]


class Section(BaseModel):
    """Base of every section: immutable, unknown keys refused, no infinities."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_by_name=True, validate_by_alias=True
    )


class Node(Section):
    """Who this gateway is, in MQTT topics, logs and the console."""

    name: Name = "gateway-1"
    site: Name = "site"


class Sip(Section):
    """Where SIP is spoken (RFC 3261)."""

    bind: Bind = ("127.0.0.1", 5060)
    """Address to listen on; port 0 lets the system choose (tests)."""
    transports: tuple[Literal["udp", "tcp"], ...] = Field(default=("udp", "tcp"), min_length=1)
    advertised_address: Ip | None = None
    """IP written into Contact and Via; None: the bind address. Needed where bind is a wildcard."""

    @property
    def advertised(self) -> str:
        return self.advertised_address or self.bind[0]


class Media(Section):
    """Where RTP goes (RFC 3550)."""

    bind: Ip = "127.0.0.1"
    advertised_address: Ip | None = None
    """IP written into our SDP; None: the bind address. Needed where bind is a wildcard."""
    port_range: tuple[Port, Port] = (16384, 32767)
    """First and last UDP port; the first is even. Each leg takes an even port for RTP and the next for
    RTCP."""
    port_quarantine_ms: Annotated[int, Field(strict=True, ge=0, le=60_000)] = 2000
    """How long a port rests after its leg has ended, so that late packets do not reach another call."""
    workers: Annotated[int, Field(strict=True, ge=1, le=64)] = 1
    """Media threads. A call's legs are all on one; a new call goes to the one with the fewest legs."""
    cpus: tuple[Annotated[int, Field(strict=True, ge=0)], ...] = ()
    """The core to pin each worker to; empty: wherever the kernel puts them."""
    codecs: tuple[Encoding, ...] = Field(default=(Encoding.PCMA, Encoding.PCMU), min_length=1)
    """Offered and accepted, best first: PCMA, PCMU, G722, opus, L16."""
    transcode: bool = Field(default=False, strict=True)
    """Where caller and advisor have no codec in common: each their own, recoded in between; else 488."""
    keepalive_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    """A leg that we have sent nothing to for so long gets an empty packet, to keep a NAT open (RFC 6263); 0:
    never."""
    rtp_timeout_ms: Annotated[int, Field(strict=True, ge=200, le=3_600_000)] = 5000
    """Silence on a leg that had been sending, before `StreamSilent` tells of it."""
    latching: Literal["any", "nat"] = "any"
    """Whose packets a leg takes but those of the host that its SDP names (RFC 7362): those of any host that
    keeps one stream going, or only where a NAT hides the address that SDP names."""
    history_s: Annotated[float, Field(strict=True, ge=0, le=300)] = 30
    """So much of each call is kept in memory, 16,000 bytes a second; 0: nothing."""

    @property
    def advertised(self) -> str:
        return self.advertised_address or self.bind

    @property
    def reachable_here(self) -> str:
        """Where RTP can be sent to from this machine itself."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind, self.bind)

    @property
    def legs(self) -> int:
        """How many legs the port range has room for, one even/odd pair each."""
        return max(0, self.port_range[1] - self.port_range[0] + 1) // 2


class Trunk(Section):
    """A SIP peer that calls come from and go to: PBX, SBC, registrar."""

    name: Name
    uri: Peer
    """`sip:host:port`; port 5060 where it is left out."""
    transport: Literal["udp", "tcp"] = "udp"
    srtp: Security = Security.OFF
    """Secure media with its phones: off, optional (with those that speak it), required."""
    identify_by: tuple[IpNetwork, ...] = ()
    """Source addresses of this trunk. Once any trunk has some, packets from elsewhere are refused with
    403."""
    dtmf: KeysBy = KeysBy.RFC4733
    """How its phones send keys."""
    options_interval: Annotated[float, Field(strict=True, ge=0, le=3600)] = 30.0
    """It is asked by OPTIONS so often whether it is there [s], at most once a second; 0: never."""

    @property
    def address(self) -> Address:
        """Host (IP or name) and port."""
        return split_host_port(self.uri.partition(":")[2], 5060)


class RouteTo(Section):
    trunk: str
    uri: str = "sip:{number}@{trunk}"
    """Template of the URI to call: `{number}` is the number called, `{trunk}` the trunk's host:port, and
    every named group of `match` may be used by its name."""


class Route(Section):
    """One rule; the first whose `match` fits the whole called number is taken."""

    match: str
    """Regular expression (Python's `re`) on the called number, the user part of the Request-URI."""
    to: RouteTo


class Advisor(Section):
    """Someone who takes patients' calls, known by extension."""

    id: Name
    name: str = ""
    extension: Extension
    team: Name
    token_env: EnvName | None = None
    """Environment variable with the bearer token of their own web page; None: no token."""

    def person(self) -> User:
        """As `core.permissions` sees them: role advisor, their own team."""
        return User(
            self.id, self.name or self.id, self.extension, frozenset({"advisor"}), frozenset({self.team})
        )


class TeamEntry(Section):
    """What a team has decided about being listened to; see `core.policies`."""

    name: Name
    shown: StrictBool = False
    """An advisor sees who supervises their own call."""
    private: StrictBool = False
    """Nobody may hear its calls."""
    join_tone: StrictBool | None = None
    """None: as `Supervision` says."""

    def policy(self, join_tone: bool) -> TeamPolicy:
        """join_tone: what holds where the team says nothing of its own."""
        return TeamPolicy(self.shown, self.private, join_tone if self.join_tone is None else self.join_tone)


class UserEntry(Section):
    """Someone who supervises, audits or administers."""

    id: Name
    name: str = ""
    sip: Identity | None = None
    """SIP identity that their phone's calls come from, `user` or `user@host`; None: cannot act by phone nor
    be rung."""
    roles: tuple[str, ...] = Field(min_length=1)
    teams: tuple[str, ...] = ("*",)
    """Teams on whose calls they may act; `*` stands for all."""
    token_env: EnvName | None = None
    """Environment variable with the bearer token that their browser or tool sends; None: cannot use the
    web."""

    def person(self) -> User:
        """As `core.permissions` sees them."""
        return User(self.id, self.name or self.id, self.sip, frozenset(self.roles), frozenset(self.teams))


class Codes(Section):
    """Feature codes, dialled before the advisor's extension."""

    listen: Keys = "*71"
    whisper: Keys = "*72"
    barge: Keys = "*73"
    takeover: Keys = "*74"

    def by_mode(self) -> dict[Mode, str]:
        return {mode: getattr(self, mode.value) for mode in Mode}


class SupervisorKeys(Section):
    """What a supervisor presses during the call."""

    listen: Key = "4"
    whisper: Key = "5"
    barge: Key = "6"
    leave: Key = "#"
    past: Key = "1"
    """Hear what was just said; muted meanwhile."""


class Supervision(Section):
    codes: Codes = Codes()
    keys: SupervisorKeys = SupervisorKeys()
    join_tone: StrictBool = False
    """Does the advisor hear a short tone when a supervisor joins or changes mode? Teams may differ."""
    supervisor_timeout_s: Seconds = 60.0
    """A supervisor's leg that sends nothing for so long is hung up."""
    ring_timeout_s: Seconds = 60.0
    """An advisor's phone that does not answer for so long: the call is given up with 480."""
    ring_numbers: Pattern = ""
    """Regular expression: what else than their own phone a supervisor may have rung from the web; empty:
    nothing else."""

    def may_ring(self, number: str) -> bool:
        return bool(self.ring_numbers) and re.fullmatch(self.ring_numbers, number) is not None


class AlertTier(Section):
    """One step of an alert's escalation; see `core.escalation` for the rules."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    after_s: Annotated[float, Field(strict=True, ge=0, le=3600)] = 0.0
    """After the raise, nobody having acknowledged it."""
    ring: tuple[str, ...] = Field(min_length=1)
    """Ids of users, `"sip:NUMBER"`, or `"on_duty"`."""


class Alerts(Section):
    panic_code: Keys = "*99"
    """What an advisor presses during the call."""
    ring: tuple[str, ...] = ()
    """Ids of the users who are called when an alert is raised, behind those on duty: the standing list."""
    tier: tuple[AlertTier, ...] = ()
    """The steps of escalation in order; none: those on duty and the standing list, for ever."""
    ring_timeout_s: Seconds = 20.0
    """How long each is rung."""

    @property
    def tiers(self) -> tuple[Tier, ...]:
        """As `core.escalation` takes them."""
        given = tuple(Tier(tier.name, tier.after_s, tier.ring) for tier in self.tier)
        return given or (Tier("floorwalkers", 0.0, (ON_DUTY,)),)


def _mqtt_url(text: str) -> str:
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        raise ValueError('not a URL; allowed: "mqtt://host:1883"') from None
    if url.scheme == "mqtts":
        raise ValueError('TLS to the broker is not supported; allowed: "mqtt://host:1883"')
    if (
        url.scheme != "mqtt"
        or not host
        or port == 0
        or url.path not in ("", "/")
        or url.query
        or url.fragment
    ):
        raise ValueError('allowed: "mqtt://host:1883"')
    if "@" in url.netloc:
        raise ValueError("user name and password do not belong into the URL; use username and password_env")
    return text


def _topic_root(text: str) -> str:
    if (
        not text
        or text.startswith(("/", "$"))
        or text.endswith("/")
        or any(c in text for c in "+#\0")
        or "//" in text
    ):
        raise ValueError("allowed: topic levels joined by /, without +, #, empty levels or a leading $")
    return text


class Mqtt(Section):
    """The broker that alerts are published to; without this section they are raised, only not published."""

    url: Annotated[str, AfterValidator(_mqtt_url)]
    username: str | None = None
    password_env: EnvName | None = None
    topic_root: Annotated[str, Field(max_length=200), AfterValidator(_topic_root)] = "gateway"

    @property
    def address(self) -> Address:
        url = urlsplit(self.url)
        return url.hostname or "", url.port or 1883


def _provider_url(text: str) -> str:
    try:
        url = urlsplit(text)
        local = url.hostname in ("127.0.0.1", "::1", "localhost")
        wrong = not url.hostname or url.port == 0
    except ValueError:
        raise ValueError('not a URL; allowed: "https://host/path"') from None
    if wrong or url.query or url.fragment or "@" in url.netloc:
        raise ValueError('allowed: "https://host/path"')
    if url.scheme != "https" and not (url.scheme == "http" and local):
        raise ValueError("allowed: https; plain http only to this machine itself")
    return text


HttpsUrl = Annotated[str, AfterValidator(_provider_url)]


class Oidc(Section):
    """Signing in by an identity provider (OpenID Connect)."""

    issuer: HttpsUrl
    """As the provider's discovery document calls it, to the letter."""
    client_id: Annotated[str, Field(min_length=1, max_length=200)]
    client_secret_env: EnvName | None = None
    """None: a public client, by PKCE alone."""
    public_url: HttpsUrl
    """The gateway as browsers reach it; the provider must allow PUBLIC_URL/api/session/oidc/callback."""
    scopes: tuple[str, ...] = ("openid", "profile")
    user_claim: str = "preferred_username"
    name_claim: str = "name"
    roles_claim: str = "roles"
    """A claim with a list, or with words; `realm_access.roles` looks inside."""
    teams_claim: str = "teams"
    roles: dict[str, str] = Field(min_length=1)
    """Value of the roles claim → role here. Whoever has none is not let in."""
    teams: dict[str, str] = {}
    """Value of the teams claim → team here."""
    default_teams: tuple[str, ...] = ()
    """For those of whom no team is mapped."""

    @property
    def redirect_uri(self) -> str:
        return self.public_url.rstrip("/") + "/api/session/oidc/callback"


class Web(Section):
    bind: Bind = ("127.0.0.1", 8080)
    """HTTP and WebSocket; port 0 lets the system choose (tests)."""
    trusted_proxies: tuple[Ip, ...] = ()
    """Proxies whose X-Forwarded-For and X-Forwarded-Proto tell who asks and by which scheme."""
    oidc: Oidc | None = None


def _store_url(text: str) -> str:
    try:
        url = urlsplit(text)
        password, port = url.password, url.port
    except ValueError:
        raise ValueError('not a URL; allowed: "postgresql://user@host/database"') from None
    if url.scheme == "sqlite":
        if url.netloc or not url.path.startswith("//") or url.query or url.fragment:
            raise ValueError('allowed: "sqlite:////absolute/path/to/file.db", with four slashes')
        return text
    if url.scheme != "postgresql" or not url.path.strip("/") or port == 0:
        raise ValueError('allowed: "postgresql://user@host:5432/database", "sqlite:////absolute/path.db"')
    if password is not None:
        raise ValueError("the password does not belong into the URL; use password_env or password_file")
    return text


def _absolute(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("allowed: an absolute path")
    return text


AbsolutePath = Annotated[str, AfterValidator(_absolute)]
Days = Annotated[float, Field(strict=True, gt=0, le=36_500)]


class Retention(Section):
    """How long what is over is kept [days]; left out: for ever."""

    trail_days: Days | None = None
    alerts_days: Days | None = 400.0
    audits_days: Days | None = None


class Store(Section):
    """The database: users, sessions, the trail, alerts, audits."""

    url: Annotated[str, AfterValidator(_store_url)] | None = None
    """`postgresql://user@host/database` or `sqlite:////path/file.db`; None: `gateway.db` in the state
    directory."""
    password_env: EnvName | None = None
    """Environment variable with PostgreSQL's password."""
    password_file: AbsolutePath | None = None
    """File with PostgreSQL's password, such as a mounted secret."""
    state_directory: AbsolutePath | None = None
    """Where this gateway keeps its own files; None: see `gateway.store.place`."""
    retention: Retention = Retention()


def _websocket_url(text: str) -> str:
    try:
        url = urlsplit(text)
        sound = url.scheme in ("ws", "wss") and bool(url.hostname) and not url.fragment and url.port != 0
    except ValueError:
        sound = False
    if not sound or "@" in text.partition("://")[2].partition("/")[0]:
        raise ValueError('allowed: "ws://host:port/path" or "wss://...", without user name and password')
    return text


class AuditStream(Section):
    """A feed of every call that the gateway sends by itself, to a transcription service for example."""

    name: Name
    """Who it is: in the trail, in the events, among a call's listeners."""
    url: Annotated[str, AfterValidator(_websocket_url)]
    protocol: Literal["twilio", "native"] = "twilio"
    teams: tuple[str, ...] = ("*",)
    """Whose calls; `*` stands for all."""
    token_env: EnvName | None = None
    """Environment variable with the bearer token to connect with."""

    @property
    def query(self) -> dict[str, str]:
        """What is asked of the feed, as in the query of `WS /api/calls/{call}/audio`."""
        return {"protocol": "twilio"} if self.protocol == "twilio" else {}


class Audit(Section):
    """Hearing and scoring calls."""

    forms: str | None = None
    """Folder of the forms, a TOML file each (`config.audit_forms`); relative to the configuration file. None:
    no forms."""
    talk_analysis: StrictBool = False
    """Judge who speaks by a voice detector in every call, not only in those that somebody listens to; the
    others go by level. Costs about 1 CPU-ms a call and second."""
    streams: tuple[AuditStream, ...] = Field(default=(), alias="stream")
    """`[[audit.stream]]`."""


class Limits(Section):
    """Past these a new call is refused at once with 503, so that the PBX takes its other route."""

    max_calls: Annotated[int, Field(strict=True, ge=1, le=100_000)] = 200
    calls_per_second: Annotated[float, Field(strict=True, gt=0, le=10_000)] = 50.0
    retry_after_s: Annotated[int, Field(strict=True, ge=0, le=3600)] = 5
    """The Retry-After that goes with 503 (RFC 3261 §20.33)."""


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Config(Section):
    """The whole file. `gateway.config.loading.load` makes it, with `advisors_csv` already read into
    `advisors`."""

    node: Node = Node()
    sip: Sip = Sip()
    media: Media = Media()
    trunks: tuple[Trunk, ...] = Field(default=(), alias="trunk")
    routes: tuple[Route, ...] = Field(default=(), alias="route")
    advisors: tuple[Advisor, ...] = Field(default=(), alias="advisor")
    advisors_csv: str | None = None
    """CSV file with the columns id, name, extension, team, beside or instead of `[[advisor]]`; relative to
    the TOML file."""
    teams: tuple[TeamEntry, ...] = Field(default=(), alias="team")
    users: tuple[UserEntry, ...] = Field(default=(), alias="user")
    supervision: Supervision = Supervision()
    alerts: Alerts = Alerts()
    mqtt: Mqtt | None = None
    web: Web = Web()
    store: Store = Store()
    audit: Audit = Audit()
    limits: Limits = Limits()
    log: Log = Log()

    def with_(self, **sections: object) -> Config:
        """A copy with whole sections replaced, such as `config.with_(sip=Sip(bind=("127.0.0.1", 0)))`;
        checked like a file."""
        return Config.model_validate(
            {**{name: getattr(self, name) for name in type(self).model_fields}, **sections}
        )
