"""`gateway check`: the mistakes of a configuration file, or what the gateway would do with it, for people to
read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.config.loading import Report
from gateway.config.mistakes import Mistake, plain
from gateway.config.model import Config, Trunk
from gateway.config.people import identity_of
from gateway.core.errors import NoRoute
from gateway.core.featurecodes import FeatureCodes
from gateway.core.mediasecurity import Security
from gateway.core.routing import Router, host_port

EXIT_SOUND, EXIT_NO_ROUTE, EXIT_MISTAKES = 0, 1, 2


def print_report(report: Report, path: Path, console: Console) -> int:
    """Print everything that `examine` found, mistakes before warnings; returns the exit code."""
    for title, style, items in (
        ("mistake", "bold red", report.mistakes),
        ("warning", "yellow", report.warnings),
    ):
        if items:
            _line(console, Text(f"{path}: {len(items)} {title}{'s' if len(items) > 1 else ''}", style))
        for item in items:
            _print_mistake(item, style, console)
    if report.config is None:
        return EXIT_MISTAKES
    _line(console, Text(f"{path} is sound", "bold green"))
    return EXIT_SOUND


def _print_mistake(item: Mistake, style: str, console: Console) -> None:
    line = Text("  ").append(item.path, style)
    if item.about:
        line.append(f" ({item.about})")
    _line(console, line.append(f": {item.message}"))
    if item.hint:
        _line(console, Text(f"      {item.hint}", "dim"))


def _line(console: Console, text: Text) -> None:
    console.print(text, soft_wrap=True, highlight=False)


def print_summary(config: Config, console: Console) -> None:
    """What the gateway would do with this file."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in summary(config):
        table.add_row(Text(f"  {name}"), Text(text))
    console.print(table, highlight=False)


def summary(config: Config) -> Iterator[tuple[str, str]]:
    """The lines of the summary: a heading (empty: as above) and what stands beside it."""
    node, sip, media, limits = config.node, config.sip, config.media, config.limits
    yield "Node", f"{node.name} at {node.site}"
    plain_ones = " and ".join(transport for transport in sip.transports if transport != "tls")
    listening = [f"{host_port(sip.bind)} by {plain_ones}"] if plain_ones else []
    if sip.tls and "tls" in sip.transports:
        listening.append(
            f"{host_port((sip.bind[0], sip.tls.port))} by tls {sip.tls.minimum_version} and later"
        )
    yield "SIP", f"{', '.join(listening)}, known to others as {sip.advertised}"
    low, high = media.port_range
    encodings = ", ".join(encoding.value for encoding in media.codecs)
    yield "Media", f"{media.advertised} ports {low} to {high}, room for {media.legs} legs; codecs {encodings}"
    yield "Limits", f"{limits.max_calls} calls, {limits.calls_per_second:g} new ones a second; past that 503"
    for position, trunk in enumerate(config.trunks):
        sources = ", ".join(str(network) for network in trunk.identify_by) or "any address"
        yield (
            _first(position, "Trunks"),
            f"{trunk.name}: {trunk.uri} by {trunk.transport}, media {_secured(trunk)}, calls from {sources}",
        )
    for position, route in enumerate(config.routes):
        text = f"{position + 1}. {route.match} goes to {route.to.uri} by trunk {' or '.join(route.to.trunks)}"
        yield _first(position, "Routes in order"), plain(text)
    teams = {advisor.team for advisor in config.advisors}
    yield "Advisors", f"{len(config.advisors)} in {len(teams)} team{'' if len(teams) == 1 else 's'}"
    roles = Counter(role for user in config.users for role in user.roles)
    yield "Users", f"{len(config.users)}" + "".join(f", {count} {role}" for role, count in roles.items())
    codes = config.supervision.codes.by_mode()
    yield (
        "Feature codes",
        ", ".join(f"{code} {mode}" for mode, code in codes.items()) + ", each before an extension",
    )
    ringing = ", ".join(config.alerts.ring) or "nobody"
    yield "Alerts", f"panic code {config.alerts.panic_code}; rings those on duty, then in turn: {ringing}"
    for tier in config.alerts.tiers:
        yield "", plain(f"{tier.name} after {tier.after_s:g} s: {', '.join(tier.ring)}")
    yield "MQTT", f"{config.mqtt.url} under {config.mqtt.topic_root}/{node.site}" if config.mqtt else "none"
    place = config.store.state_directory or "the state directory"
    yield "Store", config.store.url or f"SQLite, gateway.db in {place}"
    yield "Web", f"http://{host_port(config.web.bind)}"


def _secured(trunk: Trunk) -> str:
    words = {Security.OFF: "in the clear", Security.OPTIONAL: "secure where the phone can"}
    return words.get(trunk.srtp, "secure")


def _first(position: int, heading: str) -> str:
    return heading if position == 0 else ""


def explain_number(config: Config, number: str) -> tuple[str, int]:
    """What would become of a call to `number`, in one sentence, and the exit code: 0 it would go somewhere, 1
    it would not."""
    advisors = {advisor.extension: advisor for advisor in config.advisors}
    shown = plain(number)
    if feature := FeatureCodes(config.supervision.codes.by_mode()).parse_dialled(number):
        advisor = advisors.get(feature.extension)
        if not advisor:
            return (
                f"{shown} is {feature.mode}, but no advisor has the extension {feature.extension}",
                EXIT_NO_ROUTE,
            )
        return (
            f"{shown} is {feature.mode} on advisor {advisor.id} ({feature.extension}), for who may",
            EXIT_SOUND,
        )
    try:
        target = Router(config.routes, config.trunks).route(number)
    except NoRoute:
        return f"{shown} fits no route: the call is refused with 404", EXIT_NO_ROUTE
    position = target.route or 0
    rule = plain(config.routes[position].match)
    advisor = advisors.get(number) or advisors.get(identity_of(target.uri)[0])
    who = (
        f"advisor {advisor.id} of team {advisor.team}"
        if advisor
        else "no advisor's extension, so it cannot be supervised"
    )
    return (
        f"{shown} takes route {position + 1} ({rule}) to {target.uri} by trunk {target.trunk}; {who}",
        EXIT_SOUND,
    )
