"""Incoming INVITEs: refuse at once what cannot be carried, make a leg of the rest.

One account serves every user and host that a request may name: the gateway routes, PJSIP does not. SIP
thread only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import pjsua2 as pj

from gateway.core.events import LegOffered
from gateway.core.model import Address, LegId
from gateway.sip import library, sdptext, way
from gateway.sip.guard import guarded
from gateway.sip.messages import parse_address, parse_message, parse_name_addr, user_of

log = logging.getLogger(__name__)


class GatewayAccount(pj.Account):  # type: ignore[misc]
    """`stranger_status(source, handle, message)` and then `refuse` are asked with each INVITE: a status, 0
    for none; a Retry-After [s], None for none. `refused` turns it away, `offered` takes it. `probed`: an
    OPTIONS of ours is over. handle: of the TLS connection; `names_of` it tells who that is. What `offered`
    is told last: as `way.route_of`.

    Both get the call object or number before PJSIP has sent its 100, when a final response would lose its
    header fields.
    """

    def __init__(
        self,
        stranger_status: Callable[[Address, int | None, str], int],
        refuse: Callable[[], int | None],
        refused: Callable[[pj.Call, int, int | None], None],
        offered: Callable[[pj.Account, int, LegOffered, str], None],
        new_leg: Callable[[], LegId],
        probed: Callable[[pj.OnSendRequestParam], None],
        names_of: Callable[[int | None], tuple[str, ...]],
    ) -> None:
        super().__init__()
        self._stranger_status = stranger_status
        self._refuse = refuse
        self._refused = refused
        self._offered = offered
        self._new_leg = new_leg
        self._probed = probed
        self._names_of = names_of

    def fail(self, why: str) -> None:
        """Nothing to do: pjsua2 answers 500 to an INVITE for which no call object was made."""

    @guarded
    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        source = parse_address(prm.rdata.srcAddress)
        handle = library.secured_by(prm.rdata)
        if status := self._stranger_status(source, handle, prm.rdata.wholeMsg):
            self._refused(pj.Call(self, prm.callId), status, None)
            return
        retry_after_s = self._refuse()
        if retry_after_s is not None:
            self._refused(pj.Call(self, prm.callId), 503, retry_after_s)
            return
        message = parse_message(prm.rdata.wholeMsg)
        name, from_uri = parse_name_addr(message.headers.get("From", ""))
        event = LegOffered(
            leg=self._new_leg(),
            from_uri=from_uri,
            from_name=name,
            to_uri=message.uri,
            to_user=user_of(message.uri),
            sdp=sdptext.sdp_of(message),
            source=source,
            transport=message.transport,
            headers=message.headers,
            names=self._names_of(handle),
        )
        route = way.route_of(message)
        way.keep_to(prm.callId, prm.rdata, message, route)
        self._offered(self, prm.callId, event, route)

    @guarded
    def onSendRequest(self, prm: pj.OnSendRequestParam) -> None:
        self._probed(prm)

    @guarded
    def onIncomingSubscribe(self, prm: pj.OnIncomingSubscribeParam) -> None:
        """Nothing here can be subscribed to (489, RFC 6665 §8.3.2); PJSIP would keep a dialog for each."""
        prm.code = 489
