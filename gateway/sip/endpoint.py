"""The public face: `core.ports.Signalling` on the asyncio side, the SIP thread behind it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from gateway.core.actions import Invite
from gateway.core.events import FromSignalling
from gateway.core.model import LegId
from gateway.core.ports import Door, Probe, Signalling
from gateway.sip.call import DialogCall
from gateway.sip.errors import SipError, SipStartError
from gateway.sip.guard import log_failure
from gateway.sip.mailbox import CommandQueue, EventMailbox
from gateway.sip.sdptext import require_session
from gateway.sip.settings import SipSettings
from gateway.sip.stack import Bound, SipStack

log = logging.getLogger(__name__)

POLL_MS = 10
"""How long PJSIP sleeps at most [ms]: what a command waits for at worst where it cannot be woken."""
POLL_WOKEN_MS = 50
"""The same where a datagram to our own UDP port wakes it."""
KEEP_ALIVE = b"\r\n\r\n"
"""Taken by PJSIP for a peer's keep-alive (RFC 5626 §3.5.1) and dropped unread."""
STOP_TIMEOUT_S = 5.0
"""How long `stop` waits for the SIP thread, beyond `farewell_s`."""


@dataclass(frozen=True, slots=True)
class SipStats:
    active_legs: int
    capacity: int
    """Legs that this PJSIP build can carry at all."""
    commands_waiting: int
    events_waiting: int
    events_dropped: int
    overload_refusals: int
    """INVITEs answered 503 since the start."""
    strangers_refused: int
    """INVITEs answered 403 since the start for their source alone."""


