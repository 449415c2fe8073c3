"""SDP as text: parse it, print it (RFC 8866). What the lines mean for a call is decided in `core.codecs` and
`core.offeranswer`.

Kept are the lines that offer/answer needs: `o= s= c= t= a= m=`. The others are accepted and dropped, because
the gateway never hands a peer's SDP on but writes its own. Whatever the text, the only error is `SdpError`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.core.errors import SdpError

MAX_CHARS = 16_384
MAX_LINES = 512
MAX_MEDIA = 6
"""As many m= lines as PJSIP is built for (`gateway.pjsip.options`): with more, a call could be answered but
not held.
"""
_LINE = re.compile(r"([a-z])=(.*)", re.DOTALL)
_ORIGIN = re.compile(r"(\S+) (\d{1,20}) (\d{1,20}) IN (IP4|IP6) (\S+)", re.ASCII)
_CONNECTION = re.compile(r"IN (IP4|IP6) ([^\s/]+)(?:/\d{1,9}){0,2}", re.ASCII)
_MEDIA = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`{|}~-]+) (\d{1,5})(?:/(\d{1,5}))? (\S+)((?: \S+)+)", re.ASCII)
_ATTRIBUTE = re.compile(r"([^\s:]+)(?::(.*))?", re.ASCII | re.DOTALL)

Attributes = tuple[tuple[str, str | None], ...]
"""`a=` lines in order: (name, value), value None for a flag such as `sendrecv`."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The `o=` line (§5.2). `version` goes up by one whenever the same side's description changes."""

    user: str
    id: int
    version: int
    address: str


@dataclass(frozen=True, slots=True)
class Media:
    """One `m=` line with what stands below it (§5.14)."""

    kind: str
    """`audio`, `video`, `text`, `image`, ..."""
    port: int
    """0: this stream is refused or switched off (RFC 3264 §6)."""
    protocol: str
    formats: tuple[str, ...]
    address: str | None = None
    """Its own `c=`; None: the session's holds."""
    attributes: Attributes = ()
    ports: int = 1

    def values(self, name: str) -> list[str]:
        """Values of every `a=name:value` of this stream, in order."""
        return [value for key, value in self.attributes if key == name and value is not None]


@dataclass(frozen=True, slots=True)
class Session:
    """A whole description."""

    origin: Origin
    media: tuple[Media, ...]
    address: str | None = None
    attributes: Attributes = ()
    name: str = "-"

    def __str__(self) -> str:
        """The text, with CRLF line ends."""
        lines = [
            "v=0",
            f"o={self.origin.user} {self.origin.id} {self.origin.version} {_network(self.origin.address)}",
            f"s={self.name}",
            *_connection_line(self.address),
            "t=0 0",
            *_attribute_lines(self.attributes),
        ]
        for media in self.media:
            count = f"/{media.ports}" if media.ports != 1 else ""
            lines.append(f"m={media.kind} {media.port}{count} {media.protocol} {' '.join(media.formats)}")
            lines += _connection_line(media.address) + _attribute_lines(media.attributes)
        return "\r\n".join(lines) + "\r\n"


def parse(text: str) -> Session:
    """Read a description with at least one `m=` line. Raises `SdpError`."""
    lines = _lines(text)
    if lines[0] != ("v", "0"):
        raise SdpError("SDP does not begin with v=0")
    if len(lines) < 2 or lines[1][0] != "o":
        raise SdpError("SDP has no o= line after v=0")
    opening = next((at for at, (letter, _) in enumerate(lines) if letter == "m"), None)
    if opening is None:
        raise SdpError("SDP has no m= line")
    name, address, attributes = "-", None, []
    for letter, value in lines[2:opening]:
        if letter == "s":
            name = value or "-"
        elif letter == "c":
            address = _connection(value)
        elif letter == "a":
            attributes.append(_attribute(value))
    return Session(_origin(lines[1][1]), tuple(_all_media(lines[opening:])), address, tuple(attributes), name)


def _lines(text: str) -> list[tuple[str, str]]:
    if len(text) > MAX_CHARS:
        raise SdpError(f"SDP of {len(text)} characters; at most {MAX_CHARS}")
    found = []
    for number, line in enumerate(re.split(r"\r?\n", text.rstrip("\r\n")), start=1):
        match = _LINE.fullmatch(line)
        if not match or "\r" in line or "\0" in line:
            raise SdpError(f"SDP line {number} is not of the form x=value")
        found.append((match[1], match[2]))
    if len(found) > MAX_LINES:
        raise SdpError(f"SDP of {len(found)} lines; at most {MAX_LINES}")
    return found


def _origin(value: str) -> Origin:
    match = _ORIGIN.fullmatch(value)
    if not match:
        raise SdpError("SDP o= line cannot be read")
    return Origin(match[1], int(match[2]), int(match[3]), match[5])


def _connection(value: str) -> str:
    match = _CONNECTION.fullmatch(value.strip())
    if not match:
        raise SdpError("SDP c= line cannot be read")
    return match[2]


def _attribute(value: str) -> tuple[str, str | None]:
    match = _ATTRIBUTE.fullmatch(value)
    if not match:
        raise SdpError("SDP a= line cannot be read")
    return match[1], match[2]


def _all_media(lines: list[tuple[str, str]]) -> list[Media]:
    """`lines` begins with an `m=` line."""
    sections: list[list[tuple[str, str]]] = []
    for line in lines:
        if line[0] == "m":
            sections.append([])
        sections[-1].append(line)
    if len(sections) > MAX_MEDIA:
        raise SdpError(f"SDP with {len(sections)} m= lines; at most {MAX_MEDIA}")
    return [_media(section) for section in sections]


def _media(section: list[tuple[str, str]]) -> Media:
    match = _MEDIA.fullmatch(section[0][1].rstrip(" "))
    if not match:
        raise SdpError("SDP m= line cannot be read")
    kind, port, ports, protocol, formats = match.groups()
    if int(port) > 65535:
        raise SdpError(f"SDP port {port} is out of range")
    address = None
    for letter, value in section:
        address = _connection(value) if letter == "c" else address
    attributes = tuple(_attribute(value) for letter, value in section if letter == "a")
    return Media(
        kind, int(port), protocol, tuple(formats.strip(" ").split(" ")), address, attributes, int(ports or 1)
    )


def _network(address: str) -> str:
    return f"IN {'IP6' if ':' in address else 'IP4'} {address}"


def _connection_line(address: str | None) -> list[str]:
    return [] if address is None else [f"c={_network(address)}"]


def _attribute_lines(attributes: Attributes) -> list[str]:
    return [f"a={name}" if value is None else f"a={name}:{value}" for name, value in attributes]
