"""Every headset of the process: a second signalling adapter whose phones are browsers.

The RTP peer of a web supervisor's leg is a UDP endpoint here, on the address that the media engine binds to.
To the engine it is a phone like any other, so that privacy, mixing, playout and takeover are the same code.
The browser's WebSocket belongs to the user who joined, and to nobody else.

The connection is what a phone's dialog is: closed with 1000 it is a BYE. One that dies is waited for,
`RETURN_S`, while the leg stays; a patient who is taken over is meanwhile with the advisor again.

Loop's thread only; nothing here blocks.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.core import sdp
from gateway.core.actions import Invite
from gateway.core.errors import NoRoute, NotPermitted, PortsExhausted
from gateway.core.events import (
    LegConfirmed,
    LegEnded,
    LegOffered,
    MediaEvent,
    News,
    SignallingEvent,
    StreamResumed,
    StreamSilent,
)
from gateway.core.model import Address, CallId, LegId, Mode
from gateway.core.permissions import User
from gateway.feeds.headset import Headset, Owner
from gateway.feeds.linesound import NARROW, WIDE, LineSound
from gateway.feeds.listener import Sink
from gateway.log import get_logger

log = get_logger(__name__)

FIRST_S = 10.0
"""A leg whose browser has not connected after this is taken off the call."""
RETURN_S = 5.0
"""So long is a browser waited for whose connection was lost."""
LONE_RETURN_S = 60.0
"""And so long where the patient has nobody else: without the leg the call would end."""
BEHIND_S = 5.0
"""A browser that takes nothing for so long is lost, whatever its host says."""
DATAGRAMS_A_TURN = 16
RECEIVE_BUFFER_BYTES = {NARROW: 8 * 1024, WIDE: 24 * 1024}
"""Room for about 20 packets: after the loop has stood still there is a gap, told of, and no lasting delay."""
NORMAL = 1000
TOO_SLOW = 4408
GOING_AWAY = 1001


@dataclass(eq=False, slots=True)
class Line:
    """A headset with its endpoint."""

    user: User
    headset: Headset
    socket: socket.socket
    timer: asyncio.TimerHandle
    attachment: Attachment | None = None
    reading: bool = False
    ending: bool = False
    """Hung up by the call logic."""
    why: str = "off the call"
    lost_at_s: float | None = field(default=None)


class HeadsetDesk:
    """`core.ports.Headsets`. `follow` the news before the first leg."""

    def __init__(
        self,
        *,
        host: str,
        signalling: Callable[[SignallingEvent], None],
        media: Callable[[MediaEvent], None],
        is_alone: Callable[[LegId], bool],
    ) -> None:
        """host: where the media engine receives RTP (never a wildcard). is_alone: has the patient nobody but
        this supervisor?
        """
        self._host = host
        self._signalling = signalling
        self._media = media
        self._is_alone = is_alone
        self._loop = asyncio.get_running_loop()
        self._lines: dict[LegId, Line] = {}

    def on_news(self, news: News) -> None:
        """Given to `Control.subscribe`: which mode holds, and why a leg is taken off."""
        if news.kind not in ("supervisor.joined", "supervisor.mode", "supervisor.left"):
            return
        line = self._lines.get(news.data["leg"])
        if line is None:
            return
        if news.kind == "supervisor.left":
            line.why = news.data["why"]
        else:
            line.headset.enter(Mode(news.data["mode"]))

    # ── core.ports.Headsets ──

    def owns(self, leg: LegId) -> bool:
        return leg in self._lines

    def offer(
        self, leg: LegId, user: User, call: CallId, source: Address, most_rate_hz: int = 8000
    ) -> LegOffered:
        endpoint = self._bind()
        timer = self._loop.call_later(FIRST_S, self._give_up, leg, f"no audio socket within {FIRST_S:g} s")
        self._lines[leg] = Line(user, Headset(Owner(leg, call, user.id)), endpoint, timer)
        described = self._sdp(endpoint.getsockname()[1], (WIDE, NARROW) if most_rate_hz > 8000 else (NARROW,))
        return LegOffered(leg, f"web:{user.id}", user.name, "", "", described, source, "web")

    def answer(self, leg: LegId, sdp: str) -> None:
        line = self._lines[leg]
        port, sound = _agreed(sdp)
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES[sound])
        line.socket.connect((self._host, port))
        line.headset.connect(sound, lambda datagram: _send(line.socket, datagram))
        self._loop.add_reader(line.socket, self._readable, line)
        line.reading = True
        self._loop.call_soon(self._confirm, leg)

    def hang_up(self, leg: LegId, code: int = 0, *, retry_after_s: int | None = None) -> None:
        line = self._lines.get(leg)
        if line is not None and not line.ending:
            line.ending = True
            # Not at once: why they are off the call is in the news that follow.
            self._loop.call_soon(self._hung_up, leg)

    def invite(self, wanted: Invite) -> None:
        raise NotImplementedError("nobody can call a browser")

    def progress(self, leg: LegId, code: int, sdp: str | None = None) -> None:
        """Browsers do not ring."""

    def reoffer(self, leg: LegId, sdp: str) -> None:
        """A supervisor's session is never changed by us."""

    def answer_reoffer(self, leg: LegId, sdp: str) -> None:
        """Nor by a browser."""

    def refuse_reoffer(self, leg: LegId, code: int = 488) -> None:
        """Nor by a browser."""

    # ── browsers ──

    def attach(self, user: User, leg: LegId, sink: Sink) -> Attachment:
        """The browser's connection is there; its header is written before this returns. Raises `NoRoute` for
        a leg that is not on a call (any more), `NotPermitted` for somebody else's.
        """
        line = self._lines.get(leg)
        if line is None or line.ending:
            raise NoRoute(f"no supervisor {leg} with a headset is on a call")
        if line.user.id != user.id:
            raise NotPermitted(f"{leg} is the headset of another user")
        line.timer.cancel()
        line.attachment = Attachment(self, line)
        line.headset.attach(sink, self._loop.time())
        if line.lost_at_s is not None:
            line.lost_at_s = None
            self._media(StreamResumed(leg))
        return line.attachment

    def left(self, line: Line, attachment: Attachment, *, for_good: bool) -> None:
        """A browser's connection is over. for_good: it said so, nobody need wait for it."""
        leg = line.headset.owner.leg
        if line.attachment is not attachment or self._lines.get(leg) is not line or line.ending:
            return
        line.headset.detach(self._loop.time())
        line.attachment = None
        if for_good:
            self._give_up(leg, "left")
            return
        line.lost_at_s = self._loop.time()
        line.timer = self._loop.call_later(RETURN_S, self._not_returned, leg)
        log.warning("headset.lost", leg=leg, call=line.headset.owner.call, user=line.user.id)
        self._media(StreamSilent(leg, 0))

    def _not_returned(self, leg: LegId) -> None:
        line = self._lines[leg]
        assert line.lost_at_s is not None
        waited_s = self._loop.time() - line.lost_at_s
        if self._is_alone(leg) and waited_s < LONE_RETURN_S:
            line.timer = self._loop.call_later(RETURN_S, self._not_returned, leg)
        else:
            self._give_up(leg, f"the browser was lost and did not return within {waited_s:.0f} s")

    def _give_up(self, leg: LegId, why: str) -> None:
        """The far end is gone: to the call logic a BYE."""
        self._close(leg, why, NORMAL)
        self._signalling(LegEnded(leg, 200, why))

    # ── life ──

    def stop(self) -> None:
        """End every headset, telling the browsers; calls must have been ended before."""
        for leg in tuple(self._lines):
            self._close(leg, "the gateway is stopping", GOING_AWAY)

    def _confirm(self, leg: LegId) -> None:
        if leg in self._lines:
            self._signalling(LegConfirmed(leg, None))

    def _hung_up(self, leg: LegId) -> None:
        if leg in self._lines:
            self._close(leg, self._lines[leg].why, NORMAL)
            self._signalling(LegEnded(leg, 200, ""))

    def _close(self, leg: LegId, why: str, code: int) -> None:
        line = self._lines.pop(leg)
        line.timer.cancel()
        headset = line.headset
        headset.end(why, code, self._loop.time())
        if line.reading:
            self._loop.remove_reader(line.socket)
        line.socket.close()
        log.info(
            "headset.ended",
            leg=leg,
            call=headset.owner.call,
            user=line.user.id,
            why=why,
            spoken_frames=headset.spoken_frames,
            unsaid_frames=headset.unsaid_frames,
        )

    # ── the endpoint ──

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        endpoint = socket.socket(family, socket.SOCK_DGRAM)
        try:
            endpoint.setblocking(False)
            endpoint.bind((self._host, 0))
        except OSError as error:
            endpoint.close()
            raise PortsExhausted(f"no port for a headset on {self._host}: {error.strerror}") from error
        return endpoint

    def _sdp(self, port: int, sounds: tuple[LineSound, ...]) -> str:
        formats = tuple(str(sound.payload_type) for sound in sounds)
        maps = [("rtpmap", f"{sound.payload_type} {sound.name}/{sound.rate_hz}") for sound in sounds]
        audio = sdp.Media("audio", port, "RTP/AVP", formats, None, (*maps, ("sendrecv", None)))
        return str(sdp.Session(sdp.Origin("-", 1, 1, self._host), (audio,), self._host))

    def _readable(self, line: Line) -> None:
        now_s, wall_us = self._loop.time(), time.time_ns() // 1000
        for _ in range(DATAGRAMS_A_TURN):
            try:
                datagram = line.socket.recv(2048)
            except OSError:  # nothing more; or the engine has closed its side
                break
            line.headset.heard(datagram, now_s, wall_us)
        listener = line.headset.listener
        if listener is not None and listener.behind_for_s(now_s) >= BEHIND_S and line.attachment is not None:
            attachment = line.attachment
            line.headset.end("the browser takes nothing", TOO_SLOW, now_s)
            self.left(line, attachment, for_good=False)


class Attachment:
    """A browser's side of its headset."""

    def __init__(self, desk: HeadsetDesk, line: Line) -> None:
        self._desk = desk
        self._line = line

    def said(self, message: bytes) -> None:
        """A binary message. Raises ValueError for one that is no frame."""
        if self._line.attachment is self:
            self._line.headset.said(message, asyncio.get_running_loop().time())

    def resume(self) -> None:
        """The connection has room again."""
        if self._line.attachment is self:
            self._line.headset.resume(asyncio.get_running_loop().time())

    def gone(self, *, for_good: bool) -> None:
        """The connection is over. Safe twice."""
        self._desk.left(self._line, self, for_good=for_good)


def _agreed(text: str) -> tuple[int, LineSound]:
    """Port and sound of the one audio stream in the gateway's answer."""
    audio = next(media for media in sdp.parse(text).media if media.kind == "audio")
    return audio.port, WIDE if str(WIDE.payload_type) in audio.formats else NARROW


def _send(endpoint: socket.socket, datagram: bytes) -> None:
    # The engine may have closed its side already; a full buffer is a lost packet.
    with contextlib.suppress(OSError):
        endpoint.send(datagram)
