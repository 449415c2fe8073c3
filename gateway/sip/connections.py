"""TLS connections that others open: how many at a time, and what each has proven to be. Plain tables; SIP
thread only.

Handshakes cost CPU and connections memory. Who fills up what is meant for strangers takes nothing from the
trunks: addresses that are theirs are counted by themselves.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.core.model import Address

HANDSHAKE_S = 5.0
"""A handshake that takes longer is given up [s]."""
MAX_PER_HOST = 100
"""[# connections] of one address, handshakes included."""
MAX_OF_STRANGERS = 1_000
"""[# connections] of all addresses that are no trunk's."""


@dataclass(slots=True)
class _Host:
    open: int = 0
    waiting: deque[tuple[int, float]] = field(default_factory=deque)
    """(port, when) of those whose handshake is not known to be over."""

    @property
    def count(self) -> int:
        return self.open + len(self.waiting)


class Connections:
    """`is_trunks(host)`: is this address some trunk's?"""

    def __init__(self, is_trunks: Callable[[str], bool]) -> None:
        self._is_trunks = is_trunks
        self._hosts: dict[str, _Host] = {}
        self._open: dict[int, tuple[str, bool]] = {}
        """By handle: its host, and whether it came in."""
        self._names: dict[int, tuple[str, ...]] = {}
        self.refused: Counter[str] = Counter()
        """By reason."""

    def __len__(self) -> int:
        """[# connections] that came in, handshakes included."""
        return sum(host.count for host in self._hosts.values())

    def admit(self, address: Address, now_s: float) -> bool:
        """Somebody connects: may they begin a handshake?"""
        self._forget_handshakes(now_s)
        name, port = address
        host = self._hosts.get(name) or _Host()
        if host.count >= MAX_PER_HOST:
            return self._refuse("too many of one address")
        if not self._is_trunks(name) and self._of_strangers() >= MAX_OF_STRANGERS:
            return self._refuse("too many of strangers")
        self._hosts[name] = host
        host.waiting.append((port, now_s))
        return True

    def is_waiting(self, address: Address) -> bool:
        """Is this one that came in and whose handshake is not known to be over?"""
        host = self._hosts.get(address[0])
        return host is not None and any(port == address[1] for port, _ in host.waiting)

    def opened(self, handle: int, address: Address, names: tuple[str, ...]) -> None:
        """A handshake is over; `names`: what the peer's verified certificate proves."""
        self.closed(handle)
        name, port = address
        host = self._hosts.get(name)
        came_in = False
        if host is not None:
            left = deque(one for one in host.waiting if one[0] != port)
            came_in = len(left) < len(host.waiting)
            host.waiting = left
            host.open += came_in
        self._open[handle] = name, came_in
        if names:
            self._names[handle] = names

    def closed(self, handle: int) -> None:
        self._names.pop(handle, None)
        name, came_in = self._open.pop(handle, ("", False))
        if came_in:
            self._hosts[name].open -= 1
            self._drop_if_empty(name)

    def names_of(self, handle: int) -> tuple[str, ...]:
        """What a connection's peer has proven to be; empty: nothing."""
        return self._names.get(handle, ())

    def _refuse(self, why: str) -> bool:
        self.refused[why] += 1
        return False

    def _of_strangers(self) -> int:
        return sum(host.count for name, host in self._hosts.items() if not self._is_trunks(name))

    def _forget_handshakes(self, now_s: float) -> None:
        for name, host in list(self._hosts.items()):
            while host.waiting and host.waiting[0][1] < now_s - HANDSHAKE_S - 1.0:
                host.waiting.popleft()
            self._drop_if_empty(name)

    def _drop_if_empty(self, name: str) -> None:
        if not self._hosts[name].count:
            del self._hosts[name]
