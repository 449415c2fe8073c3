"""How late a mixed voice is: clicks in, clicks out, on one call with a whispering supervisor.

Three phones of their own send 20 ms packets on one clock each, at phases of their own. In turn one of them clicks: a single loud sample
in silence. Where it comes out in the stream that somebody hears, counted from the packet that carried it in, is its delay: arrival of the
packet that it came out in, plus its place in there, less the same on the way in. So a packet relayed at once has none.
"""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass, field

import numpy as np
from devices import Device
from native.g711 import decode_array, encode_array

FRAME = 160
EVERY = 15
"""Packets between two clicks of one phone; the three take turns in it."""
LOUD = 20_000
WINDOW_S = 0.095
"""A click is heard within this, before anybody else's."""


@dataclass
class Phone:
    turn: int
    phase_s: float
    port: int = 0
    number: int = 0
    clicks: list[float] = field(default_factory=list)
    """When the sample was due at the gateway, by the sender's own stream [s]."""
    heard: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)

    def send(self) -> None:
        samples = np.zeros(FRAME, np.int16)
        place = (self.number * 37) % FRAME
        if self.number % EVERY == self.turn and self.number > 50:
            samples[place] = LOUD
        head = struct.pack("!BBHII", 0x80, 8, self.number & 0xFFFF, self.number * FRAME, self.turn + 1)
        at = time.monotonic()
        self.socket.sendto(head + encode_array("PCMA", samples), ("127.0.0.1", self.port))
        if samples[place]:
            self.clicks.append(at + place / 8000)
        self.number += 1

    def listen(self) -> None:
        while True:
            try:
                packet = self.socket.recv(2048)
            except BlockingIOError:
                return
            at = time.monotonic()
            loud = np.flatnonzero(np.abs(decode_array("PCMA", packet[12:])) > LOUD // 4)
            self.heard.extend(at + place / 8000 for place in loud[:1])


def mixed_delays(device: Device, seconds: float) -> dict[str, tuple[float, float]]:
    """(p50, p99) in ms: caller to supervisor, advisor to supervisor, whisper to advisor. The device has one call, and nothing yet."""
    phones = [Phone(0, 0.0), Phone(5, 0.007), Phone(10, 0.013)]
    ports = device.open([phone.socket.getsockname()[1] for phone in phones])
    for phone, port in zip(phones, ports, strict=True):
        phone.port = port
    caller, advisor, supervisor = phones
    began = time.monotonic() + 0.05
    while time.monotonic() < began + seconds:
        for phone in phones:
            if time.monotonic() >= began + phone.phase_s + phone.number * 0.02:
                phone.send()
            phone.listen()
        time.sleep(0.0002)
    return {
        "caller to supervisor": spread(caller.clicks, supervisor.heard),
        "advisor to supervisor": spread(advisor.clicks, supervisor.heard),
        "whisper to advisor": spread(supervisor.clicks, advisor.heard),
    }


def spread(clicks: list[float], heard: list[float]) -> tuple[float, float]:
    """Each click's first echo within the time in which nobody else clicks. Raises where fewer than nine in ten have one."""
    found = [
        min(after) * 1000
        for click in clicks[2:-2]
        if (after := [at - click for at in heard if -0.001 < at - click < WINDOW_S])
    ]
    if len(found) < 0.9 * len(clicks[2:-2]):
        raise AssertionError(f"{len(found)} of {len(clicks) - 4} clicks were heard in time")
    return float(np.percentile(found, 50)), float(np.percentile(found, 99))
