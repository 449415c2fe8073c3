"""The media of one call: an RTP socket, a talker, and recordings of what was sent and received.

Methods run on the event loop's thread and do not block; sending and receiving happen on the media threads.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from . import quicksend, rtcp, rtp, sdes
from .errors import TransportFailed
from .impairment import Impairment
from .mediathreads import MediaThreads
from .recording import Recording
from .sdp import Agreed
from .talker import Outgoing, Talker

RECEIVE_BUFFER_BYTES = 1 << 20
REPORT_PERIOD_NS = 5_000_000_000
"Between two RTCP reports; the first comes after half of it."


class Media:
    """Open from creation until `close`; sends from the first `agree` whose direction allows it."""

    def __init__(self, host: str, ptime_ms: int, srtp: str = "off") -> None:
        self.sent = Recording()
        self.received = Recording()
        self.talker = Talker("PCMA", 8, ptime_ms)
        self.agreed: Agreed | None = None
        self.muted = False
        self.passed = 0
        "Packets' times in which nothing was sent: after one behind `muted`, the last packet is in `sent`."
        self.impairment: Impairment | None = None
        self.losing = 0.0
        "Share of the packets that come in to be lost."
        self._may_be_secured = srtp != "off"
        self.secrecy: sdes.Secrecy | None = None
        "None: plain RTP."
        self.remote: tuple[str, int] | None = None
        self.reports: list[rtcp.Report] = []
        "What the other end said by RTCP of how it hears us, oldest first."
        self._due = 0.0
        "Of a packet to be lost."
        self._reception = rtcp.Reception()
        self._remote_packed = b""
        self._rtp, self._rtcp = _port_pair(host)
        self._threads = MediaThreads.acquire()
        self._threads.receiver.add(self._rtp, self._arrived)
        self._threads.receiver.add(self._rtcp, self._report_arrived)
        self._period_ns = ptime_ms * 1_000_000
        self._running = False
        self._open = True

    @property
    def local(self) -> tuple[str, int]:
        """Where RTP is received."""
        host, port = self._rtp.getsockname()[:2]
        return host, port

    def agree(self, agreed: Agreed) -> None:
        """Go by a new offer and answer, from the next packet on."""
        self.agreed = agreed
        if agreed.remote != self.remote:
            self._remote_packed = quicksend.socket_address(*agreed.remote) if agreed.remote else b""
            self.remote = agreed.remote
        if agreed.keys is None:
            self.secrecy = None
        elif self.secrecy is None or self.secrecy.keys != agreed.keys:
            self.secrecy = sdes.Secrecy(agreed.keys, self.secrecy)
        self.talker.agree(agreed.codec, agreed.send_type, agreed.event_type, agreed.noise_type)
        if agreed.noise_type is not None:
            self.sent.types[agreed.noise_type] = "CN"
        self.received.types.update(agreed.receive_types)
        self.sent.types[agreed.send_type] = agreed.codec
        if agreed.event_type is not None:
            self.sent.types[agreed.event_type] = "telephone-event"
        self._start()

    def fall_silent(self) -> None:
        """Describe silence in one packet (RFC 3389) and send none after it."""

        def mute() -> None:
            self.muted = True

        self.talker.describe_silence(mute)

    def stop(self) -> None:
        """Send nothing any more; receive on."""
        self._running = False
        self.talker.end()

    def close(self) -> None:
        """Stop, and close the sockets. What was recorded stays."""
        if not self._open:
            return
        self._open = self._running = False
        self._threads.receiver.remove(self._rtp)
        self._threads.receiver.remove(self._rtcp)
        self._rtp.close()
        self._rtcp.close()
        self._threads.release()

    def send_raw(self, data: bytes) -> None:
        """Send any datagram to the other end's RTP port."""
        if self.remote is None:
            raise TransportFailed("no RTP address of the other end is known yet")
        self._rtp.sendto(data, self.remote)

    def _start(self) -> None:
        if self._running or not self._open:
            return
        self._running = True
        now_ns = time.monotonic_ns()
        self._threads.sender.at(now_ns, self._every(self._period_ns, self._send_next))
        first_ns = now_ns + REPORT_PERIOD_NS // 2
        self._threads.sender.at(first_ns, self._every(REPORT_PERIOD_NS, self._send_report))

    def _every(self, period_ns: int, action: Callable[[], None]) -> Callable[[int], int | None]:
        def tick(deadline_ns: int) -> int | None:
            if not self._running:
                return None
            action()
            return deadline_ns + period_ns

        return tick

    def _send_next(self) -> None:
        agreed = self.agreed
        if agreed is None or self.remote is None or self.muted or not agreed.direction.sends:
            self.talker.skip()
            self.passed += 1
            return
        out = self.talker.next_packet()
        if self.impairment is None:
            self._transmit(out)
            return
        for delay_ms in self.impairment.delays_ms():
            if delay_ms <= 0:
                self._transmit(out)
            else:
                at_ns = time.monotonic_ns() + int(delay_ms * 1e6)
                self._threads.sender.at(at_ns, self._later(out))

    def _later(self, out: Outgoing) -> Callable[[int], None]:
        return lambda _: self._transmit(out)

    def _transmit(self, out: Outgoing) -> None:
        payload_type, marker, seq, rtp_ts, payload = out
        remote = self.remote
        if not self._open or remote is None:
            return
        data = rtp.pack(payload_type, marker, seq, rtp_ts, self.talker.ssrc, payload)
        secrecy = self.secrecy
        data = secrecy.seal(data) if secrecy else data
        at_ns = time.monotonic_ns()
        # Noted first: whoever compares what was heard with what was sent must find there what he has heard.
        self.sent.add(rtp.Packet(at_ns, seq, rtp_ts, self.talker.ssrc, payload_type, marker, payload, remote))
        if not quicksend.send(self._rtp, data, self._remote_packed):
            # An ICMP error of an earlier packet shows up once, in place of a send.
            quicksend.send(self._rtp, data, self._remote_packed)

    def _send_report(self) -> None:
        """Once in a while how much was sent, and how the other end is heard (RFC 3550 §6.4.1)."""
        remote = self.remote
        if remote is None or self.muted or not len(self.sent):
            return
        last = self.sent.last
        sent_ago_s = (time.monotonic_ns() - last.at_ns) / 1e9
        report = rtcp.sender_report(
            self.talker.ssrc,
            time.time(),
            last.rtp_ts + int(sent_ago_s * 8_000),
            len(self.sent),
            len(self.sent) * len(last.payload),
            self._reception.report(),
            self.local[0],
        )
        secrecy = self.secrecy
        report = secrecy.seal_report(report) if secrecy else report
        if self.agreed is not None and self.agreed.rtcp_mux:
            quicksend.send(self._rtp, report, self._remote_packed)
        else:
            quicksend.send(self._rtcp, report, quicksend.socket_address(remote[0], remote[1] + 1))

    def _report_arrived(self, data: bytes, address: tuple[str, int], at_ns: int) -> None:
        secrecy = self.secrecy
        opened = secrecy.open_report(data) if secrecy else data
        if opened is None:
            self.received.malformed += 1
        else:
            self.reports += rtcp.read_reports(opened)
            self._reception.note_report(opened, at_ns)

    def _arrived(self, data: bytes, address: tuple[str, int], at_ns: int) -> None:
        if rtcp.is_rtcp(data):
            self._report_arrived(data, address, at_ns)
            return
        self._due += self.losing
        if self._due >= 1:
            self._due -= 1
            return
        if self._may_be_secured and self.agreed is None:
            return  # ahead of the answer, which has the keys
        secrecy = self.secrecy
        opened = secrecy.open(data) if secrecy else data
        packet = None if opened is None else rtp.unpack(opened, at_ns, address)
        if packet is None:
            self.received.malformed += 1
        else:
            self.received.add(packet)
            self._reception.note(packet)


def _port_pair(host: str) -> tuple[socket.socket, socket.socket]:
    """An even port for RTP and the next one for RTCP (RFC 3550 §11)."""
    for _ in range(100):
        first = _bound(host, 0)
        port = first.getsockname()[1]
        try:
            if port % 2 == 0:
                return first, _bound(host, port + 1)
            second = _bound(host, port - 1)
        except OSError:
            first.close()
            continue
        return second, first
    raise TransportFailed(f"no free pair of UDP ports on {host}")


def _bound(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
