"""Whether a leg's media is secured, and under which keys (RFC 4568 with the offer/answer of RFC 3264).

Each leg decides for itself: SRTP to one side and RTP to the other is a call like any other. The decisions:

| the peer says            | off         | optional              | required              |
|--------------------------|-------------|-----------------------|-----------------------|
| RTP/AVP                  | RTP         | RTP                   | refused               |
| RTP/AVP with `a=crypto`  | RTP         | SRTP, else RTP        | SRTP, else refused    |
| RTP/SAVP                 | refused     | SRTP, else refused    | SRTP, else refused    |
| any other profile        | refused     | refused               | refused               |

RTP/AVP with `a=crypto` is how phones offer SRTP without insisting on it, and how `optional` offers it to
them. RTP/SAVPF and DTLS-SRTP (UDP/TLS/…) are refused: the gateway sends no such feedback and has no
certificate for media.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.core.crypto import Crypto, Suite, choose, make, usable
from gateway.core.errors import NotAcceptable

PLAIN, SECURE = "RTP/AVP", "RTP/SAVP"
SUITES = tuple(Suite)
Random = Callable[[int], bytes]
new_key: Random = secrets.token_bytes


class Security(StrEnum):
    """A trunk's policy for media."""

    OFF = "off"
    OPTIONAL = "optional"
    """SRTP with whoever speaks it, RTP with others."""
    REQUIRED = "required"
    """SRTP, or no call."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What the media engine needs to secure one leg."""

    suite: Suite
    local: bytes = field(repr=False)
    """Master key and salt under which we send."""
    remote: bytes = field(repr=False)
    """Under which the far side sends."""
    mki: bytes = field(default=b"", repr=False)
    """On every packet of the far side's; empty: none."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What our offer says of security; keep it until the answer has come."""

    profile: str
    cryptos: tuple[Crypto, ...]

    @property
    def lines(self) -> list[str]:
        """Values of its `a=crypto` attributes."""
        return [crypto.text() for crypto in self.cryptos]


@dataclass(frozen=True, slots=True)
class Answer:
    """What our answer says of security, and the keys that are agreed with it."""

    profile: str
    crypto: Crypto | None
    keys: Keys | None
    """None: the leg's media is plain."""

    @property
    def lines(self) -> list[str]:
        """Values of its `a=crypto` attribute: one or none."""
        return [] if self.crypto is None else [self.crypto.text()]


def offer(
    policy: Security,
    suites: Sequence[Suite] = SUITES,
    *,
    before: Keys | None = None,
    random: Random = new_key,
) -> Offer:
    """Our offer. Then `read_answer`.

    before: the keys in force, in a re-offer. Ours is offered again, first: an answer that takes it changes
    nothing that we send.
    """
    if policy is Security.OFF:
        return Offer(PLAIN, ())
    ordered = list(suites)
    if before is not None:
        ordered = [before.suite, *(suite for suite in suites if suite is not before.suite)]
    cryptos = tuple(
        Crypto(tag, suite, before.local)
        if before is not None and suite is before.suite
        else make(tag, suite, random=random)
        for tag, suite in enumerate(ordered, start=1)
    )
    return Offer(SECURE if policy is Security.REQUIRED else PLAIN, cryptos)


def answer(
    profile: str,
    lines: Sequence[str],
    policy: Security,
    suites: Sequence[Suite] = SUITES,
    *,
    before: Keys | None = None,
    random: Random = new_key,
) -> Answer:
    """Our answer to audio offered in `profile` with these values of `a=crypto`. Raises `NotAcceptable`.

    before: the keys in force, when this is a re-offer. Where the far side keeps its key we keep ours: the
    streams go on. Where it changes its key we change ours.
    """
    _check_profile(profile, policy)
    offered, reasons = usable(lines)
    chosen = None
    if policy is not Security.OFF:
        chosen = _unchanged(offered, suites, before) or choose(offered, suites)
    if chosen is None:
        if profile == SECURE or policy is Security.REQUIRED:
            raise NotAcceptable(_why_not(offered, reasons))
        return Answer(profile, None, None)
    ours = make(chosen.tag, chosen.suite, name=chosen.name, random=random)
    if before is not None and before == Keys(chosen.suite, before.local, chosen.key, chosen.mki):
        ours = Crypto(chosen.tag, chosen.suite, before.local, name=chosen.name)
    return Answer(profile, ours, Keys(chosen.suite, ours.key, chosen.key, chosen.mki))


def given(profile: str, ours: Sequence[str], offered: Sequence[str]) -> Answer:
    """What an answer that has been given agrees on; `ours`, `offered`: the values of `a=crypto` in both.
    Raises `NotAcceptable` where it is none to that offer.
    """
    said, _ = usable(ours)
    if not said:
        return Answer(profile, None, None)
    for crypto in usable(offered)[0]:
        if (crypto.tag, crypto.suite) == (said[0].tag, said[0].suite):
            return Answer(profile, said[0], Keys(crypto.suite, said[0].key, crypto.key, crypto.mki))
    raise NotAcceptable("the answer given takes none of the keys offered")


def read_answer(made: Offer, profile: str, lines: Sequence[str], policy: Security) -> Keys | None:
    """The keys that the answer to our offer agrees on; None: plain media. Raises `NotAcceptable`.

    An answer names one of our lines by its tag and suite (RFC 4568 §7.1.3). Where it does, it is
    taken even in the other of the two profiles, in which some phones answer.
    """
    _check_profile(profile, policy)
    taken, reasons = usable(lines)
    for crypto in taken:
        for ours in made.cryptos:
            if (ours.tag, ours.suite) == (crypto.tag, crypto.suite):
                return Keys(ours.suite, ours.key, crypto.key, crypto.mki)
    if policy is Security.REQUIRED or profile == SECURE or (made.cryptos and lines):
        raise NotAcceptable(_why_not(taken, reasons))
    return None


def _unchanged(offered: Sequence[Crypto], suites: Sequence[Suite], before: Keys | None) -> Crypto | None:
    """The line that is in force already, though another would be preferred now."""
    if before is None or before.suite not in suites:
        return None
    return next(
        (crypto for crypto in offered if (crypto.suite, crypto.key) == (before.suite, before.remote)), None
    )


def _check_profile(profile: str, policy: Security) -> None:
    if profile not in (PLAIN, SECURE):
        raise NotAcceptable(f"audio over {profile[:40]}; accepted: {PLAIN}, {SECURE}")
    if profile == SECURE and policy is Security.OFF:
        raise NotAcceptable("secure media is switched off for this trunk")


def _why_not(usable_lines: Sequence[Crypto], reasons: Sequence[str]) -> str:
    if usable_lines:
        names = ", ".join(dict.fromkeys(crypto.suite.value for crypto in usable_lines))
        return f"secure media with none of the crypto suites wanted: {names}"
    if reasons:
        return f"secure media without a key that can be used: {reasons[0]}"
    return "secure media is required and no a=crypto line says a key"
