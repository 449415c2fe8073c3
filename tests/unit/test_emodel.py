"""The E-model against what the Recommendations print, and what must hold whatever is put in."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import emodel
from gateway.core.emodel import CODECS, Scale, burst_ratio, loss_impairment, mos, mouth_to_ear_ms, rate

# ── printed values ──────────────────────────────────────────────────────────────────────────────────────────


def test_default_rating() -> None:
    """G.107 §7.7: with every parameter at its default R is 93.2."""
    rating = rate("PCMA")
    assert round(rating.r, 1) == 93.2
    assert round(rating.mos_cq, 2) == round(rating.mos_lq, 2) == 4.41
    assert rating.scale is Scale.NARROWBAND


def test_parts_of_the_default_rating() -> None:
    assert round(emodel.RO, 2) == 94.77
    assert round(emodel.IS, 2) == 1.41


@pytest.mark.parametrize(("r", "score"), [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)])
def test_scores_of_the_quality_categories(r: float, score: float) -> None:
    """G.107 Table B.1: the lower limits of `very satisfied` to `nearly all users dissatisfied`."""
    assert mos(r) == pytest.approx(score, abs=0.007)


def test_ends_of_both_scales() -> None:
    assert mos(0) == mos(-20) == mos(0, Scale.WIDEBAND) == 1
    assert mos(100) == mos(120) == 4.5
    assert mos(129, Scale.WIDEBAND) == pytest.approx(4.5)
    assert mos(128, Scale.WIDEBAND) < 4.5


@pytest.mark.parametrize(
    ("percent", "ie"), [(0, 0), (1, 5), (2, 7), (3, 10), (5, 15), (7, 20), (10, 25), (15, 35), (20, 45)]
)
def test_g711_with_concealment_under_random_loss(percent: float, ie: float) -> None:
    """G.113 (2001) Table I.2, listening tests rounded to 5; the formula with Bpl 25.1 was fitted to such."""
    assert loss_impairment(CODECS["PCMA"], percent / 100) == pytest.approx(ie, abs=3)


@pytest.mark.parametrize(
    ("concealed", "percent", "ie_eff"),
    [
        (True, 1, 3.64),
        (True, 5, 15.78),
        (True, 25.1, 47.5),
        (False, 1, 17.92),
        (False, 4.3, 47.5),
        (False, 10, 66.43),
    ],
)
def test_effective_impairment_of_g711(concealed: bool, percent: float, ie_eff: float) -> None:
    """Equation 7-29 by hand: 95 · Ppl / (Ppl + Bpl)."""
    assert loss_impairment(CODECS["PCMU"], percent / 100, concealed=concealed) == pytest.approx(
        ie_eff, abs=0.01
    )


def test_bursts_are_heard_more() -> None:
    """Equation 7-29 by hand: 95 · 5 / (5 / 2 + 25.1)."""
    assert loss_impairment(CODECS["PCMA"], 0.05, burst_ratio=2) == pytest.approx(17.21, abs=0.01)


@pytest.mark.parametrize("delay_ms", [20, 50, 100, 150, 177, 200, 250, 300])
def test_delay_follows_the_known_straight_lines(delay_ms: float) -> None:
    """Cole and Rosenbluth (2001) drew 0.024 d + 0.11 (d − 177.3) through the Recommendation's curve."""
    lines = 0.024 * delay_ms + 0.11 * max(0, delay_ms - 177.3)
    assert 93.2 - rate("PCMA", delay_ms=delay_ms).r == pytest.approx(lines, abs=1.1)


def test_delay_of_a_space_link() -> None:
    """Equation 7-27 by hand at 200 ms, X = 1: 25 · (2^(1/6) − 3 · (1 + 3^-6)^(1/6) + 2)."""
    late = 25 * (2 ** (1 / 6) - 3 * (1 + 3**-6) ** (1 / 6) + 2)
    echoes = 3.59 + 0.73  # Idte and Idle at T = 200, Tr = 400
    assert emodel.delay_impairment(Scale.NARROWBAND, 200) == pytest.approx(late + echoes, abs=0.3)


def test_wideband_reference_is_129() -> None:
    """G.107.1 §7.2; 0.2 of it go to listener echo, which never is nothing."""
    assert round(rate("L16/16000").r, 1) == 128.8
    assert round(rate("L16/16000").mos_cq, 1) == 4.5


def test_g722() -> None:
    """Ie,wb 13: R 116, on the scale to 100 it is 89.9."""
    rating = rate("G722")
    assert rating.scale is Scale.WIDEBAND
    assert round(rating.r) == 116
    assert round(rating.mos_lq, 2) == 4.33


