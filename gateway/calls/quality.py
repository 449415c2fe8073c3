"""How each party's line sounds: the E-model's scores of what the network did, by leg and direction."""

from __future__ import annotations

from typing import Any

from gateway.core import emodel
from gateway.core.events import StreamQuality
from gateway.core.model import Encoding, LegMedia

_NAMES = {Encoding.L16: "L16/16000"}
"""As the E-model's table has them, where that is another."""


def rated(event: StreamQuality, media: LegMedia) -> dict[str, Any] | None:
    """What is told of a leg, ready for JSON; None for a codec that the E-model does not know.

    `from_phone`: what the leg's phone sends; `to_phone`: what it is sent, None where it sends no reports.
    """
    codec = _NAMES.get(media.encoding, media.encoding.value)
    if codec not in emodel.CODECS:
        return None
    from_phone = to_phone = None
    if event.expected > 0:
        loss = min(1.0, max(0.0, event.lost / event.expected))
        from_phone = _direction(codec, loss, event.jitter_ms, event.round_trip_ms, media.ptime_ms)
    if event.far_loss is not None:
        loss = min(1.0, event.far_loss + (event.far_discarded or 0.0))
        to_phone = _direction(codec, loss, event.far_jitter_ms or 0.0, event.round_trip_ms, media.ptime_ms)
    scores = [each["mos"] for each in (from_phone, to_phone) if each]
    return {
        "codec": codec,
        "mos": min(scores) if scores else None,
        "rtt_ms": None if event.round_trip_ms is None else round(event.round_trip_ms, 1),
        "from_phone": from_phone,
        "to_phone": to_phone,
    }


def _direction(
    codec: str, loss: float, jitter_ms: float, round_trip_ms: float | None, ptime_ms: int
) -> dict[str, float]:
    delay_ms = emodel.mouth_to_ear_ms(
        codec, round_trip_ms=round_trip_ms, jitter_ms=jitter_ms, ptime_ms=ptime_ms
    )
    rating = emodel.rate(codec, loss=loss, delay_ms=delay_ms)
    return {"mos": round(rating.mos_cq, 2), "loss": round(loss, 4), "jitter_ms": round(jitter_ms, 1)}
