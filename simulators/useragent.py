"""What a call needs of its phone: sending, its own names, credentials. `Phone` is the one that is real."""

from __future__ import annotations

from typing import Protocol

from sipmessage import URI, Address, Request, Response

from . import digest
from .dialog import Dialog
from .endpoint import Endpoint
from .transaction import Hop

_CHALLENGES = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


class UserAgent(Protocol):
    """The phone as its calls see it."""

    endpoint: Endpoint
    host: str
    user: str
    password: str | None
    codecs: tuple[str, ...]
    ptime_ms: int
    srtp: str
    rtcp_mux: bool

    @property
    def contact(self) -> Address: ...

    def hop(self, uri: URI) -> Hop: ...


def send_in_dialog(agent: UserAgent, dialog: Dialog, request: Request) -> Hop:
    """The hop for a request of this dialog, its Contact added where one belongs."""
    if request.method in ("INVITE", "UPDATE"):
        request.contact = [agent.contact]
    return agent.hop(dialog.next_uri)


def authorised(agent: UserAgent, request: Request, response: Response) -> bool:
    """Add to `request` the credentials that a 401 or 407 asks for (RFC 3261 §22); False where it cannot help.

    The request must then be sent again as a new one, with the next sequence number.
    """
    for asked, given in (
        ("WWW-Authenticate", "Authorization"),
        ("Proxy-Authenticate", "Proxy-Authorization"),
    ):
        if response.code != (401 if given == "Authorization" else 407) or agent.password is None:
            continue
        if (
            request.headers.get(given) is not None
            and "stale=true" not in (response.headers.get(asked) or "").lower()
        ):
            return False
        for challenge in response.headers.getlist(asked):
            value = digest.credentials(
                challenge,
                username=agent.user,
                password=agent.password,
                method=request.method,
                uri=str(request.uri),
            )
            if value is not None:
                request.headers.set(given, value)
                return True
    return False
