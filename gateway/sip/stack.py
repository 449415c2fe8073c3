"""Life of the PJSIP library: create, listen, poll, destroy; the table of dialogs. SIP thread only.

PJSIP is given no worker thread (`threadCnt` 0): it runs only inside `poll`, so every callback comes on this
thread.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable

import pjsua2 as pj

from gateway.core.actions import Invite
from gateway.core.events import FromSignalling, LegEnded, LegOffered
from gateway.core.model import Address, LegId
from gateway.core.ports import Door
from gateway.core.routing import with_transport
from gateway.sip import library
from gateway.sip.account import GatewayAccount
from gateway.sip.call import DialogCall
from gateway.sip.configuration import account_config, endpoint_config, free_port, transport_config
from gateway.sip.door import Doorkeeper
from gateway.sip.errors import SipStartError
from gateway.sip.leg import Leg
from gateway.sip.messages import name_addr
from gateway.sip.parameters import turn_away
from gateway.sip.probe import Prober
from gateway.sip.settings import SipSettings, SipTrunk
from gateway.sip.states import LegState
from gateway.sip.tls import GatewayEndpoint, TlsDesk

log = logging.getLogger(__name__)

_library_taken = threading.Lock()
"""Held by the one open stack: a second `pj.Endpoint` would abort the process."""

Bound = tuple[str, str, int]
"""(transport, host, port)."""

RESERVED_SHARE = 20
"""One slot in so many is kept for legs that the gateway itself begins."""


class SipStack:
    """`door` knows who may call; `refuse(active_legs)` is then asked with each INVITE: Retry-After [s], or
    None. `emit` takes each event.
    """

    def __init__(
        self,
        settings: SipSettings,
        emit: Callable[[FromSignalling], None],
        refuse: Callable[[int], int | None],
        door: Door | None = None,
    ) -> None:
        self._tls = TlsDesk(settings.tls, settings.trunks, door) if settings.tls else None
        names_of = self._tls.names_of if self._tls else nobody
        self.doorkeeper = Doorkeeper(door, emit, names_of)
        self._prober = Prober(emit, self._tls.take_refusal if self._tls else no_reason)
        self._names_of = names_of
        self._settings = settings
        self._emit = emit
        self._refuse = refuse
        self._endpoint: pj.Endpoint | None = None
        self._accounts: dict[str | None, GatewayAccount] = {}
        self._calls: dict[LegId, DialogCall] = {}
        self._graves: list[pj.Call] = []
        self._refusals: list[tuple[pj.Call, int, int | None]] = []
        self.overload_refusals = 0
        self.bound: list[Bound] = []
        self.capacity = 0
        """Call slots of this PJSIP build; 0 before `open`."""

    @property
    def active_legs(self) -> int:
        return len(self._calls)

    @property
    def room(self) -> int:
        """Free call slots, less a reserve that lets calls already admitted reach their advisor."""
        return self.capacity - library.calls_in_use() - self.capacity // RESERVED_SHARE

    # ── life ──

    def open(self) -> None:
        """Start PJSIP and listen. Raises `SipStartError`, with everything closed again."""
        if not _library_taken.acquire(blocking=False):
            raise SipStartError("this process has a SIP endpoint already; PJSIP allows one at a time")
        library.silence()
        self._endpoint = GatewayEndpoint(self._tls.state_changed if self._tls else None)
        why = ""
        try:
            self._start()
        except pj.Error as error:
            why = f"SIP cannot start: {error.title}: {error.reason}"
        except SipStartError as error:
            why = str(error)
        if why:  # out here, where no traceback keeps the endpoint alive
            self._destroy()
            raise SipStartError(why)

    def _start(self) -> None:
        assert self._endpoint is not None
        self._endpoint.libCreate()
        self._endpoint.libInit(endpoint_config(self._settings))
        self.capacity = library.call_capacity()
        self._endpoint.audDevManager().setNoDev()
        port = self._settings.port or free_port(self._settings.bind_host)
        if self._tls is not None:
            self._tls.open()
        for transport in self._settings.transports:
            self._listen(transport, port)
        self.doorkeeper.open()
        self._endpoint.libStart()
        self._open_account(None, SipTrunk())
        for name, trunk in self._settings.trunks.items():
            self._open_account(name, trunk)

    def poll(self, timeout_ms: int) -> None:
        """Let PJSIP work: returns after at most `timeout_ms`, earlier when something happened."""
        assert self._endpoint is not None
        self._endpoint.libHandleEvents(timeout_ms)
        while self._refusals:
            turn_away(*self._refusals.pop())
        self._graves.clear()
        if self._tls is not None:
            self._tls.look()

    def close(self) -> None:
        """End every leg, wait a little for the peers' answers, destroy the library. Bounded by
        `farewell_s`.
        """
        for leg in list(self._calls):
            self._calls[leg].finish(503)
        deadline = time.monotonic() + self._settings.farewell_s
        while time.monotonic() < deadline and library.calls_in_use():
            self.poll(20)
        self._destroy()

    def _destroy(self) -> None:
        self.doorkeeper.close()
        self._calls.clear()  # freed on another thread or later, they would take hold of a new stack's calls
        self._graves.clear()
        if self._endpoint is not None:
            try:
                self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)
            except pj.Error as error:
                log.warning("closing PJSIP: %s", error.reason)
            self._accounts.clear()  # only now: PJSIP minds losing one while a BYE still waits for its answer
            self._endpoint = None
            if self._tls is not None:
                self._tls.close()
            _library_taken.release()

    def _listen(self, transport: str, port: int) -> None:
        settings = self._settings
        assert self._endpoint is not None
        if transport == "tls":
            if settings.tls is None or self._tls is None:
                raise SipStartError('the transport "tls" needs a certificate: [sip.tls]')
            port = settings.tls.port
        kind, config = transport_config(settings, transport, port)
        if transport == "tls" and self._tls is not None:
            self._tls.configure(config)
        try:
            info = self._endpoint.transportGetInfo(self._endpoint.transportCreate(kind, config))
        except pj.Error as error:
            where = f"{transport}:{settings.bind_host}:{config.port}"
            raise SipStartError(
                f"SIP cannot listen on {where}: {error.reason}; is another program using it?"
            ) from None
        port = int(info.localAddress.rpartition(":")[2])
        self.bound.append((transport, settings.bind_host, port))

    def _open_account(self, name: str | None, trunk: SipTrunk) -> None:
        account = GatewayAccount(
            self._stranger_status,
            lambda: self._refuse(self.active_legs),
            self._refused,
            self._offered,
            new_leg_id,
            self._prober.answered,
            self._names_of,
        )
        account.create(account_config(self._settings, trunk), name is None)
        self._accounts[name] = account

    # ── commands ──

    def invite(self, wanted: Invite) -> None:
        leg = wanted.leg
        account = self._accounts.get(wanted.trunk)
        if account is None:
            self._emit(LegEnded(leg, 500, f"no trunk is named {wanted.trunk!r}"))
            return
        configured = self._settings.trunks.get(wanted.trunk or "", SipTrunk())
        call = DialogCall(account, Leg(leg, LegState.CALLING, self._emit), self)
        self._calls[leg] = call
        from_header = None
        if wanted.from_uri or wanted.from_name:
            from_header = name_addr(wanted.from_uri or account.getInfo().uri, wanted.from_name)
        uri = with_transport(wanted.uri, configured.transport)
        call.invite(uri, wanted.sdp, from_header, wanted.headers)

    def ask_options(self, trunk: str, uri: str) -> None:
        self._prober.ask(self._accounts[None], trunk, uri)

    def call_of(self, leg: LegId) -> DialogCall | None:
        """The live dialog of a leg; None where it has ended."""
        return self._calls.get(leg)

    # ── from accounts and calls ──

    def _offered(self, account: pj.Account, call_id: int, event: LegOffered, route: str) -> None:
        leg = Leg(event.leg, LegState.OFFERED, self._emit)
        wants_offer = event.sdp is None
        self._calls[event.leg] = DialogCall(account, leg, self, call_id, wants_offer, route)
        self._emit(event)

    def _stranger_status(self, source: Address, handle: int | None, message: str) -> int:
        if self.doorkeeper.asked_by_pjsip:
            return 0
        return self.doorkeeper.status_for(*source, handle, lambda: message)

    def _refused(self, call: pj.Call, status: int, retry_after_s: int | None) -> None:
        if retry_after_s is not None:
            self.overload_refusals += 1
        self._refusals.append((call, status, retry_after_s))

    def bury(self, call: DialogCall) -> None:
        self._calls.pop(call.leg.id, None)
        self._graves.append(call)


def nobody(handle: int | None) -> tuple[str, ...]:
    """Without TLS nobody proves anything."""
    return ()


def no_reason(trunk: str) -> str:
    return ""


def new_leg_id() -> LegId:
    """A name for a leg that begins with a peer: unique with overwhelming probability."""
    return LegId(f"leg-{secrets.token_hex(6)}")
