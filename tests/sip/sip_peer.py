"""A peer made of text: it sends SIP messages as a test writes them and returns what comes, whole."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from dataclasses import dataclass, field

from gateway.sip.messages import SipMessage, header_parameter, parse_message, parse_name_addr
from simulators.tls import Tls

OFFER = (
    "v=0\r\no=alice 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 41000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
)
ANSWER = (
    "v=0\r\no=- 9 9 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 42000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-16\r\na=sendrecv\r\n"
)

_numbers = itertools.count(1)


def media_lines(sdp: str) -> list[str]:
    """What an SDP says of its media; the rest (origin, version) a stack may set."""
    return [line for line in sdp.splitlines() if line[:2] in ("c=", "m=", "a=")]


def directed(sdp: str, direction: str, version: int = 2) -> str:
    """The same session with another direction and the next version."""
    return re.sub(r"(o=\S+ \S+) \d+", rf"\1 {version}", sdp).replace("a=sendrecv", f"a={direction}")


class SipPeer:
    """`async with SipPeer(gateway_port) as peer`; `transport` udp, tcp or tls. port: by UDP, the one to have.
    `listens`: can the gateway connect to what is in its Contact?
    """

    def __init__(
        self,
        gateway_port: int,
        transport: str = "udp",
        *,
        port: int = 0,
        tls: Tls | None = None,
        listens: bool = True,
    ) -> None:
        self.transport = transport
        self.tls = tls
        self.listens = listens
        self.accepted = 0
        """[# connections] that the gateway has made."""
        self.inbox: asyncio.Queue[SipMessage] = asyncio.Queue()
        self.gateway_port = gateway_port
        self._datagrams: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = port

    async def __aenter__(self) -> SipPeer:
        loop = asyncio.get_running_loop()
        if self.transport == "udp":
            self._datagrams, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), ("127.0.0.1", self.port)
            )
            self.port = self._datagrams.get_extra_info("sockname")[1]
        else:
            self._server = await asyncio.start_server(
                self._accepted, "127.0.0.1", 0, ssl=self.tls.server() if self.tls else None
            )
            self.port = self._server.sockets[0].getsockname()[1]
            if not self.listens:
                self._server.close()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        if self._datagrams:
            self._datagrams.close()
        if self._writer:
            self._writer.close()
        if self._server:
            self._server.close()

    @property
    def uri(self) -> str:
        suffix = "" if self.transport == "udp" else f";transport={self.transport}"
        return f"sip:peer@127.0.0.1:{self.port}{suffix}"

    async def send(self, text: str | bytes) -> None:
        data = text if isinstance(text, bytes) else text.encode()
        if self._datagrams:
            self._datagrams.sendto(data, ("127.0.0.1", self.gateway_port))
            return
        if self._writer is None:
            reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self.gateway_port, ssl=self.tls.client() if self.tls else None
            )
            self._read_on(reader)
        self._writer.write(data)
        await self._writer.drain()

    @property
    def own_address(self) -> object:
        """(host, port) of our end of the connection."""
        assert self._writer is not None
        return self._writer.get_extra_info("sockname")

    def cut(self) -> None:
        """Break the connection, as when a wire is pulled; the next message makes a new one."""
        assert self._writer is not None
        self._writer.transport.abort()
        self._writer = None

    async def next(self, wanted: str, within_s: float = 20.0, also: str = "") -> SipMessage:
        """The next message whose first line begins with `wanted` (`INVITE`, `SIP/2.0 200`), others passed
        over.

        `also`: one that must have come too, in whichever order.
        """
        missing = {wanted, also} - {""}
        found: dict[str, SipMessage] = {}
        async with asyncio.timeout(within_s):
            while missing - found.keys():
                message = await self.inbox.get()
                found |= {
                    start: message for start in missing - found.keys() if message.start.startswith(start)
                }
        return found[wanted]

    async def nothing(self, unwanted: str, seconds: float) -> None:
        """Fails if a message that begins with `unwanted` comes within `seconds`."""
        try:
            message = await self.next(unwanted, seconds)
        except TimeoutError:
            return
        raise AssertionError(f"unexpected: {message.start}")

    def dialog(self, to: str = "2001", call_id: str | None = None) -> Dialog:
        return Dialog(
            self, f"sip:{to}@127.0.0.1:{self.gateway_port}", call_id or f"call-{next(_numbers)}@peer"
        )

    def dialog_of(self, invite: SipMessage, tag: str = "peer") -> Dialog:
        """Our end of the dialog that a received INVITE begins; `tag` as in `respond`."""
        dialog = Dialog(self, parse_name_addr(invite.headers["Contact"])[1], invite.headers["Call-ID"])
        dialog.remote, dialog.local = invite.headers["From"], invite.headers["To"] + f";tag={tag}"
        return dialog

    async def respond(
        self, request: SipMessage, status: str, sdp: str | None = None, tag: str = "peer", extra: str = ""
    ) -> None:
        """`status` as in `486 Busy Here`."""
        to = request.headers["To"]
        if "tag=" not in to and not status.startswith("100"):
            to += f";tag={tag}"
        lines = [
            f"SIP/2.0 {status}",
            f"Via: {request.headers['Via']}",
            f"From: {request.headers['From']}",
            f"To: {to}",
        ]
        lines += [
            f"Call-ID: {request.headers['Call-ID']}",
            f"CSeq: {request.headers['CSeq']}",
            f"Contact: <{self.uri}>",
        ]
        await self.send(_closed(lines, sdp, extra))

    def received(self, text: str) -> None:
        self.inbox.put_nowait(parse_message(text))

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.accepted += 1
        self._read_on(reader)

    def _read_on(self, reader: asyncio.StreamReader) -> None:
        task = asyncio.create_task(self._read(reader))
        self._tasks.add(task)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"(?i)content-length:\s*(\d+)", head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                self.received((head.lstrip(b"\r\n") + body).decode())


