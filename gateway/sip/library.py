"""Plain C functions of PJSIP that pjsua2 does not wrap, called in the extension it has loaded."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pjsua2

from gateway.sip.messages import wire_text

MOST_SDP_BYTES = 16_384
_library = ctypes.CDLL(pjsua2._pjsua2.__file__)
_library.pjsip_rdata_get_dlg.restype = ctypes.c_void_p
_TurnAway = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int
)
_MayNotConnect = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
_Excuse = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_char_p, ctypes.c_char_p
)
_asked: dict[str, object] = {}
"""What PJSIP holds a pointer to, kept alive; by the name of the variable."""


def silence() -> None:
    """Keep PJSIP from writing to standard output before its log is configured."""
    _library.pj_log_set_level(1)


def call_capacity() -> int:
    """Call slots of this build (PJSUA_MAX_CALLS; the ready wheel: 4), once the library is initialised."""
    return int(_library.pjsua_call_get_max_count())


def calls_in_use() -> int:
    """Slots taken, those included whose BYE or CANCEL still waits for its answer."""
    return int(_library.pjsua_call_get_count())


def ask_before_calls(judge: Callable[[str, int, int | None, Callable[[], str]], int] | None) -> bool:
    """Have `judge(host, port, handle, read_message)` asked with each INVITE that begins a call: 0 to let it
    in, or a final status. handle: of the TLS connection it came by; None: by none. None: no longer. False
    where this PJSIP cannot (`pjsip.patches`).
    """

    def answer(host: bytes, port: int, handle: int | None, message: int, length: int) -> int:
        def read_message() -> str:
            return ctypes.string_at(message, length).decode(errors="surrogateescape")

        return judge(_text(host), port, handle, read_message) if judge is not None else 0

    if not hasattr(_library, "pjsua_secured_by"):  # built by an earlier version, which asks in another form
        return False
    return _ask("pjsua_turn_away", _TurnAway(answer) if judge is not None else None)


def ask_before_handshakes(judge: Callable[[str, int], bool] | None) -> bool:
    """Have `judge(host, port)` asked with each TLS connection that comes in; False closes it. Otherwise as
    `ask_before_calls`.
    """

    def answer(host: bytes, port: int) -> int:
        return 0 if judge is None or judge(_text(host), port) else 1

    return _ask("pj_ssl_turn_away", _MayNotConnect(answer) if judge is not None else None)


def ask_about_certificates(judge: Callable[[str, int, int, tuple[str, ...], str], bool] | None) -> bool:
    """Have `judge(host, port, problems, names, issuer)` asked with each server whose certificate did not
    verify for `host`; True keeps the connection. problems: PJ_SSL_CERT_E… or-ed. Otherwise as
    `ask_before_calls`.
    """

    def answer(host: bytes, port: int, problems: int, names: bytes, issuer: bytes) -> int:
        bears = tuple(name.lower() for name in _text(names).splitlines())
        return int(judge is not None and judge(_text(host), port, problems, bears, _text(issuer)))

    return _ask("pjsip_tls_excuse", _Excuse(answer) if judge is not None else None)


def secured_by(rdata: Any) -> int | None:
    """Handle of the TLS connection that a request (`SipRxData`) came by; None: by none, or this PJSIP cannot
    tell.
    """
    try:
        function = _library.pjsua_secured_by
    except AttributeError:
        return None
    function.restype = ctypes.c_void_p
    handle: int | None = function(ctypes.c_void_p(int(rdata.pjRxData)))
    return handle


def keep_to_connection(call_id: int, rdata: Any) -> bool:
    """Have a call send its requests by the TCP or TLS connection that this one of its peer's (`SipRxData`)
    came by, as long as that is there. False: it came by none, or this PJSIP cannot (`pjsip.connections`).
    """
    try:
        function = _library.pjsua_keep_to_connection
    except AttributeError:
        return False
    return bool(function(call_id, ctypes.c_void_p(int(rdata.pjRxData))))


def _ask(variable: str, function: Any) -> bool:
    try:
        pointer = ctypes.c_void_p.in_dll(_library, variable)
    except ValueError:
        return False
    pointer.value = ctypes.cast(function, ctypes.c_void_p).value if function is not None else None
    _asked[variable] = function
    return True


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def respond(rdata: Any, status: int) -> bool:
    """Answer a request within a dialog (`SipRxData`) that PJSIP itself would refuse with 500. False where it
    did not work; then PJSIP answers after all.
    """
    request = ctypes.c_void_p(int(rdata.pjRxData))
    dialog = ctypes.c_void_p(_library.pjsip_rdata_get_dlg(request))
    return bool(dialog) and _library.pjsip_dlg_respond(dialog, request, status, None, None, None) == 0


def agreed_description(call_id: int, *, remote: bool) -> str | None:
    """The SDP that is in force, theirs or ours, as it was said: that in an ACK and that of PJSIP's own answer
    to an UPDATE included. None where nothing is agreed yet, or this PJSIP cannot tell (`pjsip.patches`).
    """
    try:
        read = _library.pjsua_call_agreed_sdp
    except AttributeError:
        return None
    text = ctypes.create_string_buffer(MOST_SDP_BYTES)
    length = read(call_id, remote, text, MOST_SDP_BYTES)
    return wire_text(text.raw[:length].decode(errors="surrogateescape")) if length > 0 else None


def forget_refused_media(call_id: int) -> None:
    """Drop the streams that a refused re-INVITE asked for.

    pjsua keeps them otherwise, takes them for a change still under way, and refuses every later re-INVITE.
    """
    _library.pjsua_media_prov_revert(call_id)
