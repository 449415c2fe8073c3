"""A call on the engine with plain sockets for telephones: what they send and hear, packet by packet."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from keyring import Keyring
from native.engine import Engine
from native.g711 import decode_array, encode_array

from native import clock

PT = {"PCMA": 8, "PCMU": 0}
EVENT_PT = 101

TICK_MS = 5
"""As often the media thread looks at its clock."""


@dataclass
class Heard:
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    at_ns: int


@dataclass
class Telephone:
    """One far end: its own socket, sequence numbers and clock."""

    engine: Engine
    leg: int
    port: int
    law: str = "PCMA"
    ssrc: int = 1
    sequence: int = 1000
    timestamp: int = 50_000
    heard: list[Heard] = field(default_factory=list)
    posted: int = 0
    """Datagrams sent to the engine so far."""
    keys: Keyring | None = None
    """None: plain RTP."""

    def __post_init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.connect()

    def connect(self, **more: object) -> None:
        secured = self.keys.negotiated if self.keys else {}
        where = self.socket.getsockname()
        self.engine.connect(self.leg, self.law, PT[self.law], EVENT_PT, *where, **secured, **more)

    def packet(self, payload: bytes, payload_type: int | None = None, marker: bool = False) -> bytes:
        kind = PT[self.law] if payload_type is None else payload_type
        return (
            struct.pack(
                "!BBHII",
                0x80,
                marker << 7 | kind,
                self.sequence & 0xFFFF,
                self.timestamp & 0xFFFFFFFF,
                self.ssrc,
            )
            + payload
        )

    def send(self, payload: bytes, payload_type: int | None = None, marker: bool = False) -> None:
        self.post(self.sealed(self.packet(payload, payload_type, marker)))
        self.sequence += 1
        self.timestamp += len(payload)

    def sealed(self, packet: bytes) -> bytes:
        """As it goes on the wire."""
        return self.keys.seal(packet) if self.keys else packet

    def post(self, datagram: bytes) -> None:
        """Any datagram to the leg's port."""
        self.socket.sendto(datagram, ("127.0.0.1", self.port))
        self.posted += 1

    def say(self, samples: np.ndarray) -> None:
        self.send(encode_array(self.law, samples))

    def key(self, digit: int, *, packets: int = 4, ends: int = 3) -> None:
        """A key as a phone sends it: one timestamp, growing duration, three ends (RFC 4733 §2.5)."""
        for number in range(packets + ends):
            end = 0x80 if number >= packets else 0
            duration = 160 * min(number + 1, packets)
            payload = struct.pack("!BBH", digit, end | 10, duration)
            packet = struct.pack(
                "!BBHII", 0x80, EVENT_PT, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc
            )
            self.post(self.sealed(packet + payload))
            self.sequence += 1
        self.timestamp += 160 * packets

    def listen(self) -> list[Heard]:
        """Take what has come since the last time; also kept in `heard`."""
        fresh = []
        while True:
            try:
                data = self.socket.recv(4096)
            except BlockingIOError:
                break
            data = self.keys.open(data) if self.keys else data
            _, kind, sequence, timestamp, ssrc = struct.unpack("!BBHII", data[:12])
            fresh.append(
                Heard(kind & 127, bool(kind >> 7), sequence, timestamp, ssrc, data[12:], time.monotonic_ns())
            )
        self.heard += fresh
        return fresh

    def audio(self) -> np.ndarray:
        """All audio heard, joined in order of arrival."""
        self.listen()
        return decode_array(
            self.law, b"".join(h.payload for h in self.heard if h.payload_type == PT[self.law])
        )

    def forget(self) -> None:
        self.listen()
        self.heard.clear()

    def stats(self) -> dict[str, Any]:
        return self.engine.stats(self.leg)

    def refused(self) -> dict[str, int]:
        """Datagrams dropped on this leg's port, by reason."""
        return self.stats()["refused"]