def test_wideband_delay_counts_129_hundredths() -> None:
    """G.107.1 equation 7-13, beyond what echo adds."""
    narrow = emodel._lateness(False, 300)
    assert emodel._lateness(True, 300) == pytest.approx(1.29 * narrow)


# ── what is asked and answered ──────────────────────────────────────────────────────────────────────────────


def test_delay_is_not_heard() -> None:
    rating = rate("PCMA", loss=0.02, delay_ms=400)
    assert rating.mos_lq == rate("PCMA", loss=0.02).mos_lq
    assert rating.mos_cq < 3.1 < rating.mos_lq


def test_unknown_codec() -> None:
    with pytest.raises(KeyError, match="G729"):
        rate("G729")
    with pytest.raises(KeyError, match="G729"):
        mouth_to_ear_ms("G729", round_trip_ms=1)


def test_delay_from_mouth_to_ear() -> None:
    assert mouth_to_ear_ms("PCMA", round_trip_ms=80) == 40 + 20 + 20
    assert mouth_to_ear_ms("PCMA", round_trip_ms=80, jitter_ms=30, ptime_ms=30) == 40 + 30 + 60
    assert mouth_to_ear_ms("opus", round_trip_ms=0) == 46.5
    assert mouth_to_ear_ms("G722", round_trip_ms=None) == 41.5


def test_burst_ratio() -> None:
    assert burst_ratio(0, 0, 1000) == 1
    assert burst_ratio(1000, 1, 1000) == 1  # nothing came: no bursts to tell
    assert burst_ratio(100, 90, 1000) == pytest.approx(1)  # chance: runs of 1 / (1 − 0.1)
    assert burst_ratio(100, 25, 1000) == pytest.approx(3.6)
    assert burst_ratio(100, 100, 1000) == 1  # never two in a row
    assert burst_ratio(-3, 0, 1000) == 1


# ── what must hold ──────────────────────────────────────────────────────────────────────────────────────────

CODEC = st.sampled_from(sorted(CODECS))
LOSS = st.floats(-0.1, 1.1)
DELAY = st.floats(-10, 5000)
BURST = st.floats(0.5, 20)
CONCEALED = st.booleans()


@given(CODEC, LOSS, DELAY, BURST, CONCEALED)
def test_scores_stay_on_the_scale(
    codec: str, loss: float, delay_ms: float, burst: float, concealed: bool
) -> None:
    rating = rate(codec, loss=loss, delay_ms=delay_ms, burst_ratio=burst, concealed=concealed)
    assert 1 <= rating.mos_cq <= rating.mos_lq <= 4.5
    assert 0 <= rating.r <= 129
    assert math.isfinite(rating.r)


@given(CODEC, LOSS, LOSS, DELAY, BURST, CONCEALED)
def test_more_loss_never_helps(
    codec: str, one: float, other: float, delay_ms: float, burst: float, concealed: bool
) -> None:
    less, more = sorted((one, other))
    better = rate(codec, loss=less, delay_ms=delay_ms, burst_ratio=burst, concealed=concealed)
    worse = rate(codec, loss=more, delay_ms=delay_ms, burst_ratio=burst, concealed=concealed)
    assert worse.r <= better.r
    assert worse.mos_cq <= better.mos_cq
    assert worse.mos_lq <= better.mos_lq


@given(CODEC, LOSS, DELAY, DELAY)
def test_more_delay_never_helps(codec: str, loss: float, one: float, other: float) -> None:
    less, more = sorted((one, other))
    better, worse = rate(codec, loss=loss, delay_ms=less), rate(codec, loss=loss, delay_ms=more)
    assert worse.r <= better.r + 1e-9
    assert worse.mos_cq <= better.mos_cq + 1e-9
    assert worse.mos_lq == better.mos_lq


@given(CODEC, LOSS, BURST, BURST)
def test_burstier_loss_never_helps(codec: str, loss: float, one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert rate(codec, loss=loss, burst_ratio=more).mos_lq <= rate(codec, loss=loss, burst_ratio=less).mos_lq


@given(CODEC, LOSS)
def test_concealing_never_harms(codec: str, loss: float) -> None:
    assert rate(codec, loss=loss, concealed=False).mos_lq <= rate(codec, loss=loss).mos_lq


@given(st.floats(-50, 150), st.floats(-50, 150), st.sampled_from(Scale))
def test_a_better_rating_never_scores_lower(one: float, other: float, scale: Scale) -> None:
    less, more = sorted((one, other))
    assert mos(less, scale) <= mos(more, scale) + 1e-12


@given(st.integers(-10, 1000), st.integers(0, 1000), st.integers(0, 1000))
def test_burst_ratio_is_one_at_least(lost: int, runs: int, expected: int) -> None:
    assert burst_ratio(lost, runs, expected) >= 1
