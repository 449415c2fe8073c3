"""Plain C functions of PJSIP that pjsua2 does not wrap, called in the extension it has loaded."""

from __future__ import annotations

import ctypes

import pjsua2

_library = ctypes.CDLL(pjsua2._pjsua2.__file__)


def silence() -> None:
    """Keep PJSIP from writing to standard output before its log is configured."""
    _library.pj_log_set_level(1)


def call_capacity() -> int:
    """Call slots of this build (PJSUA_MAX_CALLS; the ready wheel: 4), once the library is initialised."""
    return int(_library.pjsua_call_get_max_count())


def calls_in_use() -> int:
    """Slots taken, those included whose BYE or CANCEL still waits for its answer."""
    return int(_library.pjsua_call_get_count())


def forget_refused_media(call_id: int) -> None:
    """Drop the streams that a refused re-INVITE asked for.

    pjsua keeps them otherwise, takes them for a change still under way, and refuses every later re-INVITE.
    """
    _library.pjsua_media_prov_revert(call_id)
