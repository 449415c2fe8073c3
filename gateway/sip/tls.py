"""TLS (RFC 3261 §26.2, RFC 5922): our identity, whom we connect to, who connects to us. SIP thread only.

A server's certificate is verified by PJSIP, with the host of the URI that is called. It asks here before it
gives a connection up: the reason is told here, and where the admin said so the connection is kept.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from ipaddress import ip_address

import pjsua2 as pj

from gateway.core.model import Address
from gateway.core.ports import Door
from gateway.sip import library
from gateway.sip.connections import HANDSHAKE_S, Connections
from gateway.sip.errors import SipStartError
from gateway.sip.guard import log_failure
from gateway.sip.identity import OwnIdentity
from gateway.sip.messages import parse_address
from gateway.sip.settings import SipTls, SipTrunk

log = logging.getLogger(__name__)

IDENTITY = int(pj.PJ_SSL_CERT_EIDENTITY_NOT_MATCH)
UNTRUSTED = pj.PJ_SSL_CERT_EUNTRUSTED | pj.PJ_SSL_CERT_EISSUER_NOT_FOUND
PROBLEMS = {
    pj.PJ_SSL_CERT_EVALIDITY_PERIOD: "it has expired or is not valid yet",
    pj.PJ_SSL_CERT_EREVOKED: "it was revoked",
    pj.PJ_SSL_CERT_EINVALID_PURPOSE: "it is not meant for a server",
    pj.PJ_SSL_CERT_EISSUER_MISMATCH: "its signature is not its issuer's",
    pj.PJ_SSL_CERT_EINVALID_FORMAT: "it cannot be read",
    pj.PJ_SSL_CERT_EWEAK_SIGNATURE: "its signature is too weak",
    pj.PJ_SSL_CERT_ECHAIN_TOO_LONG: "its chain is too long",
}
VERSIONS = {
    "1.2": pj.PJ_SSL_SOCK_PROTO_TLS1_2 | pj.PJ_SSL_SOCK_PROTO_TLS1_3,
    "1.3": pj.PJ_SSL_SOCK_PROTO_TLS1_3,
}
TOLD_EVERY_S = 60.0
"""So often the same is told again: connections turned away, a certificate refused [s]."""


class TlsDesk:
    """`door` knows the trunks' addresses; None: anybody may connect."""

    def __init__(self, settings: SipTls, trunks: Mapping[str, SipTrunk], door: Door | None) -> None:
        self.identity = OwnIdentity(settings)
        self.connections = Connections(lambda host: door is not None and door.knows(host))
        self._settings = settings
        self._door = door
        self._trunks = {
            name: trunk for name, trunk in trunks.items() if trunk.transport == "tls" and trunk.address
        }
        self._addresses = {trunk.address for trunk in self._trunks.values()}
        self._unverified = {trunk.address for trunk in self._trunks.values() if not trunk.verify}
        self._peers = {name for trunk in self._trunks.values() for name in trunk.names}
        self._refusals: dict[Address | None, str] = {}
        self._told: dict[Address, tuple[str, float]] = {}
        """What was logged of each, and until when it need not be again."""
        self._turned_away = 0
        self._tell_at_s = 0.0

    # ── life ──

    def open(self) -> None:
        """Raises `SipStartError`."""
        if not library.ask_before_handshakes(self._may_connect) or not library.ask_about_certificates(
            self._excuses
        ):
            raise SipStartError(
                'the transport "tls" needs the PJSIP of `gateway pjsip build`, which asks about each peer'
            )
        self.identity.open(time.monotonic())
        for host, port in sorted(filter(None, self._unverified)):
            log.warning("TLS to %s:%d is not verified: whoever answers there is believed", host, port)

    def close(self) -> None:
        library.ask_before_handshakes(None)
        library.ask_about_certificates(None)
        self.identity.close()

    def configure(self, config: pj.TransportConfig) -> None:
        tls, settings = config.tlsConfig, self._settings
        tls.certFile = self.identity.path("certificate")
        tls.privKeyFile = self.identity.path("key")
        tls.CaListFile = self.identity.path("ca")
        tls.proto = VERSIONS[settings.minimum_version]
        tls.verifyServer = True
        tls.verifyClient = tls.requireClientCert = settings.verify_client
        tls.msecTimeout = int(HANDSHAKE_S * 1000)

    def look(self) -> None:
        """Now and then: are there new files; is there anything to tell?"""
        now_s = time.monotonic()
        self.identity.look(now_s)
        if self._turned_away and now_s >= self._tell_at_s:
            log.warning("%d TLS connections were turned away (%s)", self._turned_away, self._reasons())
            self._turned_away, self._tell_at_s = 0, now_s + TOLD_EVERY_S

    def _reasons(self) -> str:
        return ", ".join(f"{why}: {count}" for why, count in self.connections.refused.items())

    # ── who is there ──

    def names_of(self, handle: int | None) -> tuple[str, ...]:
        """What the certificate of this connection proves; None: it is none by TLS."""
        return self.connections.names_of(handle) if handle else ()

    def take_refusal(self, trunk: str) -> str:
        """Why the last connection to a trunk was given up, told once; empty: for no reason known here."""
        found = self._trunks.get(trunk)
        return self._refusals.pop(found.address, "") if found else ""

    def state_changed(self, prm: pj.OnTransportStateParam) -> None:
        """From PJSIP: a connection was made, or is gone."""
        handle = int(prm.hnd)
        if prm.state == pj.PJSIP_TP_STATE_CONNECTED and not prm.tlsInfo.isEmpty():
            info = prm.tlsInfo
            proven = not info.verifyStatus & ~IDENTITY
            names = certified_names(info.remoteCertInfo) if proven else ()
            self.connections.opened(handle, parse_address(info.remoteAddr), names)
        elif prm.state == pj.PJSIP_TP_STATE_DISCONNECTED and not prm.tlsInfo.isEmpty():
            info = prm.tlsInfo
            if info.verifyStatus and self.connections.is_waiting(parse_address(info.remoteAddr)):
                log.warning("TLS from %s refused: %s", info.remoteAddr, " ".join(info.verifyMsgs))
        elif prm.state == pj.PJSIP_TP_STATE_DESTROY:
            self.connections.closed(handle)

    # ── PJSIP asks ──

    def _may_connect(self, host: str, port: int) -> bool:
        """Before a handshake."""
        try:
            if self._door is not None and not self._door.may_connect(host):
                self.connections.refused["of no trunk"] += 1
            elif self.connections.admit((host, port), time.monotonic()):
                return True
            self._turned_away += 1
        except Exception:
            log_failure(log, "looking at a TLS connection")
        return False

    def _excuses(self, host: str, port: int, problems: int, names: tuple[str, ...], issuer: str) -> bool:
        """A server's certificate did not verify for `host`: is it taken all the same?"""
        try:
            address = (host.lower(), port)
            if address in self._unverified:
                return True
            if (
                problems == IDENTITY
                and address not in self._addresses
                and is_ip(host)
                and self._peers & set(names)
            ):
                # A trunk's peer, which its own name proves, is called at the address in its Contact.
                return True
            why = described(host, problems, names, issuer)
            self._refusals[address] = why
            now_s = time.monotonic()
            if self._told.get(address, ("", 0.0))[0] != why or now_s >= self._told[address][1]:
                log.warning("TLS to %s:%d refused: %s", host, port, why)
                self._told[address] = why, now_s + TOLD_EVERY_S
        except Exception:
            log_failure(log, "looking at a certificate")
        return False


