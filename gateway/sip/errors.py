"""Errors of signalling, and the one table from PJSIP status codes to SIP ones.

GatewayError
└── SipError
    ├── SipStartError      the endpoint cannot start: address in use, unknown transport
    └── CommandQueueFull   the SIP thread does not keep up; the command was not taken
"""

from __future__ import annotations

from gateway.core.errors import GatewayError


class SipError(GatewayError):
    """Root of the SIP adapter's tree."""


class SipStartError(SipError):
    """The endpoint cannot start; the text names the address and what to do."""


class CommandQueueFull(SipError):
    """More commands are waiting for the SIP thread than `SipSettings.command_limit`."""


SIP_STATUS_BASE = 170_000
"""PJSIP_ERRNO_FROM_SIP_STATUS(c) is this plus c."""

STATUS_BY_PJ_ERROR: dict[int, int] = {
    70004: 400,  # PJ_EINVAL
    70007: 500,  # PJ_ENOMEM
    70010: 503,  # PJ_ETOOMANY: every call slot of this build is taken
    171039: 400,  # PJSIP_EINVALIDURI
    171040: 400,  # PJSIP_EINVALIDSCHEME
    171044: 400,  # PJSIP_EINVALIDREQURI
    171060: 503,  # PJSIP_EUNSUPTRANSPORT
}


def sip_status(pj_status: int) -> int:
    """The SIP status that says best why PJSIP refused a call of ours; 500 where the table has none."""
    if 300 <= pj_status - SIP_STATUS_BASE < 700:
        return pj_status - SIP_STATUS_BASE
    return STATUS_BY_PJ_ERROR.get(pj_status, 500)
