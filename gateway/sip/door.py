"""INVITEs from strangers: refused by their source before PJSIP makes anything of them. SIP thread only.

A stranger must cost next to nothing, whatever their number: no dialog, no transaction kept for 32 s, no call
slot, and nothing of what `[limits]` allows to those who may call. Our own build of PJSIP asks `Doorkeeper`
with each INVITE that begins a call; with the ready wheel, which cannot ask, `GatewayAccount` does so
somewhat later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from gateway.core.events import StrangerRefused
from gateway.core.ports import Door
from gateway.sip import library
from gateway.sip.guard import log_failure
from gateway.sip.messages import parse_message, parse_name_addr, user_of

log = logging.getLogger(__name__)

FORBIDDEN = 403


class Doorkeeper:
    """`emit` is given those that are to be told; `refused` counts all. `names_of(handle)`: what the peer of a
    TLS connection has proven to be.
    """

    def __init__(
        self,
        door: Door | None,
        emit: Callable[[StrangerRefused], None],
        names_of: Callable[[int | None], tuple[str, ...]] = lambda handle: (),
    ) -> None:
        self._door = door
        self._emit = emit
        self._names_of = names_of
        self.refused = 0
        self.asked_by_pjsip = False

    def open(self) -> None:
        """Have PJSIP ask from now on, where it can."""
        self.asked_by_pjsip = self._door is not None and library.ask_before_calls(self.status_for)

    def close(self) -> None:
        library.ask_before_calls(None)

    def status_for(self, host: str, port: int, handle: int | None, read_message: Callable[[], str]) -> int:
        """What to refuse an INVITE from this address with; 0: let it in. Never raises."""
        try:
            return self._judge(host, port, self._names_of(handle), read_message)
        except Exception:
            log_failure(log, "looking at the source of an INVITE")
            return 0  # intake looks again

    def _judge(self, host: str, port: int, names: tuple[str, ...], read_message: Callable[[], str]) -> int:
        if self._door is None or self._door.knows(host, names):
            return 0
        self.refused += 1
        others = self._door.turned_away()
        if others is not None:
            message = parse_message(read_message())
            from_uri = parse_name_addr(message.headers.get("From", ""))[1]
            self._emit(StrangerRefused((host, port), from_uri, user_of(message.uri), others))
        return FORBIDDEN
