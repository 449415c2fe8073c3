"""The upstream release tarball, by HTTPS.

Gives up within seconds where there is no way out to the internet.
"""

import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from gateway.pjsip.checksums import UPSTREAM_SHA256, require_sha256
from gateway.pjsip.errors import SourceUnavailable

URL = "https://github.com/pjsip/pjproject/archive/refs/tags/2.17.tar.gz"

CONNECT_S = 5.0  # [s] also the longest silence while reading
TOTAL_S = 180.0  # [s] for the 10 MB; a slower line is better served by another place
BLOCK_BYTES = 1 << 16


def fetch_upstream(into: Path, tell: Callable[[str], None]) -> str:
    """Download to the file `into` and return its SHA-256. Blocks at most TOTAL_S.

    Raises SourceUnavailable when upstream cannot be reached, SourceRefused when what came is not the pinned
    release.
    """
    ends = time.monotonic() + TOTAL_S
    try:
        with urllib.request.urlopen(URL, timeout=CONNECT_S) as answer, into.open("wb") as file:
            size = 0
            while block := answer.read(BLOCK_BYTES):
                size += len(block)
                file.write(block)
                tell(f"{size / 1e6:.1f} MB")
                if time.monotonic() > ends:
                    raise SourceUnavailable(f"upstream: only {size / 1e6:.1f} MB came within {TOTAL_S:.0f} s")
    except urllib.error.HTTPError as error:
        raise SourceUnavailable(f"upstream answered {error.code} {error.reason}") from error
    except (urllib.error.URLError, TimeoutError, ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise SourceUnavailable(f"upstream cannot be reached from here ({reason})") from error
    return require_sha256(into, UPSTREAM_SHA256)
