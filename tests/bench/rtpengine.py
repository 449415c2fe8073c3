"""rtpengine in user space as a device under test, told by its ng protocol to relay calls as a SIP proxy tells it."""

from __future__ import annotations

import secrets
import socket
import subprocess
import tempfile
import time
from contextlib import AbstractContextManager
from types import TracebackType

from archive import RTPENGINE
from bencode import Value, decode, encode
from descriptions import SDP, audio_port
from devices import DEVICE_CPU, cpu_of, on_cpu


class Ng:
    """A client of the ng protocol: one bencoded dictionary a datagram, each with a cookie that the answer repeats."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(5)
        self._socket.connect(("127.0.0.1", port))

    def ask(self, **command: Value) -> dict[str, Value]:
        """The answer to a command. Raises OSError without one, RuntimeError for a refusal."""
        cookie = secrets.token_hex(6).encode()
        self._socket.send(
            cookie + b" " + encode({name.replace("_", "-"): value for name, value in command.items()})
        )
        while True:
            known, _, data = self._socket.recv(65536).partition(b" ")
            if known == cookie:
                break
        answer = decode(data)
        if not isinstance(answer, dict) or answer.get("result") not in ("ok", "pong"):
            raise RuntimeError(f"rtpengine refused {command['command']}: {answer}")
        return answer

    def close(self) -> None:
        self._socket.close()


class RtpengineDevice(AbstractContextManager["RtpengineDevice"]):
    """Debian's rtpengine without its kernel module, one worker thread on the device's core, silent."""

    def __init__(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = RTPENGINE.command(
            "--config-file=none",
            "--foreground",
            "--log-stderr",
            "--log-level=3",
            "--table=-1",
            "--num-threads=1",
            "--interface=127.0.0.1",
            f"--listen-ng=127.0.0.1:{port}",
            "--port-min=20000",
            "--port-max=29998",
            "--endpoint-learning=immediate",
        )
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  it lives as long as the process
        self.process = subprocess.Popen(on_cpu(DEVICE_CPU, command), stdout=self._log, stderr=self._log)
        self.ng = Ng(port)
        deadline = time.monotonic() + 10
        while True:
            try:
                self.ng.ask(command="ping")
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    said = self._said()
                    self.close()
                    raise RuntimeError(f"rtpengine does not answer: {said}") from None
                time.sleep(0.05)

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read()[-2000:]

    def open(self, ports: list[int]) -> list[int]:
        mine = []
        for number, (caller, advisor) in enumerate(zip(ports[::2], ports[1::2], strict=True)):
            call: dict[str, Value] = {
                "call_id": f"call-{number}",
                "from_tag": "caller",
                "flags": ["trust-address"],
            }
            offered = self.ng.ask(command="offer", sdp=SDP.format(port=caller), ICE="remove", **call)
            answered = self.ng.ask(
                command="answer", sdp=SDP.format(port=advisor), to_tag="advisor", ICE="remove", **call
            )
            # what the advisor is told is where they send to, and so for the caller
            mine += [audio_port(str(answer["sdp"])) for answer in (answered, offered)]
        return mine

    def cpu_s(self) -> float:
        return cpu_of(self.process.pid)

    def close(self) -> None:
        self.ng.close()
        self.process.terminate()
        self.process.wait(10)
        self._log.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
