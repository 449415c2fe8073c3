"""What is compared and measured: payloads as sent and as heard, transit times, voices within a mixture. Nothing here waits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulators import Recording, analysis
from simulators.rtp import Packet

Audio = npt.NDArray[np.int16]
RATE_HZ = 8_000
PACKET_SAMPLES = 160
LAWS = ("PCMA", "PCMU")


def unique_payloads(seconds: float, seed: int) -> list[bytes]:
    """Random bytes, no two packets alike: whatever is lost, repeated, changed or out of order shows. Valid in either law."""
    count = round(seconds * RATE_HZ / PACKET_SAMPLES)
    data = np.random.default_rng(seed).integers(0, 256, (count, PACKET_SAMPLES), dtype=np.uint8)
    return [row.tobytes() for row in data]


def audio_packets(recording: Recording) -> list[Packet]:
    """The packets that carry speech, in order of arrival or sending; keys left out."""
    return [packet for packet in recording.packets if recording.types.get(packet.payload_type) in LAWS]


@dataclass(frozen=True)
class Relayed:
    """How what was heard lies within what was sent."""

    before: int
    """Packets sent before the first one heard: until the gateway knows of the answer it has no media to relay."""
    heard: int
    unheard: int
    """Packets sent after the last one heard; on their way, or lost."""
    transits_ms: tuple[float, ...]

    @property
    def p50_ms(self) -> float:
        return float(np.percentile(self.transits_ms, 50))

    @property
    def p99_ms(self) -> float:
        return float(np.percentile(self.transits_ms, 99))


def relayed(sent: list[Packet], heard: list[Packet], most_before: int = 100) -> Relayed:
    """Check that `heard` is one unbroken run of `sent`, payload by payload. Raises AssertionError that names the first difference."""
    said = [packet.payload for packet in sent]
    got = [packet.payload for packet in heard]
    assert got, "nothing was heard"
    fits: list[Relayed] = []
    for before in range(min(most_before, len(said)) + 1):
        if said[before : before + len(got)] == got:
            times = tuple((b.at_ns - a.at_ns) / 1e6 for a, b in zip(sent[before:], heard, strict=False))
            fits.append(Relayed(before, len(got), len(said) - before - len(got), times))
    # Several fit where all payloads are alike: nothing is heard before it was sent, nor later than need be.
    if fits:
        return min(fits, key=lambda fit: (min(fit.transits_ms) < 0, abs(fit.p50_ms)))
    raise AssertionError(_difference(said, got, most_before))


def _difference(said: list[bytes], got: list[bytes], most_before: int) -> str:
    """Where the best alignment breaks, in words."""
    best, length = 0, -1
    for before in range(min(most_before, len(said)) + 1):
        run = next(
            (i for i, (a, b) in enumerate(zip(said[before:], got, strict=False)) if a != b),
            min(len(said) - before, len(got)),
        )
        if run > length:
            best, length = before, run
    at = best + length
    if length >= len(got) or at >= len(said):
        return f"{len(got)} packets heard of {len(said)} sent; more than were sent"
    where = said.index(got[length]) if got[length] in said else None
    kind = "is none that was sent" if where is None else f"is number {where} of those sent"
    return (
        f"after {length} equal packets (from number {best} sent) the next one heard {kind}, number {at} was due; "
        f"{len(said)} sent, {len(got)} heard"
    )


def unlike(sent: list[Packet], heard: list[Packet]) -> list[Packet]:
    """Packets heard whose payload is none of those sent; the sender's payloads must be unique for this to say much."""
    said = {packet.payload for packet in sent}
    return [packet for packet in heard if packet.payload not in said]


# ── voices ──


def tone(hz: float, seconds: float, level: int = 8_000, rate_hz: int = RATE_HZ) -> Audio:
    """A sine, whole periods where `hz` divides the rate, so that it can be looped."""
    time = np.arange(round(rate_hz * seconds)) / rate_hz
    return (level * np.sin(2 * np.pi * hz * time)).astype(np.int16)


def strength(audio: Audio, hz: float, rate_hz: int = RATE_HZ) -> float:
    """The amplitude of one frequency in a recording, by correlation with it; of the loudest 100 ms."""
    best = 0.0
    window = rate_hz // 10
    time = np.arange(window) / rate_hz
    wave = np.exp(-2j * np.pi * hz * time) * np.hanning(window) * 2
    for at in range(0, max(1, len(audio) - window + 1), window // 2):
        part = audio[at : at + window].astype(np.float64)
        if len(part) == window:
            best = max(best, 2 * abs(float(np.abs(np.mean(part * wave)))))
    return best


@dataclass(frozen=True)
class Heard:
    """How one voice is found again, window by window."""

    correlation: float
    """Median over the windows in which the voice speaks."""
    share: float
    """Of the windows with a correlation above 0.95; not in it are those in which the delay changed."""
    level_db: float
    """Median difference in level: heard against said."""
    windows: int


def heard_voice(said: Audio, heard: Audio, window_samples: int = 2_000) -> Heard:
    """Find `said` in `heard` by windows of a quarter of a second, each at its own best lag near the common one.

    The listener's delay follows the sender's jitter, so a long stretch has no single lag.
    """
    common = analysis.best_lag_correlation(said, heard).lag_samples
    loud = analysis.level_db(said) - 15
    found: list[tuple[float, float]] = []
    for at in range(0, len(said) - window_samples + 1, window_samples):
        part = said[at : at + window_samples]
        start = max(0, at + common - 400)
        section = heard[start : at + common + window_samples + 400]
        if analysis.level_db(part) < loud or len(section) < window_samples:
            continue
        match = analysis.best_lag_correlation(part, section, least_overlap=0.99)
        found.append((match.corr, match.gain_db))
    if not found:
        return Heard(0.0, 0.0, -np.inf, 0)
    correlations = [corr for corr, _ in found]
    return Heard(
        float(np.median(correlations)),
        sum(corr > 0.95 for corr in correlations) / len(found),
        float(np.median([gain for _, gain in found])),
        len(found),
    )


def send_jitter_ms(recording: Recording) -> float:
    """The greatest deviation of the packets' sending times from an even spacing: how well the simulated phone kept time."""
    packets = recording.packets
    return analysis.jitter_ms([packet.at_ns for packet in packets], 20.0)[1]
