"""Reading, making and answering SIP messages (RFC 3261 §7, §8); thin helpers over the `sipmessage` library.

Messages are `sipmessage.Request` and `sipmessage.Response`. Nothing here keeps state or does I/O.
"""

from __future__ import annotations

import re
import secrets

from sipmessage import URI, Address, CSeq, Parameters, Request, Response, Via
from sipmessage.message import Message

from .errors import MalformedMessage, WrongUsage

MAGIC_COOKIE = "z9hG4bK"
"Start of every branch made by an RFC 3261 element (§8.1.1.7)."

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY, MESSAGE"
USER_AGENT = "supervision-simulator"

REASONS = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Server Time-out",
    600: "Busy Everywhere",
    603: "Decline",
}

_FOLD = re.compile(rb"\r\n[ \t]+")
_SPACE_BEFORE_COLON = re.compile(rb"(?m)^([A-Za-z0-9-]+)[ \t]+:")


def parse(data: bytes) -> Request | Response:
    """Read one message, unfolding header lines (§7.3.1).

    Checks only what everything later relies on: Via, From, To, Call-ID, CSeq.
    Raises `MalformedMessage` for anything that cannot be used.
    """
    head, separator, body = data.partition(b"\r\n\r\n")
    head = _SPACE_BEFORE_COLON.sub(rb"\1:", _FOLD.sub(b" ", head))
    try:
        message = Message.parse(head + separator + body)
        if not message.via:
            raise ValueError("no Via header")
        # Read for the errors that they raise.
        _ = message.from_address, message.to_address, message.cseq, message.call_id
        length = message.content_length
    except (ValueError, KeyError, IndexError, UnicodeDecodeError) as error:
        raise MalformedMessage(f"not a SIP message: {error}") from error
    if length is not None and length < len(message.body):
        message.body = message.body[:length]
    return message


def serialise(message: Request | Response) -> bytes:
    """The bytes of a message, Content-Length filled in (§20.14)."""
    message.content_length = len(message.body)
    return bytes(message)


def new_branch() -> str:
    return MAGIC_COOKIE + secrets.token_hex(8)


def new_tag() -> str:
    return secrets.token_hex(5)


def new_call_id(host: str) -> str:
    return f"{secrets.token_hex(10)}@{host}"


def tag(address: Address) -> str | None:
    """The tag parameter of a From or To (§19.3)."""
    return address.parameters.get("tag")


def with_tag(address: Address, value: str) -> Address:
    return Address(uri=address.uri, name=address.name, parameters=address.parameters.replace(tag=value))


def make_request(
    method: str,
    uri: URI,
    *,
    sender: Address,
    recipient: Address,
    call_id: str,
    sequence: int,
    max_forwards: int = 70,
) -> Request:
    """A request with the headers that §8.1.1 asks of every one, save Via, which the endpoint adds when it
    sends.
    """
    request = Request(method=method, uri=uri)
    request.max_forwards = max_forwards
    request.from_address = sender
    request.to_address = recipient
    request.call_id = call_id
    request.cseq = CSeq(sequence=sequence, method=method)
    request.user_agent = USER_AGENT
    return request


def make_response(
    request: Request, code: int, reason: str | None = None, *, to_tag: str | None = None
) -> Response:
    """A response to `request` with the headers that §8.2.6 copies; `to_tag` is added where To has none
    yet.
    """
    response = Response(code=code, phrase=reason or REASONS.get(code, "Unknown"))
    for name in ("Via", "Record-Route"):
        if values := request.headers.getlist(name):
            response.headers.setlist(name, list(values))
    recipient = request.to_address
    if to_tag is not None and tag(recipient) is None and code != 100:
        recipient = with_tag(recipient, to_tag)
    response.from_address = request.from_address
    response.to_address = recipient
    response.call_id = request.call_id
    response.cseq = request.cseq
    response.server = USER_AGENT
    return response


def set_body(message: Request | Response, body: str | bytes, content_type: str = "application/sdp") -> None:
    """Give a message a body; an empty one removes it and its Content-Type."""
    message.body = body.encode() if isinstance(body, str) else body
    if message.body:
        message.headers.set("Content-Type", content_type)
    else:
        message.headers.remove("Content-Type")


def flat_headers(message: Request | Response) -> dict[str, str]:
    """Header names to values, several of one name joined by commas (§7.3.1)."""
    return {name: ", ".join(message.headers.getlist(name)) for name in message.headers.keys()}  # noqa: SIM118


def cancel_for(request: Request) -> Request:
    """The CANCEL of an INVITE (§9.1): same target, Route, Call-ID, From, To, sequence and topmost Via."""
    return _beside(request, "CANCEL", request.to_address)


def ack_for(request: Request, response: Response) -> Request:
    """The ACK that ends a refused INVITE (§17.1.1.3), in the transaction of the INVITE itself."""
    return _beside(request, "ACK", response.to_address)


def _beside(request: Request, method: str, recipient: Address) -> Request:
    other = make_request(
        method,
        request.uri,
        sender=request.from_address,
        recipient=recipient,
        call_id=request.call_id,
        sequence=request.cseq.sequence,
    )
    other.via = request.via[:1]
    if routes := request.headers.getlist("Route"):
        other.headers.setlist("Route", list(routes))
    return other


def uri(text: str) -> URI:
    """Read a SIP URI that a person gave, `sip:` or angle brackets optional; raises `WrongUsage` with a
    hint.
    """
    plain = text.strip().removeprefix("<").removesuffix(">")
    if not plain.lower().startswith(("sip:", "sips:", "tel:")):
        plain = "sip:" + plain
    try:
        return URI.parse(plain)
    except ValueError as error:
        raise WrongUsage(
            f"{text!r} is no SIP URI; expected something like sip:2001@127.0.0.1:5060"
        ) from error


def make_via(transport: str, host: str, port: int, branch: str) -> Via:
    """A Via that asks for the response where the request came from (RFC 3581)."""
    return Via(
        transport=transport.upper(), host=host, port=port, parameters=Parameters(branch=branch, rport=None)
    )
