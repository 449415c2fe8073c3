"""SRTP once more, written from the RFCs on another cryptographic library: what `native.srtp` is held against.

It has no state. The caller says which packet index is meant; nothing is estimated or remembered here.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SUITES = {  # key, salt, tag, tag of RTCP [bytes]
    "AES_CM_128_HMAC_SHA1_80": (16, 14, 10, 10),
    "AES_CM_128_HMAC_SHA1_32": (16, 14, 4, 10),
    "AES_256_CM_HMAC_SHA1_80": (32, 14, 10, 10),
    "AES_256_CM_HMAC_SHA1_32": (32, 14, 4, 10),
    "AEAD_AES_128_GCM": (16, 12, 16, 16),
    "AEAD_AES_256_GCM": (32, 12, 16, 16),
}


def counter_mode(key: bytes, iv: int, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.CTR(iv.to_bytes(16, "big"))).encryptor().update(data)


def payload_offset(packet: bytes) -> int:
    end = 12 + 4 * (packet[0] & 15)
    if packet[0] & 16:
        end += 4 + 4 * int.from_bytes(packet[end + 2 : end + 4], "big")
    return end


@dataclass
class Reference:
    suite: str
    master: bytes
    mki: bytes = b""

    def derived(self, label: int, size: int) -> bytes:
        """RFC 3711 §4.3: the PRF's counter begins at (label ‖ 0) ⊕ salt, then 16 bits for the blocks."""
        key_bytes, salt_bytes = SUITES[self.suite][:2]
        salt = int.from_bytes(self.master[key_bytes:].ljust(14, b"\0"), "big")
        assert len(self.master) == key_bytes + salt_bytes
        return counter_mode(self.master[:key_bytes], (label << 48 ^ salt) << 16, bytes(size))

    def seal(self, packet: bytes, rollovers: int = 0) -> bytes:
        """An RTP packet as it stands on the wire (RFC 3711 §3.1, RFC 7714 §8)."""
        key_bytes, salt_bytes, tag_bytes, _ = SUITES[self.suite]
        key, salt = self.derived(0, key_bytes), self.derived(2, salt_bytes)
        start = payload_offset(packet)
        sequence, ssrc = struct.unpack("!2xH4xI", packet[:12])
        if "GCM" in self.suite:
            vector = int.from_bytes(struct.pack("!2xIIH", ssrc, rollovers, sequence), "big") ^ int.from_bytes(
                salt, "big"
            )
            sealed = AESGCM(key).encrypt(vector.to_bytes(12, "big"), packet[start:], packet[:start])
            return packet[:start] + sealed + self.mki
        iv = int.from_bytes(salt, "big") << 16 ^ ssrc << 64 ^ (rollovers << 16 | sequence) << 16
        clear = packet[:start] + counter_mode(key, iv, packet[start:])
        tag = hmac.digest(self.derived(1, 20), clear + rollovers.to_bytes(4, "big"), hashlib.sha1)
        return clear + self.mki + tag[:tag_bytes]

    def seal_rtcp(self, packet: bytes, index: int, encrypted: bool = True) -> bytes:
        """A compound RTCP packet as it stands on the wire (RFC 3711 §3.4, RFC 7714 §9)."""
        key_bytes, salt_bytes, _, tag_bytes = SUITES[self.suite]
        key, salt = self.derived(3, key_bytes), self.derived(5, salt_bytes)
        ssrc = int.from_bytes(packet[4:8], "big")
        word = (encrypted << 31 | index).to_bytes(4, "big")
        if "GCM" in self.suite:
            vector = int.from_bytes(struct.pack("!2xI2xI", ssrc, index), "big") ^ int.from_bytes(salt, "big")
            start = 8 if encrypted else len(packet)
            sealed = AESGCM(key).encrypt(vector.to_bytes(12, "big"), packet[start:], packet[:start] + word)
            return packet[:start] + sealed + word + self.mki
        iv = int.from_bytes(salt, "big") << 16 ^ ssrc << 64 ^ index << 16
        body = packet[:8] + (counter_mode(key, iv, packet[8:]) if encrypted else packet[8:]) + word
        return body + self.mki + hmac.digest(self.derived(4, 20), body, hashlib.sha1)[:tag_bytes]


def key(suite: str, seed: int = 1) -> bytes:
    """A master key and salt; the same for the same seed."""
    return hashlib.shake_256(bytes([seed])).digest(sum(SUITES[suite][:2]))


def rtp(
    sequence: int,
    payload: bytes = b"\x55" * 160,
    ssrc: int = 0xCAFEBABE,
    first: int = 0x80,
    more: bytes = b"",
) -> bytes:
    """A packet; `more`: CSRCs and extension, as the first byte announces them."""
    return (
        struct.pack("!BBHII", first, 8, sequence & 0xFFFF, 160 * sequence & 0xFFFFFFFF, ssrc) + more + payload
    )


def rtcp(ssrc: int = 0xCAFEBABE, reports: int = 1) -> bytes:
    """A sender report."""
    body = bytes(range(20)) + b"\x11" * 24 * reports
    return struct.pack("!BBHI", 0x80 | reports, 200, (8 + len(body)) // 4 - 1, ssrc) + body
