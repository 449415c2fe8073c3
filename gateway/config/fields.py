"""Field types of the configuration: text from TOML in, checked values out.

Each parser raises ValueError, which pydantic turns into a mistake at its key; the text says what is wrong and
what is allowed.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from gateway.core.model import Address

KEYPAD = "0123456789*#"
_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_ip(text: object) -> str:
    """An IPv4 or IPv6 address, in its canonical text."""
    if not isinstance(text, str):
        raise ValueError('expected an IP address in quotes, such as "192.0.2.10"')
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        raise ValueError(
            'not an IP address; allowed: IPv4 or IPv6 such as "192.0.2.10", no host names'
        ) from None


def parse_network(text: object) -> Network:
    """An IP address or a CIDR block; host bits may be set."""
    if isinstance(text, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return text
    if not isinstance(text, str):
        raise ValueError('expected an IP address or a CIDR block in quotes, such as "192.0.2.0/24"')
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            'neither an IP address nor a CIDR block; allowed: "192.0.2.10" or "192.0.2.0/24"'
        ) from None


def parse_source(value: object) -> Network | str:
    """Where a request comes from: as `parse_network`, or `tls:NAME`, a host name that the peer's verified
    certificate bears."""
    if not isinstance(value, str) or not value.lower().startswith("tls:"):
        return parse_network(value)
    name = value[4:].rstrip(".")
    if not is_host(name):
        raise ValueError('expected "tls:" and a host name, such as "tls:sbc.example.nhs.uk"')
    return f"tls:{name.lower()}"


def parse_pattern(text: str) -> str:
    """A regular expression (Python's `re`)."""
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return text


def split_host_port(text: str, default_port: int | None = None) -> Address:
    """`host:port` or `[v6]:port` in its two parts; the host is not looked at. Raises ValueError."""
    bracketed = re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?", text)
    plain = re.fullmatch(r"([^:\[\]]+)(?::(\d{1,5}))?", text)
    found = bracketed or plain
    if not found:
        raise ValueError('expected "address:port", an IPv6 address in brackets')
    host, port = found.group(1), found.group(2)
    if port is None and default_port is None:
        raise ValueError('the port is missing; expected "address:port"')
    number = int(port) if port is not None else (default_port or 0)
    if number > 65535:
        raise ValueError(f"port {number} is out of range; allowed: 0 to 65535")
    return host, number


def parse_bind(value: object) -> Address:
    """`IP:port` to listen on; port 0 lets the system choose."""
    if isinstance(value, tuple) and len(value) == 2:
        return parse_ip(value[0]), int(value[1])
    if not isinstance(value, str):
        raise ValueError('expected "IP:port" in quotes, such as "192.0.2.10:5060"')
    host, port = split_host_port(value)
    return parse_ip(host), port


def is_host(text: str) -> bool:
    """Is this an IP address or a DNS name (RFC 1123 §2.1)?"""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        # Digits and dots alone were meant as an IP address, and are not one.
        return _HOST_NAME.fullmatch(text) is not None and not re.fullmatch(r"[\d.]+", text)
    return True


def parse_sip_peer(text: str) -> str:
    """`sip:host[:port]`: where a trunk is; no user part, no parameters."""
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() not in ("sip", "sips"):
        raise ValueError('expected "sip:host:port"')
    if scheme.lower() == "sips":
        raise ValueError('use "sip:host:port" and transport = "tls"')
    if "@" in rest or ";" in rest or "?" in rest:
        raise ValueError('give only the peer, "sip:host:port": no user part, no parameters')
    host, _ = split_host_port(rest, 5060)
    if not is_host(host):
        raise ValueError(f'"{host}" is neither an IP address nor a host name')
    return text


def parse_keys(text: str) -> str:
    """One or more keys of a telephone's keypad."""
    if not text or any(key not in KEYPAD for key in text):
        raise ValueError(f"allowed: keys of the telephone, {KEYPAD}")
    return text


def parse_key(text: str) -> str:
    """One key of a telephone. Raises ValueError in words for the admin."""
    if len(text) != 1:
        raise ValueError(f"expected exactly one key of {KEYPAD}")
    return parse_keys(text)


def _worded(pattern: str, allowed: str) -> AfterValidator:
    """Check text against a pattern, and say in words what is allowed."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"allowed: {allowed}")
        return text

    return AfterValidator(check)


def _text(value: Any) -> str:
    return str(value)


Ip = Annotated[str, BeforeValidator(parse_ip)]
Bind = Annotated[Address, BeforeValidator(parse_bind)]
Peer = Annotated[str, AfterValidator(parse_sip_peer)]
Source = Annotated[Network | str, BeforeValidator(parse_source), PlainSerializer(_text)]
Pattern = Annotated[str, AfterValidator(parse_pattern)]
Keys = Annotated[str, AfterValidator(parse_keys)]
Key = Annotated[str, AfterValidator(parse_key)]
Name = Annotated[
    str,
    _worded(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "letters, digits, dot, underscore and dash, at most 64 of them"
    ),
]
"""A name that is also one level of an MQTT topic and a word in a URL."""
Extension = Annotated[str, _worded(r"[0-9]{1,20}", "1 to 20 digits in quotes")]
Identity = Annotated[
    str, _worded(r"[^\s@:;<>\"?,]+(@[^\s@;<>\"?,]+)?", '"user" or "user@host", without "sip:"')
]
"""A SIP identity as it stands in From, less scheme and parameters."""
EnvName = Annotated[
    str,
    _worded(
        r"[A-Za-z_][A-Za-z0-9_]{0,127}",
        "the name of an environment variable (letters, digits, underscore), never the secret itself",
    ),
]
