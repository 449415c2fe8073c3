"""What was built before: one folder per cache key, complete or absent, with its manifest inside."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

MANIFEST = "pjsua2_build.json"
MODULE = "pjsua2.py"


@dataclass(frozen=True)
class Manifest:
    """What a build is, written beside its module."""

    version: str
    max_calls: int
    ioqueue: str
    source: str
    sha256: str
    tls: bool
    key: str
    files: tuple[str, ...]  # names beside the manifest that belong to the build
    digests: dict[str, str]  # SHA-256 of each

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Raises ValueError for anything but a manifest."""
        said: dict[str, Any] = json.loads(text)
        try:
            known = {field.name: said[field.name] for field in fields(cls)}
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a build manifest: {error}") from error
        return cls(**{**known, "files": tuple(known["files"])})


def cache_root() -> Path:
    """`$XDG_CACHE_HOME/supervision-gateway/pjsip`, by default below ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "supervision-gateway" / "pjsip"


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in `folder` if all its files are there too, else None."""
    try:
        manifest = Manifest.from_json((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if all((folder / name).is_file() for name in manifest.files) else None


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """One builder at a time below `root`; waits for another. What an interrupted one left is removed."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for left in [*root.glob("building-*"), *root.glob("sources/fetch-*")]:
            shutil.rmtree(left, ignore_errors=True)
        yield


def place(built: Path, root: Path, key: str) -> Path:
    """Move a finished build into the cache under `key`, in one rename."""
    home = root / key
    if home.exists():
        shutil.rmtree(home)
    os.rename(built, home)
    return home