class SipEndpoint(Signalling, Probe):
    """SIP dialogs by leg. Make and use it on the asyncio loop's thread; `deliver` is called there. One per
    process at a time.

    `refuse_when(active_legs)` is asked on the SIP thread with each INVITE, even while the loop is stalled:
    Retry-After [s] of a 503, or None to take the call. It must be quick and must not raise.
    `SipSettings.max_legs` holds besides. `door` is asked before it; whom it does not know has 403 and is no
    leg. None: anybody may call.
    """

    def __init__(
        self,
        settings: SipSettings,
        deliver: Callable[[FromSignalling], None],
        *,
        refuse_when: Callable[[int], int | None] | None = None,
        door: Door | None = None,
    ) -> None:
        self._settings = settings
        self._deliver = deliver
        self._refuse_when = refuse_when
        self._mailbox: EventMailbox | None = None
        self._commands = CommandQueue(settings.command_limit, self._wake)
        self._stack = SipStack(settings, self._emit, self._refuse, door)
        self._waker: socket.socket | None = None
        self._stopping = False
        self._thread: threading.Thread | None = None

    # ── life ──

    async def start(self) -> None:
        """Listen and serve. Raises `SipStartError`."""
        if self._thread is not None:
            raise SipStartError("this SIP endpoint was started before")
        loop = asyncio.get_running_loop()
        self._mailbox = EventMailbox(loop, self._deliver, self._settings.event_limit)
        started: asyncio.Future[None] = loop.create_future()
        self._thread = threading.Thread(target=self._run, args=(loop, started), name="sip", daemon=True)
        self._thread.start()
        await started
        self._waker = _connect_to(self.bound)

    async def stop(self) -> None:
        """End every leg and close. Bounded by `farewell_s` plus `STOP_TIMEOUT_S`; safe twice."""
        self._stopping = True
        self._wake()
        if self._thread is not None:
            limit_s = self._settings.farewell_s + STOP_TIMEOUT_S
            await asyncio.get_running_loop().run_in_executor(None, self._thread.join, limit_s)
            if self._thread.is_alive():
                log.error("the SIP thread did not stop in %s s", limit_s)
        if self._waker is not None:
            self._waker.close()
            self._waker = None

    @property
    def bound(self) -> list[Bound]:
        """(transport, host, port) listened on, with the real port; empty before `start`."""
        return list(self._stack.bound)

    @property
    def stats(self) -> SipStats:
        mailbox = self._mailbox
        return SipStats(
            active_legs=self._stack.active_legs,
            capacity=self._stack.capacity,
            commands_waiting=len(self._commands),
            events_waiting=len(mailbox) if mailbox else 0,
            events_dropped=mailbox.dropped if mailbox else 0,
            overload_refusals=self._stack.overload_refusals,
            strangers_refused=self._stack.doorkeeper.refused,
        )

    # ── core.ports.Signalling; each may raise CommandQueueFull, those with SDP SdpError ──

    def invite(self, wanted: Invite) -> None:
        require_session(wanted.sdp)
        for text in (wanted.uri, wanted.from_uri or "", *wanted.headers, *wanted.headers.values()):
            _require_one_line(text)
        self._put(partial(self._stack.invite, wanted))

    def progress(self, leg: LegId, code: int, sdp: str | None = None) -> None:
        if sdp is not None:
            require_session(sdp)
        self._put_for(leg, lambda call: call.progress(code, sdp))

    def answer(self, leg: LegId, sdp: str) -> None:
        require_session(sdp)
        self._put_for(leg, lambda call: call.accept(sdp))

    def hang_up(self, leg: LegId, code: int = 0, *, retry_after_s: int | None = None) -> None:
        self._put_for(leg, lambda call: call.finish(code, retry_after_s))

    def reoffer(self, leg: LegId, sdp: str) -> None:
        require_session(sdp)
        self._put_for(leg, lambda call: call.reoffer(sdp))

    def answer_reoffer(self, leg: LegId, sdp: str) -> None:
        require_session(sdp)
        self._put_for(leg, lambda call: call.answer_reoffer(sdp))

    def refuse_reoffer(self, leg: LegId, code: int = 488) -> None:
        self._put_for(leg, lambda call: call.refuse_reoffer(code))

    def ask_options(self, trunk: str, uri: str) -> None:
        _require_one_line(uri)
        self._put(partial(self._stack.ask_options, trunk, uri))

    # ── the SIP thread ──

    def _run(self, loop: asyncio.AbstractEventLoop, started: asyncio.Future[None]) -> None:
        try:
            self._stack.open()
        except SipError as error:
            loop.call_soon_threadsafe(_fail, started, error)
            return
        except Exception as error:
            log_failure(log, "starting SIP")
            loop.call_soon_threadsafe(_fail, started, SipStartError(f"SIP cannot start: {error}"))
            return
        loop.call_soon_threadsafe(started.set_result, None)
        while not self._stopping:
            self._commands.run_all()
            try:
                self._stack.poll(POLL_WOKEN_MS if self._waker else POLL_MS)
            except Exception:
                log_failure(log, "a turn of the SIP thread")
        self._commands.run_all()
        self._stack.close()

    def _emit(self, event: FromSignalling) -> None:
        if self._mailbox is not None:
            self._mailbox.post(event)

    def _refuse(self, active_legs: int) -> int | None:
        loop_stalled = self._mailbox is not None and self._mailbox.full
        if self._stopping or loop_stalled or active_legs >= self._settings.max_legs or self._stack.room < 1:
            return self._settings.retry_after_s
        return self._refuse_when(active_legs) if self._refuse_when else None

    # ── the loop's side ──

    def _put(self, command: Callable[[], None]) -> None:
        self._commands.put(command)

    def _put_for(self, leg: LegId, verb: Callable[[DialogCall], None]) -> None:
        self._put(partial(self._run_for, leg, verb))

    def _run_for(self, leg: LegId, verb: Callable[[DialogCall], None]) -> None:
        call = self._stack.call_of(leg)
        if call is not None:
            verb(call)

    def _wake(self) -> None:
        if self._waker is not None:
            with contextlib.suppress(OSError):  # the poll's own timeout is soon enough
                self._waker.send(KEEP_ALIVE)


def _connect_to(bound: list[Bound]) -> socket.socket | None:
    """A socket whose datagrams reach our own UDP port; None where there is none."""
    for transport, host, port in bound:
        if transport == "udp":
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            waker = socket.socket(family, socket.SOCK_DGRAM)
            waker.setblocking(False)
            waker.connect(({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port))
            return waker
    return None


def _fail(started: asyncio.Future[None], error: SipError) -> None:
    if not started.done():
        started.set_exception(error)


def _require_one_line(text: str) -> None:
    """Raise `SipError` for text that would add lines of its own to a SIP message."""
    if any(ord(character) < 32 for character in text):
        raise SipError(f"control characters cannot stand in a SIP header: {text[:80]!r}")
