"""How a conversation sounds, from what the network did to it: the E-model (ITU-T G.107, wideband G.107.1).

`rate` gives the rating R and two mean opinion scores: MOS-LQ, what a listener hears (codec and loss), and
MOS-CQ, what two people who talk experience (delay as well). Everything about rooms, telephones and lines that
RTP cannot show stands at the Recommendations' default values; so this is a planning model's estimate of the
network's share, not a measurement of ears.

Scores of the two scales do not compare: 4.4 narrowband is the best that a telephone can do, 4.4 wideband is
much better than that. Never average over both, never hold both against one threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import exp, log2, log10, pow, sqrt


class Scale(StrEnum):
    """Which Recommendation rates: by the band that the codec carries."""

    NARROWBAND = "narrowband"
    WIDEBAND = "wideband"


@dataclass(frozen=True, slots=True)
class Codec:
    """What a codec costs. Its values are of its own scale."""

    scale: Scale
    ie: float
    """Equipment impairment factor without loss [R]."""
    bpl: float
    """Packet-loss robustness factor: the share of loss [%], concealed, that costs half of what loss can."""
    lookahead_ms: float = 0
    """Of the encoder, beyond the packet itself."""
    bpl_bare: float | None = None
    """The same where they are not; None: the decoder always conceals."""


CODECS = {
    # G.113 Table I.3: without concealment 4.3, with G.711 Appendix I 25.1.
    "PCMA": Codec(Scale.NARROWBAND, 0, 25.1, bpl_bare=4.3),
    "PCMU": Codec(Scale.NARROWBAND, 0, 25.1, bpl_bare=4.3),
    # Linear samples lose what G.711 loses. In wideband they are the scale's reference; their Bpl: see G.722.
    "L16/8000": Codec(Scale.NARROWBAND, 0, 25.1, bpl_bare=4.3),
    "L16/16000": Codec(Scale.WIDEBAND, 0, 4.6),
    # Ie,wb at 64 kbit/s from G.113 Appendix IV. No Bpl,wb is published for it: in its place the middle of
    # those of G.722.2 (4.3 to 4.9).
    "G722": Codec(Scale.WIDEBAND, 13, 4.6, lookahead_ms=1.5),
    # Not in G.113. Measured by Alahmadi, Pocta and Melvin (ACM TOMM 17/4, 2021) at 25 kbit/s on the fullband
    # scale: Ie 20.2, Bpl 11.3; brought to this scale by G.113's difference of 19 between the two. In-band FEC
    # would do better than this.
    "opus": Codec(Scale.WIDEBAND, 1.2, 11.3, lookahead_ms=6.5),
}
"""By RTP encoding name; L16 with its clock rate."""


@dataclass(frozen=True, slots=True)
class Rating:
    scale: Scale
    r: float
    """Transmission rating with delay, 0 to 93.2 narrowband, 0 to 129 wideband."""
    mos_lq: float
    """Listening quality, 1 to 4.5: delay left out."""
    mos_cq: float
    """Conversational quality, 1 to 4.5."""


# ── default values (G.107 Table 3, G.107.1 Table 1) ─────────────────────────────────────────────────────────

SLR, RLR, OLR = 8.0, 2.0, 10.0
"""Loudness ratings: send, receive, both [dB]."""
STMR, LSTR, DS = 15.0, 18.0, 3.0
"""Sidetone masking rating, listener sidetone rating, D-value of the telephone at the send side [dB]."""
TELR, WEPL = 65.0, 110.0
"""Talker echo loudness rating and weighted echo path loss [dB]: echo is well controlled."""
PS, PR = 35.0, 35.0
"""Room noise at both sides [dB(A)]."""
NC, NFOR, NFOR_WIDEBAND = -70.0, -64.0, -96.0
"""Circuit noise and noise floor at the receive side [dBm0p]."""
QDU = 1.0
"""Quantizing distortion units: one G.711."""
DELAY_NOTICED_MS = 100.0
"""mT: the delay that nobody notices (delay sensitivity class `default`, sT = 1)."""


def _noise(floor: float) -> float:
    """No [dBm0]: all noise as one at the 0 dBr point (G.107 equations 7-3 to 7-7)."""
    at_sender = PS - SLR - DS - 100 + 0.004 * (PS - OLR - DS - 14) ** 2
    effective = PR + 10 * log10(1 + 10 ** ((10 - LSTR) / 10))
    at_receiver = RLR - 121 + effective + 0.008 * (effective - 35) ** 2
    return 10 * log10(sum(10 ** (each / 10) for each in (NC, at_sender, at_receiver, floor + RLR)))


def _simultaneous(noise: float, ro: float) -> float:
    """Is [R]: what is wrong while the voice is: loudness, sidetone, quantizing (7-8 to 7-17).

    Sidetone depends on echo, too, but here by less than 0.001.
    """
    louder = OLR + 0.2 * (64 + noise - RLR)
    loudness: float = 20 * ((1 + (louder / 8) ** 8) ** (1 / 8) - louder / 8)
    own = -10 * log10(10 ** (-STMR / 10) + 10 ** (-TELR / 10))
    sidetone: float = 12 * (1 + ((own - 13) / 6) ** 8) ** (1 / 8) - 28 * (1 + ((own + 1) / 19.4) ** 35) ** (
        1 / 35
    )
    sidetone += -13 * (1 + ((own - 3) / 33) ** 13) ** (1 / 13) + 29
    q = 37 - 15 * log10(QDU)
    g = 1.07 + 0.258 * q + 0.0602 * q**2
    quantizing: float = 15 * log10(1 + 10 ** ((ro - 100) / 15 + 46 / 8.4 - g / 9) + 10 ** (46 / 30 - g / 40))
    return loudness + sidetone + quantizing


NOISE = _noise(NFOR)
RO = 15 - 1.5 * (SLR + NOISE)
"""Signal to noise, narrowband (7-2): 94.77."""
IS = _simultaneous(NOISE, RO)
"""1.41."""
NOISE_WIDEBAND = _noise(NFOR_WIDEBAND)
RO_WIDEBAND = 129.0
"""G.107.1 equation 7-2; its Is,wb is 0."""


# ── impairments ─────────────────────────────────────────────────────────────────────────────────────────────


def loss_impairment(codec: Codec, loss: float, *, burst_ratio: float = 1, concealed: bool = True) -> float:
    """Ie-eff [R] (G.107 equation 7-29; G.107.1 7-15 with the burst ratio of the former).

    loss: share of packets that were not played, 0 to 1; those that came too late count. burst_ratio: 1 to 8.
    """
    percent = 100 * min(max(loss, 0.0), 1.0)
    bpl = codec.bpl if concealed or codec.bpl_bare is None else codec.bpl_bare
    return codec.ie + (95 - codec.ie) * percent / (percent / min(max(burst_ratio, 1.0), 8.0) + bpl)


def delay_impairment(scale: Scale, delay_ms: float) -> float:
    """Id [R] of a one-way delay from mouth to ear: the own voice's echo, the other's echo, and being late.

    G.107 equations 7-18 to 7-28, G.107.1 7-4 to 7-13. The echoes' paths follow from it, as where both ends
    are four-wire: T = Ta, Tr = 2 Ta. G.107.1 leaves No,wb open: G.107's sum with the wideband noise floor.
    """
    delay_ms = max(delay_ms, 0.0)
    wide = scale is Scale.WIDEBAND
    return _talker_echo(wide, delay_ms) + _listener_echo(wide, delay_ms) + _lateness(wide, delay_ms)


def _talker_echo(wideband: bool, delay_ms: float) -> float:
    """Idte; never less than 0, which the equation is by up to 0.2 where echo cannot be told from sidetone."""
    if delay_ms < 1:
        return 0.0
    terv = TELR - 40 * log10((1 + delay_ms / 10) / (1 + delay_ms / 150)) + 6 * exp(-0.3 * delay_ms**2)
    if wideband:
        terv += min(0.08 * delay_ms + 10, 18)
    re = 80 + (3 if wideband else 2.5) * (terv - 14)
    half = (-1.5 * ((NOISE_WIDEBAND if wideband else NOISE) - RLR) - re) / 2
    return max(0.0, (half + sqrt(half**2 + 100) - 1) * (1 - exp(-delay_ms)))


def _listener_echo(wideband: bool, delay_ms: float) -> float:
    """Idle."""
    rle: float = 10.5 * (WEPL + 7) * (2 * delay_ms + 1) ** -0.25
    half = ((RO_WIDEBAND if wideband else RO) - rle) / 2
    return half + sqrt(half**2 + 169)


def _lateness(wideband: bool, delay_ms: float) -> float:
    """Idd: people talk into each other."""
    if delay_ms <= DELAY_NOTICED_MS:
        return 0.0
    x = log2(delay_ms / DELAY_NOTICED_MS)
    return 25 * (1.29 if wideband else 1) * (pow(1 + x**6, 1 / 6) - 3 * pow(1 + (x / 3) ** 6, 1 / 6) + 2)


# ── rating ──────────────────────────────────────────────────────────────────────────────────────────────────


def mos(r: float, scale: Scale = Scale.NARROWBAND) -> float:
    """Mean opinion score, 1 to 4.5, of a rating (G.107 Annex B, G.107.1 Annex A).

    Below R = 6.5 the curve dips under 1: that is 1, too.
    """
    if scale is Scale.WIDEBAND:
        r /= 1.29
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    return max(1.0, 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6)


def rate(
    codec: str, *, loss: float = 0, delay_ms: float = 0, burst_ratio: float = 1, concealed: bool = True
) -> Rating:
    """Rate one direction of a conversation.

    codec: RTP encoding name, a key of `CODECS`; KeyError for others. loss: share of packets not played, 0 to
    1, those included that came too late. delay_ms: from mouth to ear one way, see `mouth_to_ear_ms`.
    burst_ratio: see there. concealed: the listener's decoder conceals losses.
    """
    kind = CODECS[codec]
    without_delay = RO_WIDEBAND if kind.scale is Scale.WIDEBAND else RO - IS
    heard = without_delay - loss_impairment(kind, loss, burst_ratio=burst_ratio, concealed=concealed)
    experienced = heard - delay_impairment(kind.scale, delay_ms)
    still = heard - delay_impairment(kind.scale, 0)
    return Rating(kind.scale, max(0.0, experienced), mos(still, kind.scale), mos(experienced, kind.scale))


def mouth_to_ear_ms(
    codec: str, *, round_trip_ms: float | None, jitter_ms: float = 0, ptime_ms: float = 20
) -> float:
    """Delay one way: half the round trip, a packet to fill, the encoder's look-ahead, the listener's playout.

    round_trip_ms: None where RTCP has not measured it; then the network counts as nothing. The playout is not
    to be seen from here: it is taken as twice the jitter, where an adaptive buffer settles, and one packet at
    least. KeyError for an unknown codec.
    """
    network_ms = (round_trip_ms or 0) / 2
    return network_ms + ptime_ms + CODECS[codec].lookahead_ms + max(ptime_ms, 2 * jitter_ms)


def burst_ratio(lost: int, runs: int, expected: int) -> float:
    """BurstR (G.107 §7.5): how much longer runs of lost packets are than by chance; 1 where not known.

    lost: packets, in so many runs of one or more in a row, of so many that were expected.
    """
    if runs <= 0 or expected <= 0 or not 0 < lost < expected:
        return 1.0
    return max(1.0, lost / runs * (1 - lost / expected))
