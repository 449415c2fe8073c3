"""Opus: as others decode it, protected where the line loses packets, any packet time, and no click when an overlay comes and goes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from native.transcoder import Transcoder
from voices import ADVISOR, PATIENT, frames, snr_db, speech

VECTORS = np.load(Path(__file__).parent.parent / "data" / "codec_vectors.npz")
PRE_SKIP = 104
"""Of opusenc's file, which FFmpeg leaves out [samples at 16 kHz]."""


def payloads_of_opusenc() -> list[bytes]:
    ends = np.cumsum(VECTORS["opus_sizes"])
    packets = VECTORS["opus_packets"].tobytes()
    return [packets[end - size : end] for end, size in zip(ends, VECTORS["opus_sizes"], strict=True)]


def is_low_delay(payload: bytes) -> bool:
    """RFC 6716 table 2."""
    return payload[0] >> 3 >= 16


def test_another_decoder_hears_the_same() -> None:
    """FFmpeg's own, at 48 kHz, of what opusenc made."""
    codec = Transcoder("opus")
    ours = np.concatenate([codec.decode(payload) for payload in payloads_of_opusenc()])
    theirs = VECTORS["opus_decoded"]
    assert snr_db(theirs, ours[PRE_SKIP : PRE_SKIP + len(theirs)]) > 40


@pytest.mark.parametrize("ptime_ms", [20, 30])
def test_many_encoders_on_one_bench_know_nothing_of_each_other(ptime_ms: int) -> None:
    """One after the other, packet by packet, some for a line that loses packets: each makes what it would make alone."""
    said = [frames(speech(who, 16000), 16000, ptime_ms)[:40] for who in (PATIENT, ADVISOR, PATIENT, ADVISOR)]
    alone = [[coder.encode(frame) for frame in said[each]] for each, coder in enumerate(encoders())]
    together = encoders()
    for number in range(len(said[0])):
        for each, coder in enumerate(together):
            assert coder.encode(said[each][number]) == alone[each][number]


def encoders() -> list[Transcoder]:
    coders = [Transcoder("opus") for _ in range(4)]
    coders[2].tell_loss(5)
    coders[3].tell_loss(10)
    return coders


@pytest.mark.parametrize("loss", [0, 5])
@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 50, 60, 70, 80, 100, 120])
def test_any_packet_time(ptime_ms: int, loss: int) -> None:
    codec, far = Transcoder("opus"), Transcoder("opus")
    codec.tell_loss(loss)
    audio = speech(PATIENT, 16000)[:48000]
    payloads = [codec.encode(frame) for frame in frames(audio, 16000, ptime_ms)]
    assert all(codec.samples(payload) == ptime_ms * 16 for payload in payloads)
    assert all(is_low_delay(payload) is (loss == 0) for payload in payloads)
    heard = np.concatenate([far.decode(payload) for payload in payloads])
    end = len(heard) - codec.delay
    assert np.corrcoef(audio[:end], heard[codec.delay :])[0, 1] > 0.95


@pytest.mark.parametrize(
    ("bits_per_second", "loss", "most"),
    [(0, 0, 98), (0, 10, 66), (64000, 0, 66), (24000, 0, 26), (12000, 3, 14)],
)
def test_it_keeps_to_the_rate(bits_per_second: int, loss: int, most: int) -> None:
    codec = Transcoder("opus", bits_per_second)
    codec.tell_loss(loss)
    payloads = [codec.encode(frame) for frame in frames(speech(PATIENT, 16000), 16000)]
    assert sum(map(len, payloads)) * 8 / (20 * len(payloads)) < most
    assert max(map(len, payloads)) <= 400


def test_a_lossy_line_gets_redundancy_and_a_clean_one_sound() -> None:
    codec = Transcoder("opus")
    voice = iter(frames(speech(PATIENT, 16000), 16000))

    def sends_low_delay() -> bool:
        return is_low_delay(codec.encode(next(voice)))

    assert sends_low_delay()
    assert codec.delay == 40
    for loss, low_delay in ((1, True), (2, False), (1, False), (0, True), (30, False), (0, True)):
        codec.tell_loss(loss)
        assert sends_low_delay() is low_delay
    codec.tell_loss(5)
    assert codec.delay == 104


