"""Secure media of a simulated phone: its `a=crypto` lines (RFC 4568), packets under their keys by libsrtp.

Needs pylibsrtp, which is loaded when a phone first secures its media. No I/O.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from typing import Any

from .errors import MalformedSdp, ToolMissing

KEY_BYTES = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
}
"Master key and salt of the suites that a phone can do, in its order of preference."

WINDOW = 1_024
"Packets that may be late before they count as replayed."


@dataclass(frozen=True)
class Line:
    """One `a=crypto`: the key is that of whoever writes it."""

    tag: int
    suite: str
    key: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.tag} {self.suite} inline:{base64.b64encode(self.key).decode()}"


@dataclass(frozen=True)
class Keys:
    """What an offer and its answer agree on."""

    suite: str
    own: bytes = field(repr=False)
    remote: bytes = field(repr=False)


def fresh_lines(suites: tuple[str, ...] = tuple(KEY_BYTES)) -> tuple[Line, ...]:
    """Lines of an offer, each with a new key."""
    return tuple(
        Line(tag, suite, secrets.token_bytes(KEY_BYTES[suite])) for tag, suite in enumerate(suites, start=1)
    )


def read(value: str) -> Line | None:
    """The line in an attribute's value; None where its suite is not known here. Raises `MalformedSdp`."""
    tag, suite, key, *_ = value.split()
    if suite not in KEY_BYTES:
        return None
    master = base64.b64decode(key.removeprefix("inline:").split("|")[0] + "==")
    if len(master) != KEY_BYTES[suite]:
        raise MalformedSdp(f"a key of {len(master)} bytes for {suite}")
    return Line(int(tag), suite, master)


def answer(offered: tuple[Line, ...], own: tuple[Line, ...]) -> tuple[Line, ...]:
    """Our answer: the first offered line whose suite is ours, too, under our key; empty: there is none."""
    keys = {line.suite: line.key for line in own}
    found = next((line for line in offered if line.suite in keys), None)
    return (Line(found.tag, found.suite, keys[found.suite]),) if found else ()


def agree(own: tuple[Line, ...], remote: tuple[Line, ...]) -> Keys | None:
    """What both sides' lines come to: one of them is the answer and names a line of the other's."""
    for line in own:
        for other in remote:
            if (line.tag, line.suite) == (other.tag, other.suite):
                return Keys(line.suite, line.key, other.key)
    return None


class Secrecy:
    """The packets of one stream each way, under agreed keys. Sending and receiving may be on two threads."""

    def __init__(self, keys: Keys, former: Secrecy | None = None) -> None:
        """`former`: under the keys before, which are heard until the first packet under these."""
        self.keys = keys
        kept = former is not None and former.keys.own == keys.own and former.keys.suite == keys.suite
        self._sealing: Any = (
            former._sealing if former and kept else _session(keys.suite, keys.own, inbound=False)
        )
        self._opening = _session(keys.suite, keys.remote, inbound=True)
        self._former = former._opening if former else None

    def seal(self, packet: bytes) -> bytes:
        sealed: bytes = self._sealing.protect(packet)
        return sealed

    def seal_report(self, packet: bytes) -> bytes:
        sealed: bytes = self._sealing.protect_rtcp(packet)
        return sealed

    def open(self, packet: bytes) -> bytes | None:
        """The plain packet; None where it is not under our keys, or replayed."""
        return self._open(packet, "unprotect")

    def open_report(self, packet: bytes) -> bytes | None:
        return self._open(packet, "unprotect_rtcp")

    def _open(self, packet: bytes, how: str) -> bytes | None:
        import pylibsrtp

        for session in (self._opening, self._former):
            if session is None:
                continue
            try:
                opened: bytes = getattr(session, how)(packet)
            except pylibsrtp.Error:
                continue
            if session is self._opening:
                self._former = None
            return opened
        return None


def _session(suite: str, key: bytes, *, inbound: bool) -> Any:
    try:
        from pylibsrtp import Policy, Session
    except ImportError:
        raise ToolMissing("a phone with SRTP needs pylibsrtp: pip install pylibsrtp") from None
    profiles = {
        "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
        "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
        "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
        "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    }
    kind = Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND
    policy = Policy(key=key, ssrc_type=kind, srtp_profile=profiles[suite])
    policy.window_size = WINDOW
    return Session(policy)
