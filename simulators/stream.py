"""Finding SIP messages in a byte stream (RFC 3261 §18.3): head to the blank line, then Content-Length bytes.
No I/O.
"""

from __future__ import annotations

import re

from .errors import MalformedMessage

LONGEST_HEAD_BYTES = 65_536
LONGEST_BODY_BYTES = 1_048_576

_LENGTH = re.compile(rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*(\d+)[ \t]*\r?$")


class StreamReader:
    """Feed it bytes as they come; it gives back whole messages. Keep-alives (RFC 5626 §3.5.1) are dropped."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The messages completed by `data`. Raises `MalformedMessage` where the stream cannot be followed:
        close it.
        """
        self._buffer += data
        messages = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def _next(self) -> bytes | None:
        while self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > LONGEST_HEAD_BYTES:
                raise MalformedMessage(f"no end of headers within {LONGEST_HEAD_BYTES} bytes")
            return None
        found = _LENGTH.search(self._buffer, 0, end + 2)
        if found is None:
            raise MalformedMessage("a message over TCP without Content-Length")
        length = int(found[1])
        if length > LONGEST_BODY_BYTES:
            raise MalformedMessage(f"Content-Length {length} is past {LONGEST_BODY_BYTES}")
        total = end + 4 + length
        if len(self._buffer) < total:
            return None
        message = bytes(self._buffer[:total])
        del self._buffer[:total]
        return message
