"""Cross-checks of whether others can reach what the file says, and whether all that it says is ever used."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from gateway.config.draft import Draft
from gateway.config.mistakes import Mistake
from gateway.core.model import Address

TAKES_ALL = frozenset({".*", ".+", "(.*)", "(.+)"})


def check_reach(draft: Draft) -> Iterator[Mistake]:
    """Can others reach us where the file says, and is everything in it ever used?"""
    yield from _check_loopback(draft)
    yield from _check_families(draft)
    yield from _check_own_sources(draft)
    yield from _check_unreached_routes(draft)
    yield from _check_timeouts(draft)


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """None: a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _trunks(draft: Draft) -> Iterator[tuple[int, str, Address]]:
    """Position, name and address of those that are sound."""
    for position, trunk in enumerate(draft.config.trunks):
        if draft.is_sound("trunk", position):
            yield position, trunk.name, trunk.address


def _check_loopback(draft: Draft) -> Iterator[Mistake]:
    """Nobody elsewhere can call 127.0.0.1."""
    config = draft.config
    far = next(
        (
            (name, host)
            for _, name, (host, _) in _trunks(draft)
            if (ip := _ip(host)) is not None and not ip.is_loopback
        ),
        None,
    )
    if far is None:
        return
    name, host = far
    for section, bind in (("sip", config.sip.bind[0]), ("media", config.media.bind)):
        if not draft.is_broken(section, "bind") and ipaddress.ip_address(bind).is_loopback:
            message = f"found {bind}, which only this machine can reach; trunk {name} is at {host}"
            hint = "give this machine's address on the network of the trunk"
            yield draft.mistake((section, "bind"), message, hint, fatal=False)


def _check_families(draft: Draft) -> Iterator[Mistake]:
    """IPv4 and IPv6 do not call one another. Our own addresses: `crosscheck.check_addresses`."""
    if draft.is_broken("sip", "bind"):
        return
    version = ipaddress.ip_address(draft.config.sip.bind[0]).version
    for position, _, (host, _) in _trunks(draft):
        ip = _ip(host)
        if ip is not None and ip.version != version:
            message = f"found {host}; [sip] bind is IPv{version}, so it cannot be called"
            yield draft.mistake(("trunk", position, "uri"), message, fatal=False)


def _check_own_sources(draft: Draft) -> Iterator[Mistake]:
    """A trunk that calls from where it is called, as most do, must be let in from there."""
    for position, _, (host, _) in _trunks(draft):
        ip, sources = _ip(host), draft.config.trunks[position].identify_by
        networks = [source for source in sources if not isinstance(source, str)]
        if (
            ip is not None
            and len(networks) == len(sources) > 0
            and not any(ip in network for network in networks)
        ):
            message = f"lacks the trunk's own address {host}: if it calls from there, it is refused with 403"
            yield draft.mistake(("trunk", position, "identify_by"), message, fatal=False)


def _check_unreached_routes(draft: Draft) -> Iterator[Mistake]:
    """The first route that fits is taken."""
    if "route" in draft.broken:
        return
    everything: int | None = None
    for position, route in enumerate(draft.config.routes):
        if everything is not None:
            message = f"is never taken: route {everything + 1} takes every number before"
            yield draft.mistake(("route", position, "match"), message, "put it first", fatal=False)
        elif route.match in TAKES_ALL:
            everything = position


def _check_timeouts(draft: Draft) -> Iterator[Mistake]:
    """Times that undo one another."""
    config = draft.config
    if not draft.broken & {"supervision", "media"}:
        timeout_s, silent_s = config.supervision.supervisor_timeout_s, config.media.rtp_timeout_ms / 1000
        if timeout_s < silent_s:
            message = (
                f"found {timeout_s:g}; silence is noticed only after [media] rtp_timeout_ms, {silent_s:g} s"
            )
            yield draft.mistake(("supervision", "supervisor_timeout_s"), message, fatal=False)
        if config.media.history_s == 0 and "past" in config.supervision.keys.model_fields_set:
            message = "does nothing: [media] history_s is 0, nothing is kept to be heard again"
            yield draft.mistake(("supervision", "keys", "past"), message, fatal=False)
