"""Sending a datagram without giving up the interpreter.

`socket.sendto` lets other Python threads run during the call. On loopback the call takes 5 µs, but getting
the interpreter back from a busy thread takes a switch interval, for each packet: with twenty phones that was
measured as 8 ms of jitter. Called through `ctypes.PyDLL` the interpreter is kept.
"""

from __future__ import annotations

import ctypes
import socket
import struct

_libc = ctypes.PyDLL(None)
_sendto = _libc.sendto
_sendto.argtypes = [
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.c_uint,
]
_sendto.restype = ctypes.c_ssize_t

_FLAGS = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL


def socket_address(host: str, port: int) -> bytes:
    """A `sockaddr_in` or `sockaddr_in6`, for `send`. `host` must be an address; raises OSError for a name."""
    if ":" in host:
        packed = socket.inet_pton(socket.AF_INET6, host)
        return struct.pack("=H", socket.AF_INET6) + struct.pack("!HI16sI", port, 0, packed, 0)
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, socket.inet_aton(host))


def send(sock: socket.socket, data: bytes, address: bytes) -> bool:
    """Send now; False when the kernel would not take it (buffer full, an ICMP error of an earlier packet)."""
    return bool(_sendto(sock.fileno(), data, len(data), _FLAGS, address, len(address)) == len(data))
