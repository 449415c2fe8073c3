"""The SIP of the load's parties: one socket that places calls and answers them, while the load program sends and counts their RTP.

Just what steady calls need of RFC 3261 and 3264: INVITE, 200, ACK, on one hop over loopback, with SDP that names the load's ports. No party
hangs up: the device under test is ended instead. For one thread.
"""

from __future__ import annotations

import socket
import time

from descriptions import SDP, audio_port
from sipmessage import Address, Request, Response

from simulators import message

PATIENCE_S = 10.0
RESEND_S = 0.5
"""RFC 3261's T1; it does not double here."""


class Parties:
    """All of them, at `port`."""

    def __init__(self, device_port: int) -> None:
        self._device = ("127.0.0.1", device_port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._answers: dict[str, bytes] = {}
        """What was answered, by Call-ID of the device's INVITE."""
        self.rtp_ports: dict[str, int] = {}
        """Of whoever the device may call, by user name: where they want their RTP."""
        self.offered: dict[str, int] = {}
        """By user name: where the device wants theirs."""

    def ready(self) -> None:
        """Wait until the device answers SIP. Raises TimeoutError."""
        self._exchange(self._request("OPTIONS", "ready"))

    def call(self, user: str, rtp_port: int) -> int:
        """Call `user` at the device; the port that the device wants RTP at, once it has answered, which is after whoever it calls for
        that has. Raises RuntimeError when it refuses, TimeoutError when it is silent.
        """
        request = self._request("INVITE", user)
        message.set_body(request, SDP.format(port=rtp_port))
        answer = self._exchange(request)
        if answer.code != 200:
            raise RuntimeError(f"{user}: {answer.code} {answer.phrase}")
        self._acknowledge(request, answer)
        return audio_port(answer.body.decode())

    def close(self) -> None:
        self._socket.close()

    def _request(self, method: str, user: str) -> Request:
        own = Address(uri=message.uri(f"sip:load@127.0.0.1:{self.port}"))
        target = message.uri(f"sip:{user}@127.0.0.1:{self._device[1]}")
        request = message.make_request(
            method,
            target,
            sender=message.with_tag(own, message.new_tag()),
            recipient=Address(uri=target),
            call_id=message.new_call_id("127.0.0.1"),
            sequence=1,
        )
        request.contact = [own]
        request.via = [message.make_via("udp", "127.0.0.1", self.port, message.new_branch())]
        return request

    def _acknowledge(self, request: Request, answer: Response) -> None:
        ack = message.ack_for(request, answer)
        if answer.contact:
            ack.uri = answer.contact[0].uri
        ack.via = [message.make_via("udp", "127.0.0.1", self.port, message.new_branch())]
        self._socket.sendto(message.serialise(ack), self._device)

    def _exchange(self, request: Request) -> Response:
        """Its final response; sent again until the device says anything. Answers the device's own INVITEs meanwhile."""
        data = message.serialise(request)
        deadline = time.monotonic() + PATIENCE_S
        heard = False
        while time.monotonic() < deadline:
            if not heard:
                self._socket.sendto(data, self._device)
            again = time.monotonic() + RESEND_S
            while (left := again - time.monotonic()) > 0:
                self._socket.settimeout(left)
                try:
                    came = message.parse(self._socket.recv(65536))
                except (TimeoutError, ConnectionRefusedError):
                    time.sleep(0.01)
                    continue
                if isinstance(came, Request):
                    self._serve(came)
                elif came.call_id == request.call_id:
                    heard = True
                    if came.code >= 200:
                        return came
        raise TimeoutError(f"no final response to {request.method} {request.uri}")

    def _serve(self, request: Request) -> None:
        """Answer an INVITE of the device's, the same to each copy of it."""
        if request.method != "INVITE":
            return
        if request.call_id not in self._answers:
            user = str(request.uri.user)
            self.offered[user] = audio_port(request.body.decode())
            answer = message.make_response(request, 200, to_tag=message.new_tag())
            answer.contact = [Address(uri=message.uri(f"sip:{user}@127.0.0.1:{self.port}"))]
            message.set_body(answer, SDP.format(port=self.rtp_ports[user]))
            self._answers[request.call_id] = message.serialise(answer)
        self._socket.sendto(self._answers[request.call_id], self._device)
