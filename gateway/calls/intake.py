"""What an incoming INVITE wants: an ordinary call along a route, or a supervisor on a live one."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from gateway.config.model import Advisor, Config
from gateway.config.people import Directory, identity_of
from gateway.core.errors import Refused
from gateway.core.events import LegOffered
from gateway.core.featurecodes import FeatureCall, FeatureCodes
from gateway.core.mediasecurity import Security
from gateway.core.model import Role
from gateway.core.permissions import User
from gateway.core.routing import Router, Target
from gateway.core.terms import USUAL, Mux, Rtcp, Terms

CARRIED_HEADERS = ("P-Asserted-Identity", "Privacy", "Diversion", "History-Info")
"""Of the caller's request, what the called party is to know (RFC 3325, 3323, 5806, 7044)."""


Value = TypeVar("Value")

LOOP_HEADER = "X-Gateway-Path"
"""What we have called this call's number with: one mark for each gateway and number, by which it is known
again.
"""


class LoopDetected(Refused):
    """The call came back to us for a number that we had sent it to (RFC 3261 §16.3 item 4)."""

    sip_status = 482


@dataclass(frozen=True, slots=True)
class Plan:
    """An ordinary call: whom to call, and which of the two is the advisor."""

    target: Target
    calling_role: Role
    advisor: Advisor | None
    number: str
    """The patient's."""
    extension: str
    """The advisor's side: their extension, or what was dialled where nobody is configured."""
    headers: Mapping[str, str] = field(default_factory=dict)
    calling_terms: Terms = USUAL
    called_terms: Terms = USUAL


@dataclass(frozen=True, slots=True)
class Supervise:
    """A feature code; `user` None: nobody whom we know."""

    wanted: FeatureCall
    user: User | None
    terms: Terms
    """For the media of their leg."""
    identity: str
    """`user@host` of the From, for the log."""


class Intake:
    """The routes, trunks and people of one configuration. Raises for routes that `gateway check` would have
    refused.
    """

    def __init__(
        self, config: Config, directory: Directory, is_down: Callable[[str], bool] = lambda trunk: False
    ) -> None:
        self.router = Router(config.routes, config.trunks, is_down)
        self._codes = FeatureCodes(config.supervision.codes.by_mode())
        self._directory = directory
        self._secret = secrets.token_bytes(8)
        self._advisors = {advisor.id: advisor for advisor in config.advisors}
        self._terms = {trunk.name: Terms(trunk.srtp, trunk.rtcp_mux, trunk.rtcp) for trunk in config.trunks}

    def read(self, offered: LegOffered) -> Plan | Supervise:
        """Raises `NotPermitted` for a source that is no trunk's, `NoRoute` where nothing fits,
        `LoopDetected`.
        """
        calling = self.terms(self.router.identify(offered.source[0], offered.names))
        user, host = identity_of(offered.from_uri)
        person = self._directory.by_sip(offered.from_uri)
        wanted = self._codes.parse_dialled(offered.to_user)
        if wanted is not None:
            return Supervise(wanted, person, calling, f"{user}@{host}")
        path = self._path(offered)
        target = self.router.route(offered.to_user)
        headers = {name: offered.headers[name] for name in CARRIED_HEADERS if name in offered.headers}
        headers[LOOP_HEADER] = path
        terms = (calling, self.terms(target.trunk))
        dialling_out = self._advisors.get(person.id) if person else None
        if dialling_out is not None:
            extension = dialling_out.extension
            return Plan(target, Role.ADVISOR, dialling_out, offered.to_user, extension, headers, *terms)
        called = identity_of(target.uri)[0]
        advisor = self._directory.advisor(offered.to_user) or self._directory.advisor(called)
        extension = advisor.extension if advisor else offered.to_user
        return Plan(target, Role.CALLER, advisor, user or "anonymous", extension, headers, *terms)

    def terms(self, trunk: str | None) -> Terms:
        """For the media of a trunk's leg.

        None, where nobody knows which trunk's it is: what all trunks agree on, else `optional` SRTP and what
        is done unasked of the rest.
        """
        if trunk is not None:
            return self._terms[trunk]
        all_terms = self._terms.values()
        if not all_terms:
            return USUAL
        return Terms(
            _agreed({terms.security for terms in all_terms}, Security.OPTIONAL),
            _agreed({terms.mux for terms in all_terms}, Mux.FOLLOW),
            _agreed({terms.rtcp for terms in all_terms}, Rtcp.TERMINATE),
        )

    def _path(self, offered: LegOffered) -> str:
        """The marks that this call bears, ours added. The same call may come by twice for different numbers,
        such as after a diversion; for the same number it goes in circles.
        """
        mark = hashlib.blake2s(offered.to_user.encode(), key=self._secret, digest_size=6).hexdigest()
        seen = offered.headers.get(LOOP_HEADER, "")[:1000].split()
        if mark in seen:
            raise LoopDetected(f"the call to {offered.to_user} came back to us")
        return " ".join([*seen, mark])


def _agreed(values: set[Value], otherwise: Value) -> Value:
    return values.pop() if len(values) == 1 else otherwise