class Rig:
    """One call with a caller, an advisor and supervisors; a talk path by role names."""

    def __init__(
        self,
        *,
        laws: tuple[str, str] = ("PCMA", "PCMA"),
        keys: tuple[Keyring | None, Keyring | None] = (None, None),
        rtp_timeout_ms: int = 5000,
        real_time: bool = False,
        **settings: object,
    ) -> None:
        """laws, keys: of caller and advisor. real_time: the engine goes by the machine's clock; else its time
        stands still but for what `passes`, so that no test depends on how fast the machine is.
        """
        clock.let_go() if real_time else clock.hold()
        settings.setdefault("port_range", (41000, 48998))
        settings.setdefault("rtcp", False)  # its telephones have no port for it; see `test_reports_on_legs`
        self.engine = Engine("127.0.0.1", rtp_timeout_ms=rtp_timeout_ms, **settings)
        self.engine.start()
        self.call = self.engine.add_call()
        self.caller = self.phone("caller", law=laws[0], ssrc=1, passes_keys=True, keys=keys[0])
        self.advisor = self.phone("advisor", law=laws[1], ssrc=2, keys=keys[1])
        self.supervisors: list[Telephone] = []
        self.gone: list[Telephone] = []
        self._probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        _, self._probe_port = self.engine.add_leg(self.engine.add_call(), "caller")
        self._probes = 0

    def phone(
        self,
        role: str,
        *,
        law: str = "PCMA",
        ssrc: int,
        passes_keys: bool = False,
        keys: Keyring | None = None,
    ) -> Telephone:
        leg, port = self.engine.add_leg(self.call, role, passes_keys)
        return Telephone(self.engine, leg, port, law, ssrc, keys=keys)

    def supervisor(self, law: str = "PCMA", keys: Keyring | None = None) -> Telephone:
        phone = self.phone("supervisor", law=law, ssrc=10 + len(self.supervisors), keys=keys)
        self.supervisors.append(phone)
        return phone

    def dismiss(self, phone: Telephone) -> None:
        """Take a supervisor's leg off the call."""
        self.supervisors.remove(phone)
        self.gone.append(phone)
        self.engine.remove_leg(phone.leg)

    def phones(self) -> list[Telephone]:
        return [self.caller, self.advisor, *self.supervisors]

    def path(self, *pairs: tuple[Telephone, Telephone]) -> None:
        """Exactly these (source, listener) pairs are heard."""
        self.engine.set_talk_path(self.call, {(source.leg, listener.leg): 1.0 for source, listener in pairs})

    def talk(self) -> None:
        """The unsupervised conversation."""
        self.path((self.caller, self.advisor), (self.advisor, self.caller))

    def sync(self) -> None:
        """Wait until every datagram posted so far and every command given so far has had its effect.

        The media thread looks at its commands after the packets of a round. A stray datagram to a leg that
        belongs to no call here is read in one round; the second one, sent after that, only in a later round:
        by then the commands given before the first have been carried out.
        """
        self.done()
        self.done()

    def passes(self, ms: float) -> None:
        """Let so much time go by on the engine's clock, and what is due by it be done, as often as it looks there.

        What was posted before has come before.
        """
        self.done()
        while ms > 0:
            clock.let_pass(min(ms, TICK_MS))
            ms -= TICK_MS
            self.sync()

    def done(self) -> None:
        """Wait until every datagram posted so far has been read, and what follows from it sent.

        A datagram is counted as it is read: only when the next one is read, too, has the thread finished
        with it.
        """
        self.taken()
        self._probe.sendto(b"?", ("127.0.0.1", self._probe_port))
        self._probes += 1
        self.taken()

    def taken(self) -> None:
        """Wait until every datagram posted so far has been read."""
        posted = sum(phone.posted for phone in [*self.phones(), *self.gone]) + self._probes
        wait_until(
            lambda: self.engine.counters()["received"] >= posted,
            "the engine to read every datagram",
            pause_s=0,
        )

    def step(self, *packets: tuple[Telephone, bytes]) -> None:
        """Each phone sends one payload and the engine is done with it before the next does: nothing is left
        to timing.
        """
        for phone, payload in packets:
            phone.send(payload)
            self.taken()
        self.done()

    def close(self) -> None:
        self.engine.stop()
        clock.let_go()
        self._probe.close()
        for phone in [*self.phones(), *self.gone]:
            phone.socket.close()

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def slow_media_thread() -> Iterator[None]:
    """It runs only while this thread waits: both on one core, and it with the least claim to it."""
    before = os.sched_getaffinity(0)
    core = {min(before)}
    (media,) = (thread for thread in threading.enumerate() if thread.name == "media-0")
    os.sched_setaffinity(media.native_id, core)
    os.sched_setscheduler(media.native_id, os.SCHED_IDLE, os.sched_param(0))
    os.sched_setaffinity(0, core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_ports(count: int) -> tuple[int, int]:
    """First and last of so many neighbouring UDP ports that nobody has, below those that the kernel gives away."""
    for first in range(12000 + os.getpid() % 500 * 20, 32000 - count, count + count % 2):
        with contextlib.ExitStack() as all_of_them:
            try:
                for port in range(first, first + count):
                    taken = all_of_them.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    taken.bind(("127.0.0.1", port))
            except OSError:
                continue
        return first, first + count - 1
    raise AssertionError(f"no {count} free ports in a row")


def wait_until(done: Callable[[], bool], what: str, *, seconds: float = 5, pause_s: float = 0.001) -> None:
    """AssertionError when it has not come true in time. A clock that is held goes on as the waiting does."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(pause_s)
        clock.let_pass(pause_s * 1000)


def tone(hz: float, ms: float = 20, *, level: float = 8000, start: int = 0) -> np.ndarray:
    """int16 samples of a sine at 8 kHz, `start` samples into it."""
    n = int(ms * 8)
    return np.round(level * np.sin(2 * np.pi * hz * (start + np.arange(n)) / 8000)).astype(np.int16)
