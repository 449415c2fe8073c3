"""Where a PBX sends a request: routes by number, registered phones, dialogs' routes (RFC 3261 §16.3 to
§16.5). No I/O.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from sipmessage import URI, Parameters, Request

from .errors import WrongUsage
from .message import tag, uri
from .transaction import Hop


@dataclass(frozen=True)
class Route:
    """Numbers that match go to a target, the gateway for one.

    Requests that come from the target are not sent back to it: those go on to registered phones.
    """

    pattern: re.Pattern[str]
    target: URI
    "Its user part, where it has one, replaces the number; `\\1` there stands for a group of the pattern."

    @classmethod
    def parse(cls, text: str) -> Route:
        """Read `REGEX=sip:HOST:PORT`. Raises `WrongUsage` with a hint."""
        pattern, separator, target = text.rpartition("=sip:")
        if not separator:
            raise WrongUsage(
                f"{text!r} is no route; expected REGEX=sip:HOST:PORT, such as '2...=sip:127.0.0.1:5060'"
            )
        return cls.make(pattern, "sip:" + target)

    @classmethod
    def make(cls, pattern: str, target: str) -> Route:
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            raise WrongUsage(f"{pattern!r} is no regular expression: {error}") from error
        user, at, rest = target.removeprefix("sip:").rpartition("@")
        # The user part may hold a backslash, which no URI does.
        parsed = uri("sip:" + rest)
        return cls(
            compiled, URI("sip", parsed.host, user if at else None, None, parsed.port, parsed.parameters)
        )

    def apply(self, number: str) -> URI | None:
        """The new Request-URI for a number that matches from end to end; None for others."""
        match = self.pattern.fullmatch(number)
        if match is None:
            return None
        user = match.expand(self.target.user) if self.target.user else number
        target = self.target
        return URI(target.scheme, target.host, user, None, target.port, target.parameters)

    def came_from(self, request: Request, source: Hop) -> bool:
        """Whether the request has been at the target already."""
        there = (self.target.host, self.target.port or 5060)
        return (source.host, source.port) == there or any(
            (via.host, via.port or 5060) == there for via in request.via
        )


def loop_mark(request: Request) -> str:
    """What stays the same when a request comes round unchanged (§16.6 step 8), short enough to end a branch
    with.
    """
    parts = (
        str(request.uri),
        tag(request.from_address),
        tag(request.to_address),
        request.call_id,
        str(request.cseq.sequence),
        ",".join(request.headers.getlist("Route")),
    )
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:12]


def has_looped(request: Request, host: str, port: int) -> bool:
    """Whether this very request has passed here before (§16.3 step 4)."""
    mark = loop_mark(request)
    return any(
        (via.host, via.port) == (host, port) and (via.parameters.get("branch") or "").endswith("." + mark)
        for via in request.via
    )


def is_own(target: URI, host: str, port: int) -> bool:
    return (target.host, target.port or 5060) == (host, port)


def drop_own_routes(request: Request, host: str, port: int) -> None:
    """Take this proxy's own entries off the top of Route (§16.4)."""
    routes = request.route
    while routes and is_own(routes[0].uri, host, port):
        routes = routes[1:]
    request.route = routes
    if not routes:
        request.headers.remove("Route")


def own_route(host: str, port: int, transport: str) -> str:
    """This proxy's Record-Route entry for one transport (§16.6 step 4)."""
    parameters = Parameters(lr=None) if transport == "udp" else Parameters(transport=transport, lr=None)
    return f"<{URI(scheme='sip', host=host, port=port, parameters=parameters)}>"


def best(codes: list[int]) -> int:
    """The index of the response to forward of several refusals (§16.7 step 6)."""
    helpful = (401, 407, 415, 420, 484)

    def rank(code: int) -> tuple[int, int, int]:
        return (0 if code >= 600 else 1, code // 100, 0 if code in helpful else 1)

    return min(range(len(codes)), key=lambda index: rank(codes[index]))
