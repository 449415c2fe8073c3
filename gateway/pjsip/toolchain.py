"""What the build needs of the machine, found out before anything is downloaded."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

from gateway.pjsip.errors import PjsipError

TOOLS = {"gcc": "build-essential", "g++": "build-essential", "make": "build-essential", "swig": "swig"}
HEADERS = {
    "srtp2/srtp.h": "libsrtp2-dev",
    "uuid/uuid.h": "uuid-dev",
    "speex/speex_resampler.h": "libspeexdsp-dev",
}


def has_header(name: str) -> bool:
    """Whether the compiler finds a header in its ordinary places."""
    done = subprocess.run(
        ["gcc", "-E", "-x", "c", "-"], input=f"#include <{name}>\n".encode(), capture_output=True, check=False
    )
    return done.returncode == 0


def python_include() -> Path:
    """Folder of Python.h of the running Python."""
    return Path(sysconfig.get_paths()["include"])


def require_toolchain() -> None:
    """Raise PjsipError that names the Debian packages to install, if any tool or header is missing."""
    missing = {package for tool, package in TOOLS.items() if not shutil.which(tool)}
    if not missing:
        missing |= {package for header, package in HEADERS.items() if not has_header(header)}
    if not (python_include() / "Python.h").is_file():
        missing.add("python3-dev")
    if missing:
        raise PjsipError(
            f"building PJSIP needs more of this machine: apt-get install {' '.join(sorted(missing))}"
        )
