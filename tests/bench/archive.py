"""The programs that the gateway is measured against, as Debian packages them, unpacked into a cache of their own.

Nothing is installed on the machine and root is not needed: apt resolves and verifies each package with all its libraries as for an empty
machine (`gateway.pjsip.debian`: private lists and state, the mirror that the machine already uses, the archive's keyring), the packages are
unpacked below the user's cache, and a program runs from there by its own dynamic loader. `make bench` runs this file; no other verb does.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.pjsip.cache import cache_root, locked
from gateway.pjsip.debian import KEYRING, PrivateApt, index_targets, parse_mirrors
from gateway.pjsip.errors import PjsipError, SourceUnavailable

UNWANTED = ("./usr/share/doc/*", "./usr/share/man/*", "./usr/share/locale/*", "./usr/share/icons/*")


class NotInstalled(Exception):
    """It is not in the cache; `make bench` says why."""


@dataclass(frozen=True)
class Rival:
    """A program of Debian's."""

    name: str
    package: str
    suites: tuple[str, ...]
    """Where it is looked for, in this order."""
    program: str
    """Path in the package."""

    @property
    def root(self) -> Path:
        return cache_root().parent / "rivals" / self.name

    def version(self) -> str:
        """Debian's. Raises NotInstalled."""
        try:
            return (self.root / "version").read_text(encoding="utf-8").strip()
        except OSError:
            raise NotInstalled(f"{self.name} is not installed (the start of `make bench` says why)") from None

    def command(self, *arguments: str) -> list[str]:
        """What to execute. Raises NotInstalled."""
        self.version()
        libraries = [*self.root.glob("usr/lib/*-linux-gnu*"), *self.root.glob("lib/*-linux-gnu*")]
        loader = next(self.root.glob("**/ld-linux-*.so.*"))
        return [
            *(str(loader), "--library-path", ":".join(map(str, libraries))),
            *(str(self.root / self.program), *arguments),
        ]


RTPENGINE = Rival("rtpengine", "rtpengine-daemon", ("bookworm",), "usr/bin/rtpengine")
ASTERISK = Rival("asterisk", "asterisk", ("forky", "sid"), "usr/sbin/asterisk")
RIVALS = (RTPENGINE, ASTERISK)


def fetch(rival: Rival, tell: Callable[[str], None]) -> None:
    """Put it into the cache. Raises SourceUnavailable, or SourceRefused where a signature or checksum fails."""
    if not all(map(shutil.which, ("apt-get", "dpkg-deb", "tar"))) or not KEYRING.exists():
        raise SourceUnavailable("this machine has no apt, dpkg or no Debian archive keyring")
    mirrors = parse_mirrors(index_targets())
    if not mirrors:
        raise SourceUnavailable("apt knows no Debian mirror here (apt-get update may help)")
    why = []
    for suite in rival.suites:
        with tempfile.TemporaryDirectory(prefix="building-", dir=rival.root.parent) as folder:
            try:
                unpack(rival, suite, mirrors[0], Path(folder), tell)
                return
            except SourceUnavailable as error:
                why.append(str(error))
    raise SourceUnavailable("; ".join(why))


def unpack(rival: Rival, suite: str, mirror: str, folder: Path, tell: Callable[[str], None]) -> None:
    apt = PrivateApt(folder, mirror, suite, kind="deb")
    tell(f"{rival.name}: reading Debian {suite}'s lists")
    apt.run("apt-get", "update")
    tell(f"{rival.name}: fetching it and its libraries")
    apt.run("apt-get", "install", "--download-only", "--no-install-recommends", "-y", rival.package)
    packages = sorted((folder / "cache" / "archives").glob("*.deb"))
    root = folder / "root"
    root.mkdir()
    for number, package in enumerate(packages, 1):
        tell(f"{rival.name}: unpacking {number} of {len(packages)}: {package.name.split('_')[0]}")
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as archive:
            subprocess.run(
                [
                    "tar",
                    "-x",
                    "-C",
                    root,
                    "--keep-directory-symlink",
                    *(f"--exclude={path}" for path in UNWANTED),
                ],
                stdin=archive.stdout,
                check=True,
            )
        if archive.returncode != 0:
            raise SourceUnavailable(f"dpkg-deb cannot read {package.name}")
    itself = next(package for package in packages if package.name.startswith(f"{rival.package}_"))
    asked = ["dpkg-deb", "--field", str(itself), "Version"]
    version = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    (root / "version").write_text(version + "\n", encoding="utf-8")
    shutil.rmtree(rival.root, ignore_errors=True)
    root.rename(rival.root)


def main() -> None:
    for rival in RIVALS:
        rival.root.parent.mkdir(parents=True, exist_ok=True)
        with locked(rival.root.parent):
            try:
                print(f"{rival.name} {rival.version()}: ready", flush=True)
                continue
            except NotInstalled:
                pass
            try:
                fetch(rival, lambda text: print(text, flush=True))
            except (PjsipError, OSError, subprocess.CalledProcessError) as error:
                print(
                    f"{rival.name}: cannot be installed, its rows will be missing: {error}",
                    file=sys.stderr,
                    flush=True,
                )
            else:
                print(f"{rival.name} {rival.version()}: installed in {rival.root}", flush=True)


if __name__ == "__main__":
    main()
