"""Cross-checks of `[sip.tls]` and of the trunks that are reached by it, its files included."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from gateway.config.certificates import SOON_DAYS, BadCertificate, read_authorities, read_identity
from gateway.config.draft import Draft
from gateway.config.mistakes import Mistake
from gateway.config.model import SipTls
from gateway.core.model import Address

LOC = ("sip", "tls")
MANY_AUTHORITIES = 20
"""More than so many are read anew for each connection at a price."""


def check_tls(draft: Draft) -> Iterator[Mistake]:
    sip = draft.config.sip
    if draft.is_broken("sip", "transports") or draft.is_broken("sip", "tls"):
        return
    wanted = "tls" in sip.transports
    if wanted and sip.tls is None:
        hint = "add [sip.tls] with certificate and key, the paths of two PEM files"
        yield draft.mistake(("sip", "transports"), 'has "tls", and there is no certificate for it', hint)
    if sip.tls is None:
        return
    if not wanted:
        message = 'is not used: [sip] transports has no "tls"'
        yield draft.mistake(LOC, message, 'transports = ["udp", "tcp", "tls"]', fatal=False)
    yield from _check_files(draft, sip.tls)
    yield from _check_trust(draft, sip.tls)
    yield from _check_port(draft, sip.tls)


def _check_files(draft: Draft, tls: SipTls) -> Iterator[Mistake]:
    try:
        identity = read_identity(tls.certificate, tls.key)
    except BadCertificate as error:
        yield draft.mistake((*LOC, error.part), str(error), error.hint)
    else:
        days, ends = identity.days_left(), f"{identity.ends_at:%Y-%m-%d}"
        loc = (*LOC, "certificate")
        if days < 0:
            hint = "peers refuse it; put a new one in its place, which the gateway takes without a restart"
            yield draft.mistake(loc, f"the certificate has ended on {ends}", hint, fatal=False)
        elif days < SOON_DAYS:
            message = f"the certificate ends on {ends}, in {days:.0f} days"
            hint = "put a new one in its place, which the gateway takes without a restart"
            yield draft.mistake(loc, message, hint, fatal=False)
        if not identity.names:
            hint = "peers look for the gateway's host name among its alternative names"
            yield draft.mistake(loc, "the certificate is for no host", hint, fatal=False)
        if Path(tls.key).stat().st_mode & (stat.S_IRWXO | stat.S_IWGRP):
            hint = "chmod o-rwx,g-w: whoever has the key can pass for the gateway"
            yield draft.mistake((*LOC, "key"), "others may read or write the key", hint, fatal=False)
    if tls.ca is not None:
        try:
            count = read_authorities(tls.ca).count(b"-----BEGIN CERTIFICATE")
        except BadCertificate as error:
            yield draft.mistake((*LOC, error.part), str(error), error.hint)
        else:
            if count > MANY_AUTHORITIES:
                hint = (
                    "they are read for each connection; give only those that your peers' certificates are of"
                )
                yield draft.mistake((*LOC, "ca"), f"there are {count} authorities in it", hint, fatal=False)


def _check_trust(draft: Draft, tls: SipTls) -> Iterator[Mistake]:
    """Whose certificates are believed."""
    if tls.verify_client and tls.ca is None:
        message = "is true, and no `ca` says by which authorities"
        yield draft.mistake((*LOC, "verify_client"), message, "give ca, a PEM file of theirs")
    for position, trunk in enumerate(draft.config.trunks):
        if not draft.is_sound("trunk", position):
            continue
        named = [number for number, source in enumerate(trunk.identify_by) if isinstance(source, str)]
        if named and tls.ca is None:
            message = (
                "found a name, which a certificate must prove, and [sip.tls] has no `ca` to verify it by"
            )
            yield draft.mistake(("trunk", position, "identify_by", named[0]), message, "give [sip.tls] ca")
        if trunk.transport == "tls" and not trunk.verify:
            message = "is false: whoever answers at its address is believed, and hears the calls"
            hint = "only for a trial; [sip.tls] ca may name an authority of your own"
            yield draft.mistake(("trunk", position, "verify"), message, hint, fatal=False)


def _check_port(draft: Draft, tls: SipTls) -> Iterator[Mistake]:
    if not tls.port or any(draft.is_broken(*key) for key in (("sip", "bind"), ("web", "bind"))):
        return
    config = draft.config
    taken: dict[str, Address] = {"[web] bind": config.web.bind}
    if "tcp" in config.sip.transports:
        taken["[sip] bind"] = config.sip.bind
    for key, (_, port) in taken.items():
        if port == tls.port:
            yield draft.mistake((*LOC, "port"), f"port {tls.port} is taken by {key} already")
