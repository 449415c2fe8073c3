"""Which source is trusted. A tarball is used only when its SHA-256 is the one that was promised for it."""

import hashlib
from pathlib import Path

from gateway.pjsip.errors import SourceRefused

UPSTREAM_SHA256 = "065fe06c06788d97c35f563796d59f00ce52fe9558a52d7b490a042a966facce"
"""PJSIP 2.17, the release tarball 2.17.tar.gz."""

DEBIAN_SHA256 = "6860c2f7604b4eee75f38151a9ef69774eb3f0c5286fc1d14bc1db2dc5a9e8aa"
"""PJSIP 2.17 less its bundled libraries: asterisk_22.10.1+dfsg+~cs6.17.60671434.orig-Xpjproject.tar.xz, as
signed by the Debian archive."""

PINNED = {
    UPSTREAM_SHA256: "PJSIP 2.17, upstream release",
    DEBIAN_SHA256: "PJSIP 2.17, Debian asterisk 22.10.1+dfsg+~cs6.17.60671434",
}


def sha256_of(file: Path) -> str:
    """Hex digest of a whole file. Raises OSError."""
    with file.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def require_sha256(file: Path, expected: str) -> str:
    """Return the digest of `file`, or raise SourceRefused when it is not `expected`."""
    actual = sha256_of(file)
    if actual != expected.strip().lower():
        raise SourceRefused(f"{file.name}: SHA-256 is {actual}, but {expected} was expected; not used")
    return actual


def require_trusted(file: Path, named: str | None) -> str:
    """The digest of an admin's tarball if the admin has `named` it or it is pinned here.

    Else SourceRefused.
    """
    if named is not None:
        return require_sha256(file, named)
    actual = sha256_of(file)
    if actual not in PINNED:
        raise SourceRefused(
            f"{file.name}: SHA-256 {actual} is not one that this release knows."
            f" If you trust the file, say so: --sha256 {actual}"
        )
    return actual
