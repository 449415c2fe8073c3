"""Where the source comes from: the admin's path, the cache, upstream, Debian.

In this order, each verified before use and none but the version that the gateway is tested with.
"""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.pjsip.checksums import UPSTREAM_SHA256, require_sha256, require_trusted
from gateway.pjsip.debian import fetch_debian
from gateway.pjsip.errors import PjsipError, SourceRefused, SourceUnavailable
from gateway.pjsip.unpack import require_version
from gateway.pjsip.upstream import URL, fetch_upstream


@dataclass(frozen=True)
class Source:
    """A verified tarball, or (`sha256` empty) an unpacked tree that the admin answers for."""

    path: Path
    sha256: str
    origin: str  # in words, for `pjsip info`


Tell = Callable[[str], None]


def named_source(path: Path, sha256: str | None) -> Source:
    """The admin's tarball or tree. A tree has no checksum: naming it is the admin's word for it.

    Raises SourceUnavailable if it is not there or another version, SourceRefused if its checksum is unknown.
    """
    path = path.expanduser().resolve()
    if path.is_dir():
        if sha256 is not None:
            raise SourceRefused(f"{path} is a folder: --sha256 can only vouch for a tarball")
        source = Source(path, "", f"folder {path}")
    elif path.is_file():
        source = Source(path, require_trusted(path, sha256), f"file {path.name}")
    else:
        raise SourceUnavailable(f"{path} does not exist")
    require_version(path, source.origin)
    return source


def find_source(store: Path, tell: Tell) -> Source:
    """The cache, else upstream, else Debian. May block for minutes on a slow line.

    Raises SourceRefused at once when something is there but not what it should be; PjsipError naming every
    place when none has it.
    """
    if kept := kept_source(store):
        tell("kept from an earlier run")
        return kept
    store.mkdir(parents=True, exist_ok=True)
    why: list[str] = []
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=store) as folder:
        tarball = Path(folder) / "pjproject.tar"
        try:
            tell("asking upstream")
            fetch_upstream(tarball, lambda size: tell(f"upstream: {size}"))
            return keep_source(store, tarball, UPSTREAM_SHA256, f"upstream release {URL}")
        except SourceUnavailable as error:
            why.append(str(error))
        try:
            tell(f"{why[-1]}; asking Debian")
            sha256, origin = fetch_debian(tarball, Path(folder) / "apt", require_version)
            return keep_source(store, tarball, sha256, origin)
        except SourceUnavailable as error:
            why.append(str(error))
    raise PjsipError(f"no source of PJSIP: {'; '.join(why)}. Name a tarball yourself with --source FILE.")


def kept_source(store: Path) -> Source | None:
    """A tarball that an earlier run verified and kept, or None. One that has changed since is deleted."""
    for record in sorted(store.glob("*.json")):
        file = record.with_suffix(".tar")
        try:
            said = json.loads(record.read_text(encoding="utf-8"))
            require_sha256(file, said["sha256"])
            require_version(file, said["origin"])
            return Source(file, said["sha256"], said["origin"])
        except (OSError, ValueError, KeyError, SourceRefused):
            file.unlink(missing_ok=True)
            record.unlink(missing_ok=True)
        except SourceUnavailable:
            continue  # verified, but for another release of the gateway
    return None


def keep_source(store: Path, tarball: Path, sha256: str, origin: str) -> Source:
    """Move a verified tarball into the store. Its record comes last.

    Without it the tarball counts for nothing.
    """
    store.mkdir(parents=True, exist_ok=True)
    name = sha256[:16]
    source = Source(store / f"{name}.tar", sha256, origin)
    os.replace(tarball, source.path)
    new = store / f"{name}.json.new"
    new.write_text(json.dumps({**asdict(source), "path": source.path.name}, indent=1), encoding="utf-8")
    os.replace(new, store / f"{name}.json")
    return source
