"""PJSIP from Debian's `asterisk` source package, through apt with a private source list and state.

The chain of trust is apt's own: the archive keyring signs the suite's InRelease, that names the Sources index
by checksum, and Sources names every file of the source package by SHA-256. We ask apt for that SHA-256, have
it fetch the one component, and compare again. The mirror is the one that the machine already uses (`apt-get
indextargets`). The machine's own apt configuration, lists and cache are not changed, and root is not needed.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from gateway.pjsip.checksums import require_sha256
from gateway.pjsip.errors import SourceRefused, SourceUnavailable

SUITES = ("forky", "sid")
PACKAGE = "asterisk"
COMPONENT = re.compile(r"\.orig-Xpjproject\.tar\.[a-z0-9]+$")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
TIMEOUT_S = 180.0  # [s] for each call of apt

STRICT = (
    "APT::Get::AllowUnauthenticated=false",
    "Acquire::AllowInsecureRepositories=false",
    "Acquire::AllowWeakRepositories=false",
    "Acquire::AllowDowngradeToInsecureRepositories=false",
)


@dataclass(frozen=True)
class SourceFile:
    """One file of a source package, as apt reads it from the signed index."""

    uri: str
    name: str
    size_bytes: int
    sha256: str


def parse_mirrors(indextargets: str) -> list[str]:
    """Mirrors of the Debian archive proper, from lines `ORIGIN<tab>LABEL<tab>REPO_URI`, in apt's order and
    without repeats."""
    rows = [line.split("\t") for line in indextargets.splitlines()]
    return list(dict.fromkeys(row[2] for row in rows if row[:2] == ["Debian", "Debian"] and len(row) == 3))


def parse_component(print_uris: str) -> SourceFile:
    """The PJSIP component among the lines `'URI' NAME SIZE SHA256:HEX` that `apt-get source --print-uris`
    writes.

    Raises SourceUnavailable when there is none, SourceRefused when the index gives it no SHA-256.
    """
    for line in print_uris.splitlines():
        match = re.fullmatch(r"'([^']+)' (\S+) (\d+) (\S+)", line.strip())
        if not match or not COMPONENT.search(unquote(match[2])):
            continue
        kind, _, digest = match[4].partition(":")
        if kind != "SHA256" or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise SourceRefused(
                f"{match[2]}: the archive's index names it by {kind or 'nothing'}, not by SHA-256"
            )
        return SourceFile(match[1], unquote(match[2]), int(match[3]), digest)
    raise SourceUnavailable(f"source package {PACKAGE} has no PJSIP component")


class PrivateApt:
    """apt-get with everything that it reads and writes below one folder, so that nothing of the machine
    changes. `kind` is `deb-src` for sources, `deb` for binary packages; of those it takes none for installed.
    """

    def __init__(self, folder: Path, mirror: str, suite: str, kind: str = "deb-src") -> None:
        self.suite = suite
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        sources = folder / "sources.list"
        sources.write_text(f"{kind} [signed-by={KEYRING}] {mirror} {suite} main\n", encoding="ascii")
        status = folder / "status"
        status.touch()
        settings = [
            f"Dir::Etc::sourcelist={sources}",
            "Dir::Etc::sourceparts=-",
            f"Dir::State::lists={folder}/lists",
            f"Dir::State::status={status}",
            f"Dir::Cache={folder}/cache",
            "Acquire::Retries=1",
            "Acquire::http::Timeout=10",
        ]
        if os.geteuid() == 0:
            settings.append(
                "APT::Sandbox::User=root"
            )  # the folder belongs to the caller; _apt cannot enter it
        self.options = [part for setting in [*settings, *STRICT] for part in ("-o", setting)]

    def run(self, *command: str) -> str:
        """Run an apt program and return its standard output.

        Raises SourceUnavailable, or SourceRefused if a signature failed.
        """
        env = {**os.environ, "LC_ALL": "C"}
        line = [command[0], *self.options, *command[1:]]
        try:
            done = subprocess.run(
                line, env=env, text=True, timeout=TIMEOUT_S, capture_output=True, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SourceUnavailable(f"Debian {self.suite}: {error}") from error
        judge(done.returncode, done.stdout + done.stderr, self.suite)
        return done.stdout


def judge(code: int, output: str, suite: str) -> None:
    """Raise if apt failed: SourceRefused for anything about signatures and checksums, SourceUnavailable for
    the rest.

    apt-get update ends with 0 when a list could not be had, so its words count as much as its code.
    """
    bad = [line for line in output.splitlines() if line.startswith(("E:", "W:", "Err:"))]
    doubt = re.compile(
        r"signature|not signed|NO_PUBKEY|BADSIG|EXPKEYSIG|[Hh]ash [Ss]um|unauthenticated|GPG error|weak", re.I
    )
    for line in bad:
        if doubt.search(line):
            raise SourceRefused(f"Debian {suite}: apt could not verify the archive ({line})")
    if code != 0 or any(not line.startswith("W:") for line in bad):
        said = [line for line in bad if not line.startswith("Err:")] or bad or ["apt failed"]
        raise SourceUnavailable(f"Debian {suite}: {said[0]}")


def fetch_debian(into: Path, scratch: Path, accept: Callable[[Path, str], None]) -> tuple[str, str]:
    """Fetch the component to the file `into`; return its SHA-256 and where it came from, in words.

    `accept` is called with a verified file and its origin; its SourceUnavailable sends us to the next suite.
    Raises SourceUnavailable when no suite has it, SourceRefused when a signature or checksum fails.
    """
    if not shutil.which("apt-get") or not KEYRING.exists():
        raise SourceUnavailable("Debian: this machine has no apt or no Debian archive keyring")
    mirrors = parse_mirrors(index_targets())
    if not mirrors:
        raise SourceUnavailable("Debian: apt knows no Debian mirror here (apt-get update may help)")
    why: list[str] = []
    for suite in SUITES:
        try:
            sha256, origin = fetch_suite(PrivateApt(scratch / suite, mirrors[0], suite), into)
            accept(into, origin)
            return sha256, origin
        except SourceUnavailable as error:
            why.append(str(error))
    raise SourceUnavailable("; ".join(why))


def index_targets() -> str:
    """What apt says of the machine's own sources, one `ORIGIN<tab>LABEL<tab>REPO_URI` a line."""
    line = ["apt-get", "indextargets", "--format", "$(ORIGIN)\t$(LABEL)\t$(REPO_URI)"]
    return subprocess.run(line, text=True, capture_output=True, check=False).stdout


def fetch_suite(apt: PrivateApt, into: Path) -> tuple[str, str]:
    """Fetch the component of one suite. Raises as `fetch_debian` does."""
    apt.run("apt-get", "update")
    component = parse_component(apt.run("apt-get", "source", "--print-uris", "--only-source", PACKAGE))
    into.unlink(missing_ok=True)
    apt.run(
        "/usr/lib/apt/apt-helper", "download-file", component.uri, str(into), f"SHA256:{component.sha256}"
    )
    return require_sha256(into, component.sha256), f"Debian {apt.suite}, {component.name}"
