"""What PJSIP is installed, and how many call legs it carries.

Our own build has a manifest beside the module; the ready wheel has none and is asked itself. Nothing here
loads pjsua2 into this process unless `pjsip_info` finds no manifest.
"""

import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from gateway.pjsip.cache import read_manifest
from gateway.pjsip.errors import PjsipError

WHEEL_CALLS = 4
"""[# call legs] of the ready wheel: PJSIP's default for PJSUA_MAX_CALLS, which only a build can change."""


@dataclass(frozen=True)
class PjsipInfo:
    """`source` and `sha256` say what was built from; both are empty where nobody wrote it down."""

    version: str
    max_calls: int  # [# call legs] a two-leg call takes two
    ioqueue: str  # how PJSIP waits on its sockets
    source: str
    sha256: str
    is_ready_wheel: bool


def pjsip_info() -> PjsipInfo:
    """What `import pjsua2` would give. Raises PjsipError when there is none."""
    folder = module_folder()
    if folder is None:
        raise PjsipError(
            "pjsua2 is not installed: run `gateway pjsip build`,"
            f" or install the extra [wheel] for a look with {WHEEL_CALLS} call legs"
        )
    manifest = read_manifest(folder)
    if manifest is not None:
        return PjsipInfo(
            manifest.version, manifest.max_calls, manifest.ioqueue, manifest.source, manifest.sha256, False
        )
    return _info_from_library()


def module_folder() -> Path | None:
    """The folder that holds the module or package pjsua2, found without importing it.

    None if there is none.
    """
    try:
        spec = importlib.util.find_spec("pjsua2")
    except ValueError:
        return None
    return Path(spec.origin).parent if spec and spec.origin else None


def _info_from_library() -> PjsipInfo:
    import pjsua2

    config = pjsua2.EpConfig()
    max_calls = int(config.uaConfig.maxCalls)  # the default of the library is what it was compiled for
    return PjsipInfo(wheel_version(), max_calls, "select", "ready wheel pjsua2-python", "", True)


def wheel_version() -> str:
    """Version of the installed ready wheel, which follows PJSIP's; `?` for a module of unknown making."""
    from importlib import metadata

    try:
        return metadata.version("pjsua2-python")
    except metadata.PackageNotFoundError:
        return "?"


ASK = """
import sys
sys.path.insert(0, sys.argv[1])
import pjsua2
print(pjsua2.Endpoint().libVersion().full, pjsua2.EpConfig().uaConfig.maxCalls)
"""


def ask_library(folder: Path) -> tuple[str, int]:
    """Version and call capacity [# call legs] that the module in `folder` itself gives, asked in a process of
    its own.

    Raises PjsipError when it cannot be loaded.
    """
    done = subprocess.run(
        [sys.executable, "-B", "-c", ASK, str(folder)], text=True, capture_output=True, check=False
    )
    if done.returncode != 0:
        raise PjsipError(
            f"pjsua2 in {folder} does not load: {(done.stderr.strip() or 'it crashed').splitlines()[-1]}"
        )
    version, max_calls = done.stdout.split()[-2:]
    return version, int(max_calls)
