"""Keys for secure media in SDP: `a=crypto` lines (RFC 4568; suites: RFC 4568 §6.2, RFC 6188, RFC 7714).

A line names a suite and the key under which *its sender* will send, so each side says one. When a line is to
be offered, accepted or asked for is decided in `core.mediasecurity`. A key is shown by nothing but
`Crypto.text`, which goes into SDP: no repr, no error.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.core.errors import SdpError

MOST_MKI_BYTES = 16
"""RFC 4568 allows 128; the media engine takes this."""
_LINE = re.compile(r"(\d{1,9}) +(\S+) +(\S+)((?: +\S+)*) *", re.ASCII)
_KEY = re.compile(r"inline:([A-Za-z0-9+/]+={0,2})((?:\|[^|;]+)*)", re.ASCII)
_LIFETIME = re.compile(r"2\^(\d{1,2})|(\d{1,15})", re.ASCII)
_IDENTIFIER = re.compile(r"(\d{1,40}):(\d{1,3})", re.ASCII)
_HARMLESS = re.compile(r"-.+|WSH=\d+", re.ASCII)


class Suite(StrEnum):
    """What a leg's media can be protected with; the most preferred first."""

    AEAD_AES_128_GCM = "AEAD_AES_128_GCM"
    AEAD_AES_256_GCM = "AEAD_AES_256_GCM"
    AES_CM_128_HMAC_SHA1_80 = "AES_CM_128_HMAC_SHA1_80"
    AES_256_CM_HMAC_SHA1_80 = "AES_256_CM_HMAC_SHA1_80"
    AES_CM_128_HMAC_SHA1_32 = "AES_CM_128_HMAC_SHA1_32"
    AES_256_CM_HMAC_SHA1_32 = "AES_256_CM_HMAC_SHA1_32"

    @property
    def key_bytes(self) -> int:
        """Master key and master salt together."""
        return (32 if "256" in self else 16) + (12 if "GCM" in self else 14)


_OLD_NAMES = {
    "AES_CM_256_HMAC_SHA1_80": Suite.AES_256_CM_HMAC_SHA1_80,
    "AES_CM_256_HMAC_SHA1_32": Suite.AES_256_CM_HMAC_SHA1_32,
}
"""As drafts of RFC 6188 and phones built on them say it."""
_NAMES = {str(suite): suite for suite in Suite} | _OLD_NAMES


class Unusable(SdpError):
    """A line in order that asks for what the gateway does not do. Pass it over (RFC 4568 §7.1.2)."""


@dataclass(frozen=True, slots=True)
class Crypto:
    """One `a=crypto` line: a suite, and the key under which its sender sends."""

    tag: int
    suite: Suite
    key: bytes = field(repr=False)
    """Master key and master salt."""
    mki: bytes = field(default=b"", repr=False)
    """On every packet of its sender's; empty: none."""
    name: str = ""
    """The suite as the line spells it; empty: its own name."""

    def text(self) -> str:
        """The attribute's value, for SDP alone: it holds the key."""
        inline = base64.b64encode(self.key).decode("ascii")
        if self.mki:
            inline += f"|{int.from_bytes(self.mki, 'big')}:{len(self.mki)}"
        return f"{self.tag} {self.name or self.suite} inline:{inline}"


def parse(value: str) -> Crypto:
    """Read the value of an `a=crypto` attribute.

    Raises `Unusable` for a line that is in order but not for us (another suite, several keys, less
    protection), else `SdpError`. Neither names the key.
    """
    line = _LINE.fullmatch(value)
    if not line:
        raise SdpError("a=crypto is not of the form TAG SUITE inline:KEY")
    tag, name, keys, parameters = int(line[1]), line[2], line[3], line[4].split()
    suite = _NAMES.get(name.upper())
    if suite is None:
        raise Unusable(f"crypto suite {name[:40]} is not supported")
    for parameter in parameters:
        if not _HARMLESS.fullmatch(parameter):
            raise Unusable(f"crypto session parameter {parameter.split('=')[0][:40]} is not supported")
    if ";" in keys:
        raise Unusable("a=crypto with several keys is not supported")
    match = _KEY.fullmatch(keys)
    if not match:
        raise SdpError("the key of a=crypto is not of the form inline:BASE64")
    key = _decoded(match[1])
    if len(key) != suite.key_bytes:
        raise SdpError(f"the key of a=crypto has {len(key)} bytes; {suite} takes {suite.key_bytes}")
    return Crypto(tag, suite, key, _identifier(match[2].split("|")[1:]), name)


def usable(values: Iterable[str]) -> tuple[tuple[Crypto, ...], tuple[str, ...]]:
    """The lines that we can take, in their order, and why each of the others is passed over.

    A line whose tag has been used is passed over, too: an answer could not say which of them it means.
    """
    found: dict[int, Crypto] = {}
    reasons: list[str] = []
    for value in values:
        try:
            crypto = parse(value)
        except SdpError as error:
            reasons.append(str(error))
            continue
        if crypto.tag in found:
            reasons.append(f"a=crypto tag {crypto.tag} is used twice")
        else:
            found[crypto.tag] = crypto
    return tuple(found.values()), tuple(reasons)


def choose(offered: Sequence[Crypto], suites: Sequence[Suite]) -> Crypto | None:
    """The offered line whose suite stands first in `suites`; of several with it the first. None: none fits.

    Ours is the order that counts: an admin who puts a suite first wants it, whatever a phone puts first.
    """
    for suite in suites:
        for crypto in offered:
            if crypto.suite is suite:
                return crypto
    return None


def make(
    tag: int, suite: Suite, *, name: str = "", random: Callable[[int], bytes] = secrets.token_bytes
) -> Crypto:
    """A line of our own with a fresh key. `name`: the suite as the offer that it answers spells it."""
    return Crypto(tag, suite, random(suite.key_bytes), name=name)


def _decoded(text: str) -> bytes:
    """Base64, with or without its padding: some phones leave it out."""
    bare = text.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        raise SdpError("the key of a=crypto is not base64") from None


def _identifier(fields: list[str]) -> bytes:
    """The MKI of `|lifetime|MKI:length`. A lifetime is only checked: its sender has to re-key in time."""
    if fields and ":" not in fields[0]:
        lifetime = _LIFETIME.fullmatch(fields.pop(0))
        if not lifetime or not 0 < (2 ** int(lifetime[1]) if lifetime[1] else int(lifetime[2])) <= 2**48:
            raise SdpError("the lifetime of a=crypto cannot be read")
    if not fields:
        return b""
    match = _IDENTIFIER.fullmatch(fields[0])
    if not match or len(fields) > 1:
        raise SdpError("the MKI of a=crypto cannot be read")
    number, size = int(match[1]), int(match[2])
    if not 0 < size <= 128 or number >= 256**size:
        raise SdpError("the MKI of a=crypto does not fit its length")
    if size > MOST_MKI_BYTES:
        raise Unusable(f"a=crypto with an MKI of {size} bytes is not supported")
    return number.to_bytes(size, "big")
