"""What the load's parties say of their media: A-law at 20 ms, nothing else."""

from __future__ import annotations

import re

SDP = (
    "v=0\r\no=bench 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=ptime:20\r\n"
)


def audio_port(sdp: str) -> int:
    """Where a description wants its RTP. Raises ValueError without one."""
    found = re.search(r"^m=audio (\d+)", sdp, re.M)
    if not found:
        raise ValueError(f"no audio in {sdp!r}")
    return int(found[1])