def is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def described(host: str, problems: int, names: tuple[str, ...], issuer: str) -> str:
    """What is wrong with a server's certificate, in words."""
    found = []
    if problems & UNTRUSTED:
        found.append(f"its issuer {issuer or 'without name'} is not among the authorities that are trusted")
        problems &= ~pj.PJ_SSL_CERT_EISSUER_MISMATCH
    found += [words for bit, words in PROBLEMS.items() if problems & bit]
    if problems & IDENTITY:
        found.append(f"it is for {', '.join(names) or 'nobody'}, not for {host}")
    return "its certificate is not taken: " + ("; ".join(found) or f"it cannot be verified ({problems:#x})")


def certified_names(certificate: pj.SslCertInfo) -> tuple[str, ...]:
    """Hosts that a certificate is for (RFC 5922 §7.1): its alternative names, else its common name."""
    if certificate.isEmpty() or not certificate.version:
        return ()
    found = [(one.type, one.name) for one in certificate.subjectAltName]
    return names_in(found, certificate.subjectCn)


def names_in(alternatives: list[tuple[int, str]], common: str) -> tuple[str, ...]:
    if not alternatives:
        return (common.lower(),) if common else ()
    names = []
    for kind, name in alternatives:
        if kind in (pj.PJ_SSL_CERT_NAME_DNS, pj.PJ_SSL_CERT_NAME_IP):
            names.append(name.lower())
        elif kind == pj.PJ_SSL_CERT_NAME_URI and name.lower().startswith(("sip:", "sips:")):
            host = name.partition(":")[2].lower()
            if "@" not in host:  # a user's certificate is no host's
                names.append(host)
    return tuple(names)


class GatewayEndpoint(pj.Endpoint):  # type: ignore[misc]
    """PJSIP's own, which tells of its connections."""

    def __init__(self, state_changed: Callable[[pj.OnTransportStateParam], None] | None) -> None:
        super().__init__()
        self._state_changed = state_changed

    def onTransportState(self, prm: pj.OnTransportStateParam) -> None:
        if self._state_changed is None:
            return
        try:
            self._state_changed(prm)
        except Exception:
            log_failure(log, "a change of a connection")
