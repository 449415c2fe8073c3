"""Our session as it stands, said again by the signalling adapter: an UPDATE (RFC 3311 §5.2) has to be
answered at once, before the call logic has heard of it. What may change in it without asking anybody are its
keys.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.core import codecs, mediasecurity, sdp
from gateway.core.crypto import Crypto, usable
from gateway.core.errors import NotAcceptable
from gateway.core.mediasecurity import Keys, Random, Security
from gateway.core.model import Encoding


def answer_update(
    ours: str, theirs: str | None, offer: str, *, random: Random = mediasecurity.new_key
) -> str:
    """`ours` as the answer to a new `offer`: with the one codec that is in use; in its profile and under its
    tag; with another key of ours where theirs is another (see `mediasecurity.answer`).

    theirs: what they said before; None: unknown, so that their key counts as another. Whether the stream is
    secured stays as it is. Raises `SdpError`, or `NotAcceptable` for an offer that would change that.
    """
    standing = sdp.parse(ours)
    index, stream = _stream(standing)
    offered = sdp.parse(offer)
    if index >= len(offered.media):
        raise NotAcceptable("the offer has fewer streams than the session")
    wanted = offered.media[index]
    agreed, _ = usable(stream.values("crypto"))
    answer = mediasecurity.answer(
        wanted.protocol,
        wanted.values("crypto"),
        Security.REQUIRED if agreed else Security.OFF,
        before=_keys(agreed[0], _same_stream(theirs, index)) if agreed else None,
        random=random,
    )
    stream = _narrowed(stream, _same_stream(theirs, index))
    others = [(name, value) for name, value in stream.attributes if name != "crypto"]
    attributes = (*others, *(("crypto", line) for line in answer.lines))
    media = list(standing.media)
    media[index] = replace(stream, protocol=wanted.protocol, attributes=attributes)
    return str(replace(standing, media=tuple(media)))


def _stream(session: sdp.Session) -> tuple[int, sdp.Media]:
    """The stream that is not refused."""
    for index, media in enumerate(session.media):
        if media.port:
            return index, media
    raise NotAcceptable("the session has no stream")


def _same_stream(theirs: str | None, index: int) -> sdp.Media | None:
    media = sdp.parse(theirs).media if theirs else ()
    return media[index] if index < len(media) else None


def _narrowed(ours: sdp.Media, theirs: sdp.Media | None) -> sdp.Media:
    """Our offer with the one codec that their answer has chosen, so that it can be said as an answer."""
    offered = codecs.usable(ours, Encoding).codecs
    answered = codecs.usable(theirs, Encoding).codecs if theirs else ()
    chosen = next((codec for one in answered for codec in offered if codec.encoding is one.encoding), None)
    dropped = {str(codec.payload_type) for codec in offered if chosen is not None and codec is not chosen}

    def kept(attribute: tuple[str, str | None]) -> bool:
        name, value = attribute
        return name not in ("rtpmap", "fmtp") or (value or "").split(" ")[0] not in dropped

    return replace(
        ours,
        formats=tuple(number for number in ours.formats if number not in dropped),
        attributes=tuple(filter(kept, ours.attributes)),
    )


def _keys(ours: Crypto, theirs: sdp.Media | None) -> Keys | None:
    """What is in force under the line that both sides said; None where it cannot be known."""
    for crypto in usable(theirs.values("crypto") if theirs else ())[0]:
        if (crypto.tag, crypto.suite) == (ours.tag, ours.suite):
            return Keys(ours.suite, ours.key, crypto.key, crypto.mki)
    return None
