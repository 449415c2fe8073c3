"""Plain C functions of PJSIP that pjsua2 does not wrap, called in the extension it has loaded."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import pjsua2

_library = ctypes.CDLL(pjsua2._pjsua2.__file__)
_library.pjsip_rdata_get_dlg.restype = ctypes.c_void_p
_TurnAway = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_asked: list[object] = []
"""What PJSIP holds a pointer to, kept alive."""


def silence() -> None:
    """Keep PJSIP from writing to standard output before its log is configured."""
    _library.pj_log_set_level(1)


def call_capacity() -> int:
    """Call slots of this build (PJSUA_MAX_CALLS; the ready wheel: 4), once the library is initialised."""
    return int(_library.pjsua_call_get_max_count())


def calls_in_use() -> int:
    """Slots taken, those included whose BYE or CANCEL still waits for its answer."""
    return int(_library.pjsua_call_get_count())


def ask_before_calls(judge: Callable[[str, int, Callable[[], str]], int] | None) -> bool:
    """Have `judge(host, port, read_message)` asked with each INVITE that begins a call: 0 to let it in, or a
    final status. None: no longer. False where this PJSIP cannot (`pjsip.patches`).
    """

    def answer(host: bytes, port: int, message: int, length: int) -> int:
        def read_message() -> str:
            return ctypes.string_at(message, length).decode(errors="surrogateescape")

        return judge(host.decode(errors="replace"), port, read_message) if judge is not None else 0

    try:
        pointer = ctypes.c_void_p.in_dll(_library, "pjsua_turn_away")
    except ValueError:
        return False
    function = _TurnAway(answer)
    pointer.value = ctypes.cast(function, ctypes.c_void_p).value if judge is not None else None
    _asked[:] = [function]
    return True


def respond(rdata: Any, status: int) -> bool:
    """Answer a request within a dialog (`SipRxData`) that PJSIP itself would refuse with 500. False where it
    did not work; then PJSIP answers after all.
    """
    request = ctypes.c_void_p(int(rdata.pjRxData))
    dialog = ctypes.c_void_p(_library.pjsip_rdata_get_dlg(request))
    return bool(dialog) and _library.pjsip_dlg_respond(dialog, request, status, None, None, None) == 0


def forget_refused_media(call_id: int) -> None:
    """Drop the streams that a refused re-INVITE asked for.

    pjsua keeps them otherwise, takes them for a change still under way, and refuses every later re-INVITE.
    """
    _library.pjsua_media_prov_revert(call_id)
