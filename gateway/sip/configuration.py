"""`SipSettings` in PJSIP's own words: the library, its transports, its accounts."""

from __future__ import annotations

import contextlib
import socket

import pjsua2 as pj

from gateway.sip.errors import SipStartError
from gateway.sip.log import PjLog
from gateway.sip.settings import SipSettings, SipTrunk

MAX_CALLS = 65_535
"""Asked of PJSIP, which lowers it to its compiled PJSUA_MAX_CALLS."""
FREE_PORT_ATTEMPTS = 50
ANY_HOST = ("0.0.0.0", "::")
DEAD_AFTER_MS = 20_000
"""A TCP or TLS connection on which nothing is acknowledged for so long is given up [ms]: less than the 32 s
that a request is waited for (RFC 3261 §17.1.2.2), so that what a silent firewall swallows is not the call's
end.
"""
TRANSPORT_TYPES = {
    "udp": pj.PJSIP_TRANSPORT_UDP,
    "tcp": pj.PJSIP_TRANSPORT_TCP,
    "tls": pj.PJSIP_TRANSPORT_TLS,
}
TRANSPORT_TYPES_IPV6 = {
    "udp": pj.PJSIP_TRANSPORT_UDP6,
    "tcp": pj.PJSIP_TRANSPORT_TCP6,
    "tls": pj.PJSIP_TRANSPORT_TLS6,
}


def endpoint_config(settings: SipSettings) -> pj.EpConfig:
    """PJSIP without threads, sound, or logging of its own."""
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.uaConfig.maxCalls = MAX_CALLS
    config.uaConfig.userAgent = settings.user_agent
    for server in settings.nameservers:
        config.uaConfig.nameserver.append(server)
    config.medConfig.hasIoqueue = False
    config.medConfig.threadCnt = 0
    config.medConfig.clockRate = 8_000
    config.medConfig.sndClockRate = 8_000
    config.medConfig.noVad = True
    config.medConfig.jbMax = 60
    config.medConfig.maxMediaPorts = settings.max_legs * 2 + 64
    config.logConfig.level = settings.log_level
    config.logConfig.consoleLevel = settings.log_level  # which the writer goes by, in the console's place
    config.logConfig.msgLogging = int(settings.log_level >= 5)
    config.logConfig.decor = pj.PJ_LOG_HAS_SENDER
    writer = PjLog()
    config.logConfig.writer = writer
    writer.__disown__()
    return config


def transport_config(settings: SipSettings, transport: str, port: int) -> tuple[int, pj.TransportConfig]:
    """(PJSIP's type, configuration) of one listener. Raises `SipStartError` for a transport unknown here."""
    types = TRANSPORT_TYPES_IPV6 if ":" in settings.bind_host else TRANSPORT_TYPES
    if transport not in types:
        raise SipStartError(f"unknown SIP transport {transport!r}: this gateway speaks {', '.join(types)}")
    config = pj.TransportConfig()
    config.boundAddress = settings.bind_host
    config.port = port
    config.publicAddress = settings.advertised_address or ""
    if transport != "udp" and settings.bind_host not in ANY_HOST:
        config.publicAddress = settings.advertised_address or settings.bind_host
    for options in (config.sockOptParams.sockOpts, config.tlsConfig.sockOptParams.sockOpts):
        if transport != "udp":
            options.append(pj.SockOpt())
            option = options[0]  # there, for it holds a pointer into itself
            option.level, option.optName = socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT
            option.setOptValInt(DEAD_AFTER_MS)
    return types[transport], config


def account_config(settings: SipSettings, trunk: SipTrunk) -> pj.AccountConfig:
    """Third-party media, and nothing that would make PJSIP re-offer or rewrite by itself."""
    config = pj.AccountConfig()
    config.idUri = f"sip:{settings.identity}@{own_host(settings)}"
    config.regConfig.registerOnAdd = False
    if trunk.proxy:
        config.sipConfig.proxies.append(trunk.proxy)
    if trunk.username:
        credentials = pj.AuthCredInfo("digest", trunk.realm, trunk.username, 0, trunk.password)
        config.sipConfig.authCreds.append(credentials)
    config.callConfig.prackUse = pj.PJSUA_100REL_NOT_USED
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_OPTIONAL
    config.callConfig.timerSessExpiresSec = settings.session_expires_s
    config.mediaConfig.useLoopMedTp = True
    config.mediaConfig.enableLoopback = False
    config.mediaConfig.lockCodecEnabled = False
    config.mediaConfig.streamKaEnabled = False
    config.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_DISABLED
    config.natConfig.iceEnabled = False
    config.natConfig.contactRewriteUse = 0
    # Our address towards a trunk is that of a connection to it. For calls that come in PJSIP would look for
    # the host in their Contact and connect to it, only for that.
    config.natConfig.contactUseSrcPort = trunk.transport != "udp"
    config.natConfig.viaRewriteUse = False
    config.natConfig.sdpNatRewriteUse = False
    config.natConfig.sipOutboundUse = 0
    return config


def own_host(settings: SipSettings) -> str:
    """What we call ourselves in From, where nobody else is named."""
    host = settings.advertised_address or settings.bind_host
    if host in ANY_HOST:
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def free_port(host: str) -> int:
    """A port that is free for UDP and TCP both at this moment; 0 where `host` cannot be bound."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(FREE_PORT_ATTEMPTS):
        with (
            contextlib.suppress(OSError),
            socket.socket(family, socket.SOCK_DGRAM) as datagram,
            socket.socket(family, socket.SOCK_STREAM) as stream,
        ):
            datagram.bind((host, 0))
            port = int(datagram.getsockname()[1])
            stream.bind((host, port))
            return port
    return 0