def test_redundancy_brings_a_lost_packet_back() -> None:
    sender = Transcoder("opus")
    sender.tell_loss(10)
    payloads = [sender.encode(frame) for frame in frames(speech(PATIENT, 16000), 16000)]
    whole, told, guessed = Transcoder("opus"), Transcoder("opus"), Transcoder("opus")
    recovered, made_up = [], []
    for at, payload in enumerate(payloads[:-1]):
        true = whole.decode(payload)
        if at % 10 == 5:
            a, b = told.recover(payloads[at + 1], 320), guessed.conceal(320)
            if np.abs(true).max() > 3000:
                recovered.append(snr_db(true, a))
                made_up.append(snr_db(true, b))
        else:
            told.decode(payload)
            guessed.decode(payload)
    assert len(recovered) > 15
    assert np.median(recovered) > np.median(made_up) + 3
    assert np.median(recovered) > 6


# ── coming and going of an overlay ──


def phone(low_delay: bool, name: str) -> list[bytes]:
    """What a phone sends."""
    codec = Transcoder("opus", 64000 if low_delay else 24000)
    return [codec.encode(frame) for frame in frames(speech(name, 16000), 16000)]


def bend(audio: np.ndarray, at: int) -> int:
    """The sharpest edge within 25 ms of the packet that begins `at` samples in: the largest second difference."""
    piece = audio[at - 40 : at + 360].astype(int)
    return int(np.abs(np.diff(piece, 2)).max())


@pytest.mark.parametrize("loss", [0, 5])
@pytest.mark.parametrize("name", [PATIENT, ADVISOR])
@pytest.mark.parametrize("low_delay", [True, False], ids=["from a low-delay phone", "from a VoIP phone"])
def test_no_click_when_an_overlay_comes_and_goes(low_delay: bool, name: str, loss: int) -> None:
    """Each time a bit of silence is laid over, the stream is encoded by us; then it is relayed again, from the talker's next pause on."""
    payloads = phone(low_delay, name)
    source, listener, far, plain = (Transcoder("opus") for _ in range(4))
    listener.tell_loss(loss)
    heard, untouched, changes, overlaid, began = [], [], [], False, 0
    for at, payload in enumerate(payloads):
        if not overlaid and at % 23 == 11:
            listener.follow(source)
            overlaid, began = True, at
            changes.append(at * 320)
        elif overlaid and at > began + 7 and listener.agrees(source):
            overlaid = False
            changes.append(at * 320)
        audio = source.decode(payload)
        heard.append(far.decode(listener.encode(audio) if overlaid else payload))
        untouched.append(plain.decode(payload))
    assert len(changes) >= 10
    ours, theirs = np.concatenate(heard), np.concatenate(untouched)
    loud = np.abs(theirs.astype(int)).max()
    for at in changes:
        assert bend(ours, at) <= 2 * bend(theirs, at) + 0.12 * loud, f"at {at / 16000:.2f} s"


def test_the_bound_tells_a_click() -> None:
    """A test of the test: packets out of their place, each told as a difference to another, do go beyond it."""
    payloads, beyond, tried = phone(True, PATIENT), 0, 0
    for at in range(20, len(payloads) - 2, 7):
        far, plain = Transcoder("opus"), Transcoder("opus")
        moved = payloads[: at - 12] + payloads[at:]
        untouched = np.concatenate([plain.decode(payload) for payload in payloads[: at + 2]])
        heard = np.concatenate([far.decode(payload) for payload in moved[: at - 10]])
        begin = (at - 12) * 320
        beyond += bend(heard, begin) > 2 * bend(untouched, at * 320) + 0.12 * 20000
        tried += 1
    assert beyond > tried / 10


def test_an_overlay_goes_back_in_a_pause_only() -> None:
    payloads = phone(True, PATIENT)
    source, listener = Transcoder("opus"), Transcoder("opus")
    levels = {True: [], False: []}
    for payload in payloads:
        audio = source.decode(payload)
        listener.encode(audio)
        levels[listener.agrees(source)].append(int(np.abs(audio).max()))
    assert len(levels[True]) > len(payloads) // 20  # pauses there are
    assert np.median(levels[True]) * 8 < np.median(levels[False])
