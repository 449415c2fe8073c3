"""Takes RTP of many streams at one UDP port, sends each packet back, and counts: a program of its own, so
that counting costs no test.

`python rtp_counter.py PORT`; at the end of standard input it prints a JSON list, per source port: packets,
and how many are missing between the lowest and the highest sequence number.
"""

from __future__ import annotations

import json
import select
import socket
import sys
from dataclasses import dataclass

BUFFER_BYTES = 16 << 20
SO_RCVBUFFORCE = 33


@dataclass
class Stream:
    packets: int = 0
    lowest: int = 0
    highest: int = 0

    def count(self, sequence: int) -> None:
        if not self.packets:
            self.lowest = self.highest = sequence
        ahead = (sequence - self.highest + 0x8000 & 0xFFFF) - 0x8000
        self.highest += max(0, ahead)
        self.packets += 1

    @property
    def missing(self) -> int:
        return self.highest - self.lowest + 1 - self.packets


def main() -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    sock.bind(("127.0.0.1", int(sys.argv[1])))
    sock.setblocking(False)
    print("ready", flush=True)
    streams: dict[int, Stream] = {}
    while not take(sock, streams):
        pass
    print(
        json.dumps(
            [{"port": port, "packets": one.packets, "missing": one.missing} for port, one in streams.items()]
        )
    )


def take(sock: socket.socket, streams: dict[int, Stream]) -> bool:
    """Wait, then serve all that is there; True at the end of standard input."""
    readable, _, _ = select.select([sock, sys.stdin], [], [])
    for _ in range(500):
        try:
            data, source = sock.recvfrom(2_048)
        except BlockingIOError:
            break
        if len(data) >= 12:
            streams.setdefault(source[1], Stream()).count(int.from_bytes(data[2:4], "big"))
        try:
            sock.sendto(data, source)
        except OSError:
            continue
    return sys.stdin in readable and not sys.stdin.read(1)


if __name__ == "__main__":
    main()
