"""Cross-checks of trunks and routes: that calls can go where the file says, and come from where it says."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

from gateway.config.draft import Draft
from gateway.config.mistakes import Mistake, near, shown
from gateway.config.model import Route
from gateway.core.mediasecurity import Security
from gateway.core.model import Address
from gateway.core.routing import Router, Template, TemplateError

BAD_PATTERN = (re.error, RecursionError, OverflowError)
"""What `re.compile` raises."""


def check_trunks(draft: Draft) -> Iterator[Mistake]:
    """Each trunk by itself and beside the others; then who may send calls at all."""
    config = draft.config
    if not draft.has("trunk"):
        yield draft.mistake(
            ("trunk",), "there is none; no call can be sent anywhere", "add a [[trunk]]", fatal=False
        )
    seen: dict[str, int] = {}
    networks: dict[Any, str] = {}
    named_without = "tls" not in config.sip.transports and not draft.is_broken("sip", "transports")
    for position, trunk in enumerate(config.trunks):
        if trunk.name in seen:
            yield draft.mistake(
                ("trunk", position, "name"), f'found "{trunk.name}"; another trunk has that name'
            )
        seen.setdefault(trunk.name, position)
        for number, network in enumerate(trunk.identify_by):
            if networks.get(network, trunk.name) != trunk.name:
                message = (
                    f"found {network}; trunk {networks[network]} has the same: calls could not be told apart"
                )
                yield draft.mistake(("trunk", position, "identify_by", number), message)
            networks.setdefault(network, trunk.name)
            if isinstance(network, str) and named_without:
                message = f'found "{network}"; certificates are shown by TLS, which [sip] transports has not'
                yield draft.mistake(("trunk", position, "identify_by", number), message)
        if not draft.is_sound("trunk", position):
            continue
        if trunk.transport not in config.sip.transports and not draft.is_broken("sip", "transports"):
            message = (
                f'found "{trunk.transport}"; [sip] transports has only {", ".join(config.sip.transports)}'
            )
            yield draft.mistake(("trunk", position, "transport"), message)
        if trunk.srtp is not Security.OFF and trunk.transport != "tls":
            message = (
                f'found "{trunk.srtp}"; the keys of secure media stand in SIP messages, '
                f"which go unencrypted by {trunk.transport}"
            )
            hint = 'whoever can read the signalling can hear the calls; give it transport = "tls"'
            yield draft.mistake(("trunk", position, "srtp"), message, hint, fatal=False)
        tls = config.sip.tls
        port = tls.port if tls and trunk.transport == "tls" else config.sip.bind[1]
        if not draft.is_broken("sip", "bind") and _is_ourselves(
            trunk.address, (config.sip.bind[0], port), config.sip.advertised
        ):
            message = f'found "{trunk.uri}"; that is the gateway itself, calls would go round in circles'
            yield draft.mistake(("trunk", position, "uri"), message)
    yield from _check_identification(draft)


def _is_ourselves(trunk: Address, bind: Address, advertised: str) -> bool:
    try:
        trunk_ip = ipaddress.ip_address(trunk[0])
    except ValueError:
        return False
    return trunk[1] == bind[1] and trunk_ip in (
        ipaddress.ip_address(bind[0]),
        ipaddress.ip_address(advertised),
    )


def _check_identification(draft: Draft) -> Iterator[Mistake]:
    """Who may send calls at all."""
    if "trunk" in draft.broken or not draft.config.trunks:
        return
    trunks = draft.config.trunks
    if not any(trunk.identify_by for trunk in trunks):
        message = "no trunk says where it calls from: anyone may call, and claim to be a supervisor"
        yield draft.mistake(
            ("trunk",), message, "give identify_by, the addresses of the PBX or SBC", fatal=False
        )
        return
    for position, trunk in enumerate(trunks):
        if not trunk.identify_by:
            message = "has no identify_by while other trunks have: what it sends is refused with 403"
            yield draft.mistake(
                ("trunk", position, "identify_by"), message, "give its addresses", fatal=False
            )


def check_routes(draft: Draft) -> Iterator[Mistake]:
    """Each route by itself, then whether the advisors can be reached by them."""
    if not draft.has("route"):
        yield draft.mistake(
            ("route",), "there is none; every call is refused with 404", "add a [[route]]", fatal=False
        )
    known = draft.names("trunk", "name")
    seen: dict[str, int] = {}
    for position, route in enumerate(draft.config.routes):
        yield from _check_route(draft, position, route, known)
        if route.match in seen:
            message = (
                f'found "{route.match}"; an earlier route has the same pattern, so this one is never taken'
            )
            yield draft.mistake(("route", position, "match"), message, fatal=False)
        seen.setdefault(route.match, position)
    router = sound_router(draft)
    for position, advisor in enumerate(draft.config.advisors if router else ()):
        if router and draft.has("route") and not router.has_route(advisor.extension):
            message = (
                f'found "{advisor.extension}"; no route fits, so a call to this number is refused with 404'
            )
            yield draft.mistake(("advisor", position, "extension"), message, fatal=False)


def sound_router(draft: Draft) -> Router | None:
    """The router; None where trunks or routes have any mistake."""
    if draft.broken & {"route", "trunk"}:
        return None
    try:
        return Router(draft.config.routes, draft.config.trunks)
    except (*BAD_PATTERN, TemplateError, KeyError):
        return None


def _check_route(draft: Draft, position: int, route: Route, known: set[str]) -> Iterator[Mistake]:
    groups: set[str] | None = None
    try:
        groups = set(re.compile(route.match).groupindex)
    except BAD_PATTERN as error:
        why = error.msg if isinstance(error, re.error) else str(error)
        where = (
            f" at character {error.pos + 1}" if isinstance(error, re.error) and error.pos is not None else ""
        )
        message = f"found {shown(route.match)}; not a regular expression: {why}{where}"
        hint = "a + in front of a number is written \\\\+ in TOML" if route.match.startswith("+") else ""
        yield draft.mistake(("route", position, "match"), message, hint)
    for name in route.to.trunks if not draft.is_broken("trunk", "") else ():
        if name not in known:
            allowed = f"allowed: {', '.join(sorted(known))}" if known else "there is no [[trunk]]"
            message = f"found {shown(name)}; no trunk has that name; {allowed}"
            yield draft.mistake(("route", position, "to", "trunk"), message, near(name, known))
    yield from _check_alternatives(draft, position, route)
    if groups is not None:
        try:
            Template(route.to.uri, {"number", "trunk", *groups})
        except TemplateError as error:
            names = ", ".join(f"{{{name}}}" for name in ("number", "trunk", *sorted(groups)))
            message = f'found {shown(route.to.uri)}; {error}; allowed: "sip:...@..." with {names}'
            yield draft.mistake(("route", position, "to", "uri"), message)


def _check_alternatives(draft: Draft, position: int, route: Route) -> Iterator[Mistake]:
    """A call that is tried by another trunk keeps its legs as they are."""
    names = route.to.trunks
    loc = ("route", position, "to", "trunk")
    if len(set(names)) < len(names):
        yield draft.mistake(
            loc, "a trunk stands in it twice", "each once; `weight` says how many calls it gets"
        )
    found = [trunk for trunk in draft.config.trunks if trunk.name in names]
    if len({(trunk.srtp, trunk.dtmf) for trunk in found}) > 1:
        yield draft.mistake(
            loc, "its trunks differ in `srtp` or `dtmf`", "trunks of one route must agree in both"
        )
