"""SIP signalling by pjsua2: the only importer of pjsua2, whose types never leave this package.

PJSIP serves here as a signalling stack with third-party media (PJSUA2 `useLoopMedTp`): it opens no RTP
socket and runs no media thread; every SDP on the wire is the text that the call logic gave. One thread of
its own runs all of it (`endpoint`); commands come in by a bounded queue, `core.events` go out in batches on
the asyncio loop (`mailbox`). It decides nothing about calls: that is `core` and `gateway.calls`.

`settings` what is configured · `endpoint` the public face and its thread · `stack` life of the PJSIP library
· `door` strangers · `tls`, `identity`, `connections` TLS · `probe` OPTIONS to trunks · `account` incoming
INVITEs · `call` one dialog as pjsua2 sees it · `leg` the same dialog as states and events · `messages`,
`sdptext` plain text.
"""

from gateway.sip.endpoint import SipEndpoint, SipStats
from gateway.sip.errors import CommandQueueFull, SipError, SipStartError
from gateway.sip.settings import SipSettings, SipTls, SipTrunk

__all__ = [
    "CommandQueueFull",
    "SipEndpoint",
    "SipError",
    "SipSettings",
    "SipStartError",
    "SipStats",
    "SipTls",
    "SipTrunk",
]
