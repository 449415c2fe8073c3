"""Two telephones in a process of their own: they talk at a steady pace and say how each packet fared. Run by
`test_stalls`.

    python traffic.py CALLER_PORT ADVISOR_PORT CALLER_FD ADVISOR_FD PACKETS INTERVAL_MS

The descriptors are bound UDP sockets, inherited. Prints one JSON object: by direction, transit times in ms
in order of sending (null: lost). A packet has come when the kernel has it: how long this process, which the
machine may keep waiting, leaves it there is none of the engine's doing.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
import time

SO_TIMESTAMPNS = 35
"""asm-generic/socket.h; `socket` has no name for it."""


def main(ports: list[int], fds: list[int], packets: int, interval_s: float) -> None:
    phones = [socket.socket(fileno=fd) for fd in fds]
    for phone in phones:
        phone.setblocking(False)
        phone.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    transits: list[list[float | None]] = [[None] * packets for _ in phones]
    order: list[list[int]] = [[] for _ in phones]

    def take(until: float) -> None:
        while True:
            ready, _, _ = select.select(phones, [], [], max(0.0, until - time.monotonic()))
            for phone in ready:
                data, stamp, _, _ = phone.recvmsg(4096, 64)
                seconds, nanoseconds = struct.unpack("@ll", stamp[0][2])
                came_ns = seconds * 1_000_000_000 + nanoseconds
                number, sent_ns = struct.unpack("!IQ", data[12:24])
                source = 1 - phones.index(phone)
                transits[source][number] = (came_ns - sent_ns) / 1e6
                order[source].append(number)
            if not ready and time.monotonic() >= until:
                return

    began = time.monotonic()
    for number in range(packets):
        for index, phone in enumerate(phones):
            header = struct.pack("!BBHII", 0x80, 8, number & 0xFFFF, 160 * number, index + 1)
            body = struct.pack("!IQ", number, time.time_ns()).ljust(160, b"\x55")
            phone.sendto(header + body, ("127.0.0.1", ports[index]))
        take(began + (number + 1) * interval_s)
    take(time.monotonic() + 0.2)
    in_order = all(numbers == sorted(numbers) and len(numbers) == packets for numbers in order)
    json.dump({"caller": transits[0], "advisor": transits[1], "in_order": in_order}, sys.stdout)


if __name__ == "__main__":
    a, b, c, d, count, interval_ms = sys.argv[1:]
    main([int(a), int(b)], [int(c), int(d)], int(count), float(interval_ms) / 1000)
