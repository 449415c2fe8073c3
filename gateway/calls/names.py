"""Host names to addresses, on a thread of its own: a resolver that hangs must not hold up signalling."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

Found = Callable[[str | None, str], None]
"""Given the IP address, or None and why not."""


class Names:
    """Loop's thread only. One look-up at a time; the others wait."""

    def __init__(self, *, ipv6: bool) -> None:
        self._family = socket.AF_INET6 if ipv6 else socket.AF_INET
        self._thread = ThreadPoolExecutor(1, "names")

    def look_up(self, host: str, then: Found) -> None:
        """`then` is called on the loop; at once where `host` is an IP address already."""
        try:
            ip_address(host)
        except ValueError:
            self._thread.submit(self._work, host, then, asyncio.get_running_loop())
        else:
            then(host, "")

    def stop(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _work(self, host: str, then: Found, loop: asyncio.AbstractEventLoop) -> None:
        found, why = None, ""
        try:
            found = str(socket.getaddrinfo(host, None, self._family, socket.SOCK_DGRAM)[0][4][0])
        except (OSError, UnicodeError) as error:
            why = f"the name {host} has no address: {getattr(error, 'strerror', None) or error}"
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(then, found, why)
