"""A telephone's half of SRTP, on libsrtp by way of pylibsrtp: it shares nothing with the engine's."""

from __future__ import annotations

import pylibsrtp
from srtpreference import key

PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
"""Suites that pylibsrtp can do, by their names in SDP."""


class Keyring:
    """Keys of one telephone and of the engine's leg towards it. `change` is a re-keying; `theirs` False: of the engine's key only."""

    def __init__(self, suite: str, seed: int = 1) -> None:
        self.suite = suite
        self.change(seed)

    def change(self, seed: int, *, suite: str | None = None, theirs: bool = True) -> None:
        """Keys that are the same for the same seed. The counters of a key that is replaced are forgotten."""
        self.suite = suite or self.suite
        self.engines = key(self.suite, 2 * seed)
        self._opening = self._session(pylibsrtp.Policy.SSRC_ANY_INBOUND, self.engines)
        if theirs:
            self.own = key(self.suite, 2 * seed + 1)
            self._sealing = self._session(pylibsrtp.Policy.SSRC_ANY_OUTBOUND, self.own)

    def _session(self, kind: int, master: bytes) -> pylibsrtp.Session:
        policy = pylibsrtp.Policy(key=master, ssrc_type=kind, srtp_profile=PROFILES[self.suite])
        policy.window_size = 1024
        return pylibsrtp.Session(policy)

    @property
    def negotiated(self) -> dict[str, object]:
        """What `Engine.connect` is told."""
        return {"suite": self.suite, "local_key": self.engines, "remote_key": self.own}

    def seal(self, packet: bytes) -> bytes:
        return self._sealing.protect(packet)

    def open(self, packet: bytes) -> bytes:
        """Raises `pylibsrtp.Error` for what the engine did not protect with its key."""
        return self._opening.unprotect(packet)

    def seal_report(self, packet: bytes) -> bytes:
        return self._sealing.protect_rtcp(packet)

    def open_report(self, packet: bytes) -> bytes:
        return self._opening.unprotect_rtcp(packet)
