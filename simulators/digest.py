"""Digest authentication, both ends (RFC 7616, RFC 8760, RFC 3261 §22): MD5 and SHA-256, qop auth or none. No
I/O.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping

_PARAMETER = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')
_UNQUOTED = frozenset({"algorithm", "stale", "qop", "nc"})


def parameters(header: str) -> dict[str, str]:
    """The parameters of a challenge or of credentials, names in lower case, quotes taken off."""
    return {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(header)}


def challenge(realm: str, nonce: str | None = None, *, algorithm: str = "MD5") -> str:
    """The value of WWW-Authenticate or Proxy-Authenticate."""
    return _print(
        {"realm": realm, "nonce": nonce or secrets.token_hex(12), "algorithm": algorithm, "qop": '"auth"'}
    )


def credentials(
    challenge: str, *, username: str, password: str, method: str, uri: str, cnonce: str | None = None
) -> str | None:
    """The value of Authorization or Proxy-Authorization that meets a challenge; None for an algorithm not
    known here.
    """
    asked = parameters(challenge)
    algorithm = asked.get("algorithm", "MD5")
    if algorithm.upper() not in _HASHES:
        return None
    given = {
        "username": username,
        "realm": asked.get("realm", ""),
        "nonce": asked.get("nonce", ""),
        "uri": uri,
    }
    if "auth" in [choice.strip() for choice in asked.get("qop", "").split(",")]:
        given |= {"qop": "auth", "nc": "00000001", "cnonce": cnonce or secrets.token_hex(8)}
    given["algorithm"] = algorithm
    given["response"] = _response(given, password, method)
    if "opaque" in asked:
        given["opaque"] = asked["opaque"]
    return _print(given)


def verify(header: str, *, method: str, password: str, nonces: frozenset[str] | set[str]) -> bool:
    """Whether credentials were made with this password, for this method, from a nonce of ours."""
    given = parameters(header)
    if given.get("algorithm", "MD5").upper() not in _HASHES or given.get("nonce") not in nonces:
        return False
    return secrets.compare_digest(_response(given, password, method), given.get("response", ""))


_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


def _response(given: Mapping[str, str], password: str, method: str) -> str:
    hashed = _HASHES[given.get("algorithm", "MD5").upper()]

    def digest(text: str) -> str:
        return hashed(text.encode()).hexdigest()

    secret = digest(f"{given.get('username', '')}:{given.get('realm', '')}:{password}")
    request = digest(f"{method}:{given.get('uri', '')}")
    if given.get("qop"):
        middle = f"{given.get('nonce', '')}:{given.get('nc', '')}:{given.get('cnonce', '')}:{given['qop']}"
    else:
        middle = given.get("nonce", "")
    return digest(f"{secret}:{middle}:{request}")


def _print(values: Mapping[str, str]) -> str:
    printed = (
        f"{name}={value}" if name in _UNQUOTED else f'{name}="{value}"' for name, value in values.items()
    )
    return "Digest " + ", ".join(printed)
