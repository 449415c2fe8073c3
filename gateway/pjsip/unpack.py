"""Unpacking a verified tarball: nothing may land outside the folder it is given."""

import re
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from gateway.pjsip.errors import SourceRefused, SourceUnavailable
from gateway.pjsip.options import VERSION

LEFTOVERS = shutil.ignore_patterns(".git", "*.o", "*.a", ".*.depend")


def unpack(source: Path, into: Path) -> Path:
    """Unpack the tarball or copy the tree `source` into the new folder `into`; return the top of the tree.

    Raises SourceRefused for a tarball with paths that lead out of it.
    """
    if source.is_dir():
        shutil.copytree(source, into, symlinks=True, ignore=LEFTOVERS)
        return into
    into.mkdir(parents=True)
    with tarfile.open(source) as tar:
        tar.extractall(into, [safe(member) for member in tar])
    tops = list(into.iterdir())
    return tops[0] if len(tops) == 1 and tops[0].is_dir() else into


def safe(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """`member` without ownership and special bits, or SourceRefused if it is a device or leads out of the
    folder."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir() or member.issym()):
        raise SourceRefused(f"the tarball holds {member.name!r}, which is no plain file below it")
    if member.issym() and leads_out(path, PurePosixPath(member.linkname)):
        raise SourceRefused(f"the tarball holds a link {member.name!r} that leads out of it")
    member.mode &= 0o755
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def leads_out(link: PurePosixPath, target: PurePosixPath) -> bool:
    """Whether following `target` from the folder of `link` goes above the top at any point."""
    depth = len(link.parts) - 1
    for part in target.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return True
    return target.is_absolute()


def require_version(source: Path, origin: str) -> None:
    """Raise SourceUnavailable unless the tarball or tree `source` holds the PJSIP that we are tested with."""
    version = parse_version(read_version_mak(source))
    if version != VERSION:
        raise SourceUnavailable(f"{origin} holds PJSIP {version or 'of no version'}, but {VERSION} is wanted")


def read_version_mak(source: Path) -> str:
    """Text of version.mak at the top of a tree or tarball; empty if there is none."""
    try:
        if source.is_dir():
            return (source / "version.mak").read_text(encoding="utf-8")
        with tarfile.open(source) as tar:
            for member in tar:
                if member.isfile() and re.fullmatch(r"(\./)?([^/]+/)?version\.mak", member.name):
                    file = tar.extractfile(member)
                    return file.read().decode() if file else ""
    except (OSError, tarfile.TarError):
        pass
    return ""


def parse_version(version_mak: str) -> str:
    """As in `2.17` or `2.15.1-dev`; empty where the text does not say."""
    found = dict(
        re.findall(r"^export PJ_VERSION_(MAJOR|MINOR|REV|SUFFIX)[ \t]*:=[ \t]*(\S*)", version_mak, re.M)
    )
    if "MAJOR" not in found or "MINOR" not in found:
        return ""
    rev = f".{found['REV']}" if found.get("REV") else ""
    return f"{found['MAJOR']}.{found['MINOR']}{rev}{found.get('SUFFIX', '')}"
