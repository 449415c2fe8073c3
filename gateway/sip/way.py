"""By which connection a dialog's requests go to its peer: the one that the peer's own came by.

A phone behind NAT, or a client that does not listen, is reached only by the connection that it has opened
itself; to its Contact none can be made. So a dialog is tied to that connection, and to the next one that a
request of the peer's comes by (RFC 3261 §18 leaves open which connection a request takes; RFC 5626 §5.3 has
it for those who register). Where the connection is gone requests go to Contact, or to the first Route, by
one of our own; PJSIP sees to that (`pjsip.connections`).

A request that has come through proxies comes by a connection of the last of them. Ours go there only if
that one has put itself into the dialog's route (RFC 3261 §16.6 step 4). SIP thread only.
"""

from __future__ import annotations

import re

import pjsua2 as pj

from gateway.sip import library
from gateway.sip.messages import SipMessage, parse_address, parse_name_addr


def route_of(invite: SipMessage) -> str:
    """Host of the first proxy on the way back, as the topmost Record-Route names it; empty: straight."""
    return host_of(parse_name_addr(invite.headers.get("Record-Route", ""))[1])


def keep_to(call_id: int, rdata: pj.SipRxData, request: SipMessage, route: str) -> None:
    """The peer has sent `request`: from now on ours go by its connection, if it came by one and its sender
    is who ours go to. `route`: of the INVITE.
    """
    if is_of_next_hop(request, route, parse_address(rdata.srcAddress)[0]):
        library.keep_to_connection(call_id, rdata)


def is_of_next_hop(request: SipMessage, route: str, source: str) -> bool:
    """Was it sent, from `source`, by whom the dialog's requests go to: the peer itself, or that proxy?"""
    if not route:
        return request.hops == 1
    sent_by = re.match(r"\S+\s+([^;\s]+)", request.headers.get("Via", ""))
    return route in (source.lower(), parse_address(sent_by[1])[0].lower() if sent_by else "")


def host_of(uri: str) -> str:
    """In lower case, an IPv6 address without brackets; empty where there is none."""
    match = re.match(r"(?i)\s*sips?:(?:[^@>]*@)?(\[[^\]]*\]|[^:;?>\s]+)", uri)
    return match[1].strip("[]").lower() if match else ""
