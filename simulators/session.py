"""Offers and answers of one call as they follow on each other (RFC 3264 §8, RFC 3261 §13.2.1, §14). No
I/O.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from . import sdes, sdp
from .errors import IllegalMove, MalformedSdp
from .sdp import Agreed, Description, Direction

CustomSdp = str | Callable[[str, int], str]
"A session description given by a test: its text, or a function that makes it from our RTP host and port."


class Session:
    """One end of the offer/answer exchange.

    `wanted` is the direction this end would have; change it before making an offer. A failed exchange leaves
    what was agreed before in force (§14.1): call `withdraw`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        codecs: tuple[str, ...],
        ptime_ms: int,
        srtp: str = "off",
        rtcp_mux: bool = False,
    ) -> None:
        """srtp: "off", "optional" or "required"."""
        self._own = sdp.own_offer(host, port, codecs, ptime_ms, random.getrandbits(31))
        self._own = replace(self._own, rtcp_mux=rtcp_mux)
        self._srtp = srtp
        self.renew_keys()
        self.wanted = Direction.SENDRECV
        self.local: Description | None = None
        self.remote: Description | None = None
        self.agreed: Agreed | None = None
        self._offered: Description | None = None

    def renew_keys(self) -> None:
        """The next offer or answer is under other keys, where the media is secured at all."""
        if self._srtp != "off":
            profile = sdp.SECURE if self._srtp == "required" else "RTP/AVP"
            self._own = replace(self._own, profile=profile, cryptos=sdes.fresh_lines())

    def offer(self, custom: CustomSdp | None = None) -> str:
        """The text of a new offer of ours; its answer goes to `take_answer`."""
        text = self._customised(custom)
        self._offered = (
            self._readable(text)
            if text is not None
            else self._next(replace(self._own, direction=self.wanted))
        )
        return text if text is not None else str(self._offered)

    @property
    def offering(self) -> bool:
        """Whether an offer of ours waits for its answer."""
        return self._offered is not None

    def withdraw(self) -> None:
        """The offer failed: what was agreed before goes on."""
        self._offered = None

    def take_answer(self, text: bytes | str) -> Agreed:
        """Go by the answer to our offer. Raises `MalformedSdp`, or `IllegalMove` where there was no offer."""
        if self._offered is None:
            raise IllegalMove("an answer came without an offer of ours")
        remote = sdp.parse(text)
        agreed = sdp.agree(self._offered, remote)
        self.local, self.remote, self.agreed = self._offered, remote, agreed
        self._offered = None
        return agreed

    def peek_answer(self, text: bytes | str) -> Agreed:
        """Like `take_answer`, for early media: the offer stays open for the final answer."""
        offered = self._offered
        agreed = self.take_answer(text)
        self._offered = offered
        return agreed

    def answer(self, offer: bytes | str, custom: CustomSdp | None = None) -> tuple[str, Agreed]:
        """Our answer to an offer, as text, and what it comes to. Raises `MalformedSdp`."""
        remote = sdp.parse(offer)
        text = self._customised(custom)
        local = sdp.answer(remote, replace(self._own, direction=self.wanted))
        local = self._readable(text) if text is not None else self._next(local)
        agreed = sdp.agree(local, remote)
        self.local, self.remote, self.agreed = local, remote, agreed
        return (text if text is not None else str(local)), agreed

    def _customised(self, custom: CustomSdp | None) -> str | None:
        return custom(self._own.host, self._own.port) if callable(custom) else custom

    def _readable(self, text: str) -> Description:
        """A test's own description as we understand it; our own where it is meant to make no sense."""
        try:
            return sdp.parse(text)
        except MalformedSdp:
            return self._own

    def _next(self, description: Description) -> Description:
        """The same session at a higher version, if it says anything new (§8)."""
        before = self.local
        if before is None:
            return description
        same = replace(description, version=before.version)
        return same if same == before else replace(description, version=before.version + 1)
