"""Putting a build into site-packages, file by file and each in one rename.

A running gateway keeps the old one.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

from gateway.pjsip.cache import MANIFEST, Manifest, read_manifest
from gateway.pjsip.checksums import require_sha256

WHEEL = "pjsua2-python"


def site_packages() -> Path:
    """Where the running Python looks for modules with binaries."""
    return Path(sysconfig.get_paths()["platlib"])


def has_ready_wheel() -> bool:
    """Whether the ready wheel is installed; its package folder would hide a module of our own."""
    try:
        metadata.distribution(WHEEL)
    except metadata.PackageNotFoundError:
        return False
    return True


def installed(key: str, target: Path) -> Manifest | None:
    """The manifest of the build named `key` if that is what Python would import from `target`, else None."""
    manifest = read_manifest(target)
    return manifest if manifest and manifest.key == key and not has_ready_wheel() else None


def install(build: Path, target: Path) -> Manifest:
    """Copy the build in the folder `build` to `target`, the manifest last, and return it.

    Raises SourceRefused if a file is not what the build wrote, OSError as copying does.
    """
    manifest = read_manifest(build)
    if manifest is None:
        raise FileNotFoundError(f"{build} holds no complete build")
    if has_ready_wheel():
        subprocess.run([sys.executable, "-m", "pip", "uninstall", "-q", "-y", WHEEL], check=True)
    (target / MANIFEST).unlink(missing_ok=True)
    for name in (*manifest.files, MANIFEST):
        if name != MANIFEST:
            require_sha256(build / name, manifest.digests[name])
        new = target / f".{name}.new"
        shutil.copyfile(build / name, new)
        os.replace(new, target / name)
    return manifest
