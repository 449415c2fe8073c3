"""Which trunk and URI a called number goes to, and which trunk a request came from.

Routes are tried in the order of the configuration; the first whose pattern fits the whole number is taken.
Pure: no DNS, no SIP. The URIs made here follow RFC 3261 §19.1: what a caller dialled is escaped before it is
put into one.
"""

from __future__ import annotations

import ipaddress
import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from string import Formatter
from typing import Protocol
from urllib.parse import quote

from gateway.core.errors import NoRoute, NotPermitted
from gateway.core.model import Address
from gateway.core.trunkchoice import Weighed, in_order

MAX_NUMBER = 128
"""Longest called number that is looked at [# characters]; bounds the work a pattern can make."""
_UNESCAPED = "-_.!~*'()+"
"""Of RFC 3261's user-unreserved characters those that mean nothing elsewhere in a URI."""
_DIRECT = re.compile(r"[A-Za-z0-9_.!~*'()+-]+@[A-Za-z0-9_.:\[\]-]+")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrunkLike(Weighed, Protocol):
    @property
    def address(self) -> Address: ...
    @property
    def transport(self) -> str: ...
    @property
    def identify_by(self) -> tuple[Network | str, ...]:
        """Networks, and `tls:NAME` for who proves by a certificate to be NAME."""


class RouteToLike(Protocol):
    @property
    def trunks(self) -> tuple[str, ...]: ...
    @property
    def uri(self) -> str: ...


class RouteLike(Protocol):
    @property
    def match(self) -> str: ...
    @property
    def to(self) -> RouteToLike: ...


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send a call."""

    uri: str
    """The URI to call, with `;transport=` where the trunk is not reached by UDP."""
    trunk: str | None
    """Name of the trunk; None for a user who is called directly."""
    route: int | None = None
    """Position of the route that decided, from 0; None where none did."""
    others: tuple[Target, ...] = ()
    """Where else, in this order, if nobody can be reached there."""


class TemplateError(ValueError):
    """A URI template that cannot be filled in; the text says why."""


class Template:
    """A URI with `{names}` to be filled in, such as `sip:{number}@{trunk}`. Raises `TemplateError`."""

    def __init__(self, text: str, allowed: Iterable[str]) -> None:
        allowed = set(allowed)
        try:
            parts = list(Formatter().parse(text))
        except ValueError as error:
            raise TemplateError(f"braces do not match: {error}") from None
        for _, name, spec, conversion in parts:
            if name is None:
                continue
            if spec or conversion or name not in allowed:
                raise TemplateError(f"unknown {{{name}}}")
        scheme, colon, rest = text.partition(":")
        if scheme not in ("sip", "sips") or not colon or not rest or re.search(r"\s|[<>\"]", text):
            raise TemplateError("not a SIP URI")
        self._parts = [(literal, name) for literal, name, _, _ in parts]

    def fill(self, values: Mapping[str, str]) -> str:
        """The URI; `values` must be escaped already."""
        return "".join(literal + (values[name] if name is not None else "") for literal, name in self._parts)


def escape(text: str) -> str:
    """What was dialled, made safe for any place in a URI."""
    return quote(text, safe=_UNESCAPED, encoding="utf-8", errors="surrogatepass")


def host_port(address: Address) -> str:
    """`host:port` for a URI, an IPv6 host in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Router:
    """The routes and trunks of one configuration. `is_down(trunk)`: is it known not to answer?

    Raises `re.error`, `TemplateError` or `KeyError` (unknown trunk) for routes that `gateway check` would
    have refused.
    """

    def __init__(
        self,
        routes: Iterable[RouteLike],
        trunks: Iterable[TrunkLike],
        is_down: Callable[[str], bool] = lambda trunk: False,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._is_down = is_down
        self._draw = draw
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._rules = []
        for route in routes:
            pattern = re.compile(route.match)
            template = Template(route.to.uri, {"number", "trunk", *pattern.groupindex})
            self._rules.append((pattern, template, [self._trunks[name] for name in route.to.trunks]))
        self._networks: list[tuple[Network, str]] = []
        self._names: dict[str, str] = {}
        for trunk in self._trunks.values():
            for source in trunk.identify_by:
                if isinstance(source, str):
                    self._names.setdefault(source.removeprefix("tls:"), trunk.name)
                else:
                    self._networks.append((source, trunk.name))
        self._networks.sort(key=lambda pair: pair[0].prefixlen, reverse=True)

    def route(self, number: str) -> Target:
        """Where a call to `number` goes, and where else (`core.trunkchoice`). Raises `NoRoute`."""
        if len(number) <= MAX_NUMBER:
            for position, (pattern, template, trunks) in enumerate(self._rules):
                if found := pattern.fullmatch(number):
                    groups = {name: escape(text or "") for name, text in found.groupdict().items()}
                    targets = []
                    for trunk in in_order(trunks, self._is_down, self._draw):
                        values = {**groups, "number": escape(number), "trunk": host_port(trunk.address)}
                        uri = with_transport(template.fill(values), trunk.transport)
                        targets.append(Target(uri, trunk.name, position))
                    return replace(targets[0], others=tuple(targets[1:]))
        raise NoRoute(f"no route for {number[:MAX_NUMBER]!r}")

    def reach(self, identity: str) -> Target:
        """How to call a user by SIP identity: their user part through the routes, else `user@host` directly.
        Raises `NoRoute`."""
        try:
            return self.route(identity.partition("@")[0])
        except NoRoute:
            if _DIRECT.fullmatch(identity):
                return Target(f"sip:{identity}", None)
            raise

    def has_route(self, number: str) -> bool:
        return any(pattern.fullmatch(number) for pattern, _, _ in self._rules)

    @property
    def knows_names(self) -> bool:
        """May a request come from anywhere, if its certificate is known?"""
        return bool(self._names)

    def identify(self, source_ip: str, names: Iterable[str] = ()) -> str | None:
        """Name of the trunk that a request belongs to: by what the certificate of its connection proves
        (`names`), else by its address, the smallest network first.

        None: no trunk has `identify_by`, anyone may call. Raises `NotPermitted` when some have and none fits.
        """
        if not self._networks and not self._names:
            return None
        for name in names:
            if name in self._names:
                return self._names[name]
        try:
            source = ipaddress.ip_address(source_ip)
        except ValueError:
            raise NotPermitted(f"{source_ip!r} is no IP address") from None
        if isinstance(source, ipaddress.IPv6Address) and source.ipv4_mapped:
            source = source.ipv4_mapped
        for network, name in self._networks:
            if source in network:
                return name
        raise NotPermitted(f"{source_ip} belongs to no trunk")


def with_transport(uri: str, transport: str) -> str:
    """UDP is the default of a `sip:` URI, what else must be said; `sips:` says it (RFC 3261 §19.1)."""
    if transport == "udp" or ";transport=" in uri.lower() or uri.startswith("sips:"):
        return uri
    address, mark, headers = uri.partition("?")
    return f"{address};transport={transport}{mark}{headers}"
