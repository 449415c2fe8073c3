"""The gateway's errors, one tree.

GatewayError
├── ConfigError          the configuration file is wrong; carries every mistake, not just the first
├── Refused              a call or request is refused; carries the SIP status to answer with
│   ├── NotPermitted     403
│   ├── NoRoute          404
│   ├── BadCredentials   401, whoever signs in
│   ├── TooManyAttempts  429 with Retry-After
│   ├── NotAcceptable    488, no common codec or an SDP that cannot be used
│   ├── Unavailable      503, something that this needs is down; calls go on
│   └── Overloaded       503 with Retry-After
├── SdpError             text that is not an SDP session with one audio stream
└── PortsExhausted       no free RTP port in the configured range
"""

from __future__ import annotations


class GatewayError(Exception):
    """Root of the tree; its text is fit to be shown to an admin."""


class ConfigError(GatewayError):
    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class Refused(GatewayError):
    """A call or a request that will not be carried out; `sip_status` is what a phone is told."""

    sip_status = 603

    def __init__(self, why: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


class NotPermitted(Refused):
    sip_status = 403


class NoRoute(Refused):
    sip_status = 404


class BadCredentials(Refused):
    sip_status = 403


class TooManyAttempts(Refused):
    sip_status = 403


class NotAcceptable(Refused):
    sip_status = 488


class Unavailable(Refused):
    """What was asked needs something that is down, such as the store."""

    sip_status = 503


class Overloaded(Refused):
    sip_status = 503


class SdpError(GatewayError):
    """Text that is not an SDP session with one usable audio stream (RFC 8866)."""


class PortsExhausted(GatewayError):
    """No free RTP port pair in `[media] port_range`."""
