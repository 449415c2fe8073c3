"""The node's signing key: Ed25519 (RFC 8032) in a PEM file that only its owner can read, made at the first
start.

Keep a copy of the public key elsewhere: `gateway trail key` prints it.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.core.errors import GatewayError

FILE = "trail-key.pem"


class KeyUnusable(GatewayError):
    """The key file cannot be read or written, or others could read it."""


def load_or_make(folder: Path) -> Ed25519PrivateKey:
    """The key of this state directory. Raises `KeyUnusable`."""
    path = folder / FILE
    try:
        if not path.exists():
            _make(path)
        return _load(path)
    except OSError as error:
        raise KeyUnusable(f"the trail's key {path}: {error.strerror or error}") from None


def public_hex(key: Ed25519PrivateKey) -> str:
    """The public half, 64 hexadecimal digits."""
    return key.public_key().public_bytes_raw().hex()


def signed_by(public: bytes, signature: bytes, message: bytes) -> bool:
    """Is it this key's signature?"""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _make(path: Path) -> None:
    """Whole or not at all; where two make it at once, the first one's stays."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    temporary = path.with_name(f".{FILE}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        temporary.unlink()


def _load(path: Path) -> Ed25519PrivateKey:
    if path.stat().st_mode & 0o077:
        raise KeyUnusable(f"the trail's key {path} can be read by others: chmod 600 it, or make a new one")
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(f"the trail's key {path} is no Ed25519 key in PEM")
    return key
