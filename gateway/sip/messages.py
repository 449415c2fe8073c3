"""Reading what PJSIP hands over as text: SIP messages, addresses (RFC 3261 §7, §20, §25), keys in INFO.

PJSIP has parsed and accepted each message before it comes here; this reader is lenient and never raises on
odd text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from gateway.core.model import Address

COMPACT_FORMS = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
"""RFC 3261 §7.3.3 and the IANA registry."""

SPELLING = {
    "call-id": "Call-ID",
    "cseq": "CSeq",
    "mime-version": "MIME-Version",
    "www-authenticate": "WWW-Authenticate",
}


@dataclass(frozen=True, slots=True)
class SipMessage:
    start: str
    """The request or status line."""
    headers: Mapping[str, str]
    """First value of each field by its full name, in the registry's capitals (`P-Asserted-Identity`)."""
    body: str
    hops: int = 0
    """[# Via values]: 1, it comes from who has made it; more, from the last of so many proxies."""

    @property
    def uri(self) -> str:
        """The Request-URI of a request; empty for a response."""
        parts = self.start.split(" ")
        return parts[1] if len(parts) == 3 and parts[2].startswith("SIP/") else ""

    @property
    def reason(self) -> str:
        """The reason phrase of a response; empty for a request."""
        parts = self.start.split(" ", 2)
        return parts[2] if len(parts) == 3 and parts[0].startswith("SIP/") else ""

    @property
    def transport(self) -> str:
        """`udp`, `tcp` or `tls`, from the topmost Via of a request."""
        via = re.match(r"SIP\s*/\s*2\.0\s*/\s*(\w+)", self.headers.get("Via", ""))
        return via[1].lower() if via else "udp"

    @property
    def to_tag(self) -> str:
        return header_parameter(self.headers.get("To", ""), "tag")

    @property
    def retry_after_s(self) -> int | None:
        """Seconds of Retry-After (RFC 3261 §20.33); None without."""
        digits = re.match(r"\s*(\d{1,9})", self.headers.get("Retry-After", ""))
        return int(digits[1]) if digits else None


def parse_message(text: str) -> SipMessage:
    """Split one SIP message into start line, headers and body; bytes past Content-Length are dropped."""
    head, _, body = text.lstrip("\r\n").replace("\r\n", "\n").partition("\n\n")
    lines = re.sub(r"\n[ \t]+", " ", head).split("\n")
    headers: dict[str, str] = {}
    hops = 0
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            full = full_name(name.strip())
            headers.setdefault(full, value.strip())
            hops += value.count(",") + 1 if full == "Via" else 0
    exact = _exact_body(text, headers) if body else ""
    clean = {name: one_line(value) for name, value in headers.items()}
    return SipMessage(lines[0].strip(), clean, wire_text(exact), hops)


def one_line(value: str) -> str:
    """A field's value with control characters (a bare CR, say) as spaces: what it says is carried on, in one
    line.
    """
    return re.sub(r"[\x00-\x1f\x7f]+", " ", wire_text(value))


def wire_text(text: str) -> str:
    """The text with surrogate escapes (bytes that are no UTF-8) replaced by `?`: JSON and pjsua2 take it."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _exact_body(text: str, headers: Mapping[str, str]) -> str:
    """The body with its own line ends, cut at Content-Length [bytes]."""
    body = re.split(r"\r?\n\r?\n", text.lstrip("\r\n"), maxsplit=1)[1]
    length = headers.get("Content-Length", "")
    if length.isdigit() and int(length) < len(body.encode(errors="surrogateescape")):
        return body.encode(errors="surrogateescape")[: int(length)].decode(errors="surrogateescape")
    return body


def full_name(name: str) -> str:
    """`f` and `from` become `From`; `p-asserted-identity` becomes `P-Asserted-Identity`."""
    lower = name.lower()
    if lower in COMPACT_FORMS:
        return COMPACT_FORMS[lower]
    return SPELLING.get(lower) or "-".join(part.capitalize() for part in lower.split("-"))


def parse_name_addr(value: str) -> tuple[str, str]:
    """(display name, URI) of a From, To or P-Asserted-Identity (RFC 3261 §20.10); the name may be empty."""
    match = re.match(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*?))\s*<([^>]*)>', value)
    if match:
        quoted, plain, uri = match.groups()
        return (re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain.strip(), uri.strip())
    return "", value.split(";")[0].strip()


def name_addr(uri: str, name: str = "") -> str:
    """The reverse of `parse_name_addr`: quotes and backslashes escaped, control characters left out."""
    clean = "".join(c for c in name if c.isprintable())
    quoted = clean.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{uri}>' if quoted else f"<{uri}>"


def user_of(uri: str) -> str:
    """The user part, percent-decoded (`*722001` of `sip:*722001@gateway`); a tel URI's number; else empty."""
    match = re.match(r"(?i)\s*(?:sips?:([^@]*)@|tel:([^;?]*))", uri)
    if not match:
        return ""
    sip_user, number = match.groups()
    return unquote(sip_user.split(":")[0].split(";")[0]) if sip_user is not None else number


def header_parameter(value: str, name: str) -> str:
    """A parameter after the address, as in `To: <sip:x@y>;tag=1`; empty without."""
    match = re.search(rf"(?i);\s*{re.escape(name)}\s*=\s*([^;,\s]+)", value.rpartition(">")[2] or value)
    return match[1] if match else ""


def parse_address(text: str) -> Address:
    """`192.0.2.1:5060` or `[2001:db8::1]:5060` to (host, port); port 0 where there is none."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        return text.strip("[]"), 0
    return host.strip("[]"), int(port)


def info_digit(message: SipMessage) -> str | None:
    """The key in an INFO of type application/dtmf-relay (`Signal=5`) or application/dtmf (`5`); else None."""
    content_type = message.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if content_type == "application/dtmf-relay":
        match = re.search(r"(?im)^\s*signal\s*=\s*([0-9A-D*#]|1[0-5])\s*$", message.body)
    elif content_type == "application/dtmf":
        match = re.match(r"(?i)\s*([0-9A-D*#])\s*$", message.body)
    else:
        return None
    if not match:
        return None
    key = match[1].upper()
    return "0123456789*#ABCD"[int(key)] if len(key) == 2 else key
