"""The few things that signalling itself does with SDP text (RFC 8866); what is in it is `core`'s business."""

from __future__ import annotations

import re

from gateway.core.errors import SdpError
from gateway.sip.messages import SipMessage

DIRECTION_LINE = re.compile(r"(?m)^a=(?:sendrecv|sendonly|recvonly|inactive)\r?\n?")

CRYPTO_LINE = re.compile(r"(?m)^a=crypto:(\d{1,9}) +(\S+)[^\n]*\n?")


def sdp_of(message: SipMessage) -> str | None:
    """The SDP in a message: its body, or that part of a multipart body (RFC 5621); None without one."""
    content_type = message.headers.get("Content-Type", "")
    kind = content_type.split(";")[0].strip().lower()
    if kind == "application/sdp":
        return message.body or None
    if not kind.startswith("multipart/"):
        return None
    boundary = re.search(r'(?i)boundary\s*=\s*(?:"([^"]+)"|([^;\s]+))', content_type)
    if not boundary:
        return None
    for part in message.body.split("--" + (boundary[1] or boundary[2])):
        head, _, body = part.lstrip("\r\n").replace("\r\n", "\n").partition("\n\n")
        if re.search(r"(?im)^content-type\s*:\s*application/sdp\b", head):
            return body.rstrip("\n").replace("\n", "\r\n") + "\r\n"
    return None


def require_session(sdp: str) -> None:
    """Raise `SdpError` for text that PJSIP would not parse: it would send an SDP of its own instead."""
    lines = sdp.splitlines()
    malformed = next((line for line in lines if not re.match(r"[a-z]=\S", line)), None)
    if malformed is not None:
        raise SdpError(f"not a line of SDP: {malformed[:80]!r}")
    kinds = [line[0] for line in lines]
    missing = [kind for kind in "vosm" if kind not in kinds]
    if missing or kinds[:3] != ["v", "o", "s"] or "c" not in kinds:
        raise SdpError(f"not a session description: begins with {sdp[:40]!r}, has lines {''.join(kinds)}")


def without_direction(sdp: str) -> str:
    """The same session open both ways, which leaves the direction of an answer to what the offer allows."""
    return DIRECTION_LINE.sub("", sdp)


def agreed_keys(ours: str, answer: str) -> str:
    """Our offer with that `a=crypto` alone which the answer has taken (RFC 4568 §7.1.3), so that it can be
    said again.
    """
    taken = {(tag, suite.upper()) for tag, suite in CRYPTO_LINE.findall(answer)}
    return CRYPTO_LINE.sub(lambda line: line[0] if (line[1], line[2].upper()) in taken else "", ours)
