"""What only shows when sections are seen together: names that nothing has, numbers that collide, ports that
do not suffice.

One function per concern; each yields mistakes (the gateway would not do what the file says) and warnings (it
would, but hardly as meant).
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Iterator, Mapping

from gateway.config.crosscheck_exposure import check_exposure
from gateway.config.crosscheck_machine import (
    check_memory,
    check_open_files,
    check_resting_ports,
    check_workers,
)
from gateway.config.crosscheck_people import (
    check_alerts,
    check_mapped_teams,
    check_people,
    check_secrets,
    check_teams,
    check_tiers,
)
from gateway.config.crosscheck_reach import check_reach
from gateway.config.crosscheck_routes import check_routes, check_trunks
from gateway.config.crosscheck_tls import check_tls
from gateway.config.draft import Draft
from gateway.config.mistakes import Mistake
from gateway.core.model import Address

LEGS_PER_CALL = 2
"""Caller and advisor; every supervisor is one more."""


def cross_check(draft: Draft, environ: Mapping[str, str]) -> list[Mistake]:
    """Everything that is wrong between sections; what a broken section would be needed for is left unsaid."""
    checks: Iterable[Iterator[Mistake]] = (
        check_addresses(draft),
        check_ports(draft),
        check_cores(draft),
        check_workers(draft),
        check_memory(draft),
        check_open_files(draft),
        check_resting_ports(draft),
        check_reach(draft),
        check_exposure(draft),
        check_tls(draft),
        check_trunks(draft),
        check_routes(draft),
        check_codes(draft),
        check_people(draft),
        check_teams(draft),
        check_mapped_teams(draft),
        check_alerts(draft),
        check_tiers(draft),
        check_secrets(draft, environ),
    )
    return [mistake for check in checks for mistake in check]


def check_addresses(draft: Draft) -> Iterator[Mistake]:
    """Wildcards, and addresses of the other family than ours, cannot be written into SIP and SDP; two
    listeners cannot share a port.
    """
    config = draft.config
    for section, bind, advertised in (
        ("sip", config.sip.bind[0], config.sip.advertised_address),
        ("media", config.media.bind, config.media.advertised_address),
    ):
        if draft.is_broken(section, "bind") or draft.is_broken(section, "advertised_address"):
            continue
        if advertised is None and ipaddress.ip_address(bind).is_unspecified:
            hint = "give the IP address of this machine that phones and trunks can reach"
            yield draft.mistake((section, "advertised_address"), f"is needed because bind is {bind}", hint)
        if advertised is not None and ipaddress.ip_address(advertised).is_unspecified:
            yield draft.mistake(
                (section, "advertised_address"), f'found "{advertised}"; a wildcard cannot be called'
            )
        version = ipaddress.ip_address(bind).version
        if advertised is not None and ipaddress.ip_address(advertised).version != version:
            message = f"found {advertised}; bind is IPv{version}, so nobody can reach us there"
            yield draft.mistake((section, "advertised_address"), message)
    if any(draft.is_broken(*key) for key in (("sip", "bind"), ("sip", "transports"), ("web", "bind"))):
        return
    if "tcp" in config.sip.transports and _same_place(config.sip.bind, config.web.bind):
        yield draft.mistake(("web", "bind"), f"port {config.web.bind[1]} is taken by [sip] bind already")


def _same_place(one: Address, other: Address) -> bool:
    wildcard = any(ipaddress.ip_address(host).is_unspecified for host in (one[0], other[0]))
    return one[1] == other[1] != 0 and (one[0] == other[0] or wildcard)


def check_ports(draft: Draft) -> Iterator[Mistake]:
    """The RTP range: its form, its room for max_calls, and that SIP does not stand in it."""
    media, sip, limits = draft.config.media, draft.config.sip, draft.config.limits
    if draft.is_broken("media", "port_range"):
        return
    low, high = media.port_range
    loc = ("media", "port_range")
    found = f"found [{low}, {high}]"
    if low % 2:
        yield draft.mistake(
            loc, f"{found}; the first port must be even (RTP takes the even port, RTCP the next)"
        )
    if high <= low:
        yield draft.mistake(loc, f"{found}; allowed: [first, last], last larger than first")
        return
    if not draft.is_broken("sip", "bind") and "udp" in sip.transports and low <= sip.bind[1] <= high:
        yield draft.mistake(loc, f"{found} includes the SIP port {sip.bind[1]}")
    if draft.is_broken("limits", "max_calls"):
        return
    needed = LEGS_PER_CALL * limits.max_calls
    room = f"{found} has room for {media.legs} legs, 2 ports each"
    if media.legs < needed:
        hint = f"allow at least {needed * 2} ports, or lower max_calls"
        yield draft.mistake(loc, f"{room}; [limits] max_calls = {limits.max_calls} needs {needed}", hint)
    elif media.legs < needed + limits.max_calls:
        left = media.legs - needed
        message = f"{room}; with {limits.max_calls} calls only {left} supervisors can be on calls"
        yield draft.mistake(loc, message, "allow 6 ports a call", fatal=False)


def check_cores(draft: Draft) -> Iterator[Mistake]:
    """One core a worker, and each of them here."""
    media = draft.config.media
    if draft.is_broken("media", "workers") or draft.is_broken("media", "cpus") or not media.cpus:
        return
    loc = ("media", "cpus")
    if len(media.cpus) != media.workers:
        hint = "give one core for each worker, or none"
        yield draft.mistake(loc, f"found {len(media.cpus)} cores for {media.workers} workers", hint)
    here = os.sched_getaffinity(0)
    absent = sorted(set(media.cpus) - here)
    if absent:
        have = ", ".join(map(str, sorted(here)))
        yield draft.mistake(loc, f"found {', '.join(map(str, absent))}; this machine gives us: {have}")


def check_codes(draft: Draft) -> Iterator[Mistake]:
    """Feature codes, the panic code and extensions must be told apart by what is dialled; in-call keys by one
    press."""
    if not draft.broken & {"supervision", "alerts"}:
        codes: dict[tuple[str, ...], str] = {
            ("supervision", "codes", mode): code
            for mode, code in draft.config.supervision.codes.by_mode().items()
        }
        yield from _collisions(draft, {**codes, ("alerts", "panic_code"): draft.config.alerts.panic_code})
    if "supervision" in draft.broken:
        return
    seen: dict[str, str] = {}
    keys = draft.config.supervision.keys
    for name, key in keys.model_dump().items():
        if name == "past" and name not in keys.model_fields_set:
            continue  # its default gives way to what the configuration says
        if key in seen:
            yield draft.mistake(
                ("supervision", "keys", name), f'found "{key}"; that key is {seen[key]} already'
            )
        seen.setdefault(key, name)
    for mode, code in draft.config.supervision.codes.by_mode().items():
        hit = next((advisor for advisor in draft.config.advisors if advisor.extension.startswith(code)), None)
        if hit:
            message = f'found "{code}"; the extension {hit.extension} begins with it and could not be called'
            yield draft.mistake(("supervision", "codes", mode), message)


def _collisions(draft: Draft, codes: Mapping[tuple[str, ...], str]) -> Iterator[Mistake]:
    items = list(codes.items())
    for position, (loc, code) in enumerate(items):
        for other_loc, other in items[:position]:
            if code == other:
                yield draft.mistake(loc, f'found "{code}"; {".".join(other_loc)} is the same')
            elif code.startswith(other) or other.startswith(code):
                relation = "it begins with" if code.startswith(other) else "it is the beginning of"
                message = f'found "{code}"; {relation} {".".join(other_loc)} = "{other}"'
                yield draft.mistake(loc, message, "give codes of which none begins with another")
