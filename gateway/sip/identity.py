"""Our certificate and key as PJSIP reads them: in memory, under names that stay.

PJSIP reads its files anew for each connection. Given ours, it would meet a certificate that is there already
with a key that is not yet; so what it reads changes only as a whole, and only to what was found good. SIP
thread only.
"""

from __future__ import annotations

import contextlib
import logging
import os
from datetime import UTC, datetime

from gateway.config.certificates import SOON_DAYS, BadCertificate, Identity, read_authorities, read_identity
from gateway.sip.errors import SipStartError
from gateway.sip.settings import SipTls

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
"""So often the files are looked at [s]."""
REMIND_EVERY_S = 86_400.0
"""So often it is said that the certificate ends soon [s]."""

State = tuple[tuple[int, int, int], ...]


class OwnIdentity:
    """`settings` names the files."""

    def __init__(self, settings: SipTls) -> None:
        self._settings = settings
        self._held: dict[str, int] = {}
        self._identity: Identity | None = None
        self._state: State = ()
        self._look_at_s = 0.0
        self._remind_at_s = 0.0

    @property
    def ends_at(self) -> datetime | None:
        return self._identity.ends_at if self._identity else None

    def path(self, part: str) -> str:
        """Where PJSIP reads `certificate`, `key` or `ca`; empty: there is none."""
        return f"/proc/self/fd/{self._held[part]}" if part in self._held else ""

    def open(self, now_s: float) -> None:
        """Raises `SipStartError`."""
        try:
            self._take(self._files())
        except BadCertificate as error:
            raise SipStartError(f"[sip.tls] {error.part}: {error}") from None
        self._look_at_s = now_s + LOOK_EVERY_S
        self._remind_at_s = now_s
        self._remind(now_s)

    def close(self) -> None:
        for descriptor in self._held.values():
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._held.clear()

    def look(self, now_s: float) -> None:
        """Take new files, where there are any and they are good: from then on for every new connection."""
        if now_s < self._look_at_s:
            return
        self._look_at_s = now_s + LOOK_EVERY_S
        self._remind(now_s)
        state = self._files()
        if state == self._state:
            return
        try:
            self._take(state)
        except BadCertificate as error:
            self._state = state  # said once, until they change again
            log.error("the new TLS %s is not taken, the old one stays: %s", error.part, error)
            return
        assert self._identity is not None
        log.info("TLS certificate renewed: for %s, until %s", *_described(self._identity))
        self._remind_at_s = now_s
        self._remind(now_s)

    def _files(self) -> State:
        """What tells that a file is another one."""
        settings = self._settings
        found = []
        for path in filter(None, (settings.certificate, settings.key, settings.ca)):
            try:
                stat = os.stat(path)
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
        return tuple(found)

    def _take(self, state: State) -> None:
        """Read all, then have PJSIP read them. Raises `BadCertificate`, with nothing changed."""
        settings = self._settings
        identity = read_identity(settings.certificate, settings.key)
        authorities = read_authorities(settings.ca) if settings.ca else None
        self._hold("certificate", identity.certificate)
        self._hold("key", identity.key)
        if authorities is not None:
            self._hold("ca", authorities)
        self._identity, self._state = identity, state

    def _hold(self, part: str, data: bytes) -> None:
        fresh = os.memfd_create(f"sip-{part}", os.MFD_CLOEXEC)
        with os.fdopen(fresh, "wb", closefd=False) as file:
            file.write(data)
        if part in self._held:  # the name that PJSIP knows now leads to the new content
            os.dup2(fresh, self._held[part], inheritable=False)
            os.close(fresh)
        else:
            self._held[part] = fresh

    def _remind(self, now_s: float) -> None:
        if self._identity is None or now_s < self._remind_at_s:
            return
        self._remind_at_s = now_s + REMIND_EVERY_S
        days = self._identity.days_left(datetime.now(UTC))
        if days < 0:
            log.error("the TLS certificate for %s has ended on %s", *_described(self._identity))
        elif days < SOON_DAYS:
            log.warning("the TLS certificate for %s ends on %s", *_described(self._identity))


def _described(identity: Identity) -> tuple[str, str]:
    return ", ".join(identity.names) or "nobody", f"{identity.ends_at:%Y-%m-%d %H:%M} UTC"
