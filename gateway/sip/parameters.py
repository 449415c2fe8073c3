"""pjsua2's parameter objects: how ours are made, and how PJSIP's are read. SIP thread only."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import pjsua2 as pj

from gateway.sip.messages import parse_message, wire_text

NO_MESSAGE = parse_message("")


def call_parameters(code: int = 0) -> pj.CallOpParam:
    """For any verb on a call: one audio stream and nothing else."""
    prm = pj.CallOpParam(True)
    prm.statusCode = code
    prm.opt.audioCount = 1
    prm.opt.videoCount = 0
    prm.opt.textCount = 0
    return prm


def bare_parameters(code: int) -> pj.CallOpParam:
    """For a response that must not make PJSIP prepare media, as call settings do."""
    prm = pj.CallOpParam()
    prm.statusCode = code
    return prm


def header_vector(headers: Mapping[str, str]) -> pj.SipHeaderVector:
    """Headers as pjsua2 takes them, in their order."""
    vector = pj.SipHeaderVector()
    for name, value in headers.items():
        header = pj.SipHeader()
        header.hName = wire_text(name)
        header.hValue = wire_text(value)
        vector.append(header)
    return vector


def turn_away(call: pj.Call, status: int, retry_after_s: int | None) -> None:
    """Answer an INVITE that never became a leg; `call` may be freed after."""
    prm = call_parameters(status)
    if retry_after_s is not None:
        prm.txOption.headers = header_vector({"Retry-After": str(retry_after_s)})
    with contextlib.suppress(pj.Error):  # cancelled meanwhile
        call.hangup(prm)


def how_it_ended(event: pj.SipEvent) -> tuple[int, str, int | None]:
    """(code, reason, Retry-After [s]) for a dialog that PJSIP has just reported as over."""
    if event.type != pj.PJSIP_EVENT_TSX_STATE:
        return 500, "ended by the SIP stack", None
    body = event.body.tsxState
    tsx = body.tsx
    if tsx.method == "BYE" and tsx.role == pj.PJSIP_ROLE_UAS:
        return 200, "ended by the peer", None
    if tsx.role == pj.PJSIP_ROLE_UAS and tsx.statusCode == 487:
        return 487, "cancelled by the peer", None
    received = body.type == pj.PJSIP_EVENT_RX_MSG and tsx.role == pj.PJSIP_ROLE_UAC
    message = parse_message(body.src.rdata.wholeMsg) if received else NO_MESSAGE
    return tsx.statusCode or 500, message.reason or tsx.statusText, message.retry_after_s