@dataclass
class Dialog:
    peer: SipPeer
    target: str
    call_id: str
    cseq: int = 0
    tag: str = field(default_factory=lambda: f"tag{next(_numbers)}")
    local: str = ""
    remote: str = ""
    contact: str = ""
    """What its requests have there; empty: where the peer is."""

    def __post_init__(self) -> None:
        self.local = self.local or f'"Alice A" <sip:alice@127.0.0.1:{self.peer.port}>;tag={self.tag}'
        self.remote = self.remote or f"<{self.target}>"

    async def request(
        self,
        method: str,
        sdp: str | None = None,
        extra: str = "",
        cseq: int | None = None,
        branch: str = "",
        kind: str = "application/sdp",
    ) -> str:
        """Send a request; returns its branch, which a CANCEL repeats. kind: of what `sdp` is."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        branch = branch or f"z9hG4bK{next(_numbers)}"
        via = f"SIP/2.0/{self.peer.transport.upper()} 127.0.0.1:{self.peer.port};branch={branch}"
        lines = [
            f"{method} {self.target} SIP/2.0",
            f"Via: {via}",
            "Max-Forwards: 70",
            f"From: {self.local}",
            f"To: {self.remote}",
        ]
        contact = self.contact or self.peer.uri
        lines += [f"Call-ID: {self.call_id}", f"CSeq: {cseq} {method}", f"Contact: <{contact}>"]
        await self.peer.send(_closed(lines, sdp, extra, kind))
        return branch

    async def acknowledge(self, response: SipMessage, sdp: str | None = None) -> None:
        """Take over the dialog of a 2xx and send the ACK."""
        self.remote = response.headers["To"]
        self.target = parse_name_addr(response.headers["Contact"])[1]
        await self.request("ACK", sdp, cseq=int(response.headers["CSeq"].split()[0]))

    async def cancel(self, branch: str) -> None:
        await self.request("CANCEL", cseq=self.cseq, branch=branch)

    @property
    def remote_tag(self) -> str:
        return header_parameter(self.remote, "tag")


def _closed(lines: list[str], sdp: str | None, extra: str, kind: str = "application/sdp") -> str:
    if extra:
        lines.append(extra)
    if sdp:
        lines.append(f"Content-Type: {kind}")
    lines.append(f"Content-Length: {len((sdp or '').encode())}")
    return "\r\n".join(lines) + "\r\n\r\n" + (sdp or "")


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, peer: SipPeer) -> None:
        self._peer = peer

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data.strip():
            self._peer.received(data.decode(errors="surrogateescape"))
