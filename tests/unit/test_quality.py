"""`gateway.calls.quality`: what is told of a leg's line."""

from __future__ import annotations

from dataclasses import replace

from gateway.calls.quality import rated
from gateway.core.events import StreamQuality
from gateway.core.model import Encoding, LegId, LegMedia

MEDIA = LegMedia(Encoding.PCMA, 8, 101, ("192.0.2.1", 4000))
CLEAN = StreamQuality(LegId("a"), 250, 0, 1.0, 20.0, 0.0, 1.0, None)


def test_a_clean_line() -> None:
    told = rated(CLEAN, MEDIA)
    assert told is not None
    assert told["from_phone"] == told["to_phone"] == {"mos": told["mos"], "loss": 0.0, "jitter_ms": 1.0}
    assert told["mos"] > 4.3
    assert (told["codec"], told["rtt_ms"]) == ("PCMA", 20.0)


def test_the_worse_direction_counts() -> None:
    told = rated(replace(CLEAN, lost=25), MEDIA)
    assert told is not None
    assert told["from_phone"]["loss"] == 0.1
    assert told["mos"] == told["from_phone"]["mos"] < told["to_phone"]["mos"] - 0.5
    other = rated(replace(CLEAN, far_loss=0.05, far_discarded=0.05), MEDIA)
    assert other is not None
    assert other["to_phone"]["loss"] == 0.1
    assert other["mos"] == other["to_phone"]["mos"]


def test_what_is_not_known_is_not_told() -> None:
    told = rated(replace(CLEAN, round_trip_ms=None, far_loss=None, far_jitter_ms=None), MEDIA)
    assert told is not None
    assert (told["to_phone"], told["rtt_ms"]) == (None, None)
    nothing = rated(replace(CLEAN, expected=0, far_loss=None), MEDIA)
    assert nothing is not None
    assert nothing["mos"] is nothing["from_phone"] is None


def test_more_repeated_than_lost_is_no_loss() -> None:
    told = rated(replace(CLEAN, lost=-3), MEDIA)
    assert told is not None
    assert told["from_phone"]["loss"] == 0


def test_a_long_way_costs() -> None:
    near, far = rated(CLEAN, MEDIA), rated(replace(CLEAN, round_trip_ms=800.0), MEDIA)
    assert near is not None
    assert far is not None
    assert far["mos"] < near["mos"] - 0.5
