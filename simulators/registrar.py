"""A registrar in memory (RFC 3261 §10.3): who is reachable where, until when. No I/O; told the time in
seconds.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from sipmessage import URI, Address, Request, Response

from . import digest
from .message import make_response, new_tag

SHORTEST_S = 10
LONGEST_S = 3_600


@dataclass(frozen=True)
class Binding:
    """One contact of one user."""

    uri: URI
    expires_at: float
    call_id: str
    sequence: int


class Registrar:
    """`passwords` by user: given, only these users may register, by digest; None lets everyone."""

    def __init__(self, realm: str, passwords: Mapping[str, str] | None = None) -> None:
        self.realm = realm
        self.passwords = dict(passwords) if passwords is not None else None
        self._bindings: dict[str, dict[str, Binding]] = {}
        self._nonces: set[str] = set()

    def register(self, request: Request, now: float) -> Response:
        """The answer to a REGISTER; what it asks is done when that is 200."""
        user = request.to_address.uri.user or ""
        if not self.allows(request, user, "Authorization"):
            return self.challenge(request, 401)
        expires_s = request.expires if request.expires is not None else LONGEST_S
        contacts = self._contacts(request)
        if contacts is None:
            if request.expires != 0:
                return make_response(request, 400, to_tag=new_tag())
            self._bindings[user] = {}
            contacts = []
        for contact in contacts:
            asked_s = int(contact.parameters.get("expires") or expires_s)
            if 0 < asked_s < SHORTEST_S:
                response = make_response(request, 423, to_tag=new_tag())
                response.min_expires = SHORTEST_S
                return response
            if not self._bind(user, contact.uri, min(asked_s, LONGEST_S), request, now):
                return make_response(request, 500, "Out of Order", to_tag=new_tag())
        return self._granted(request, user, now)

    def contacts(self, user: str, now: float) -> list[URI]:
        """Where a user is reachable now, the latest registration first."""
        live = [binding for binding in self._bindings.get(user, {}).values() if binding.expires_at > now]
        return [binding.uri for binding in sorted(live, key=lambda binding: -binding.expires_at)]

    def knows(self, user: str) -> bool:
        """Whether this user was ever registered here, or has a password: then it is away, not unknown."""
        return user in self._bindings or user in (self.passwords or {})

    def allows(self, request: Request, user: str, header: str) -> bool:
        """Whether the request carries good credentials of this user in `header`, or needs none."""
        if self.passwords is None:
            return True
        password = self.passwords.get(user)
        given = request.headers.get(header)
        if password is None or given is None or digest.parameters(given).get("username") != user:
            return False
        return digest.verify(given, method=request.method, password=password, nonces=self._nonces)

    def challenge(self, request: Request, code: int) -> Response:
        """A 401 or 407 that asks for credentials."""
        nonce = secrets.token_hex(12)
        self._nonces.add(nonce)
        response = make_response(request, code, to_tag=new_tag())
        name = "WWW-Authenticate" if code == 401 else "Proxy-Authenticate"
        response.headers.set(name, digest.challenge(self.realm, nonce))
        return response

    def _contacts(self, request: Request) -> list[Address] | None:
        """The contacts to bind; None for `*`, which removes all."""
        if (request.headers.get("Contact") or "").strip() == "*":
            return None
        return request.contact

    def _bind(self, user: str, uri: URI, expires_s: int, request: Request, now: float) -> bool:
        """False when an earlier request of the same Call-ID overtook a later one (§10.3 step 7)."""
        bindings = self._bindings.setdefault(user, {})
        before = bindings.get(str(uri))
        sequence = request.cseq.sequence
        if before is not None and before.call_id == request.call_id and sequence < before.sequence:
            return False
        if expires_s == 0:
            bindings.pop(str(uri), None)
        else:
            bindings[str(uri)] = Binding(uri, now + expires_s, request.call_id, sequence)
        return True

    def _granted(self, request: Request, user: str, now: float) -> Response:
        response = make_response(request, 200, to_tag=new_tag())
        for binding in self._bindings.get(user, {}).values():
            if binding.expires_at > now:
                left_s = round(binding.expires_at - now)
                response.headers.add("Contact", f"<{binding.uri}>;expires={left_s}")
        return response
