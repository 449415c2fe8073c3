"""Copies of the parties' own streams, for listeners outside the media plane.

A sample's place is its stream's RTP time, anchored to its arrival; what is lost or not sent is silence. Readers stay `DELAY_SAMPLES`
behind, so that packets late by less than that are still in their place.
"""
from libc.stdint cimport int16_t, int32_t, int64_t, uint32_t
from libc.stdlib cimport calloc, free

import numpy as np

from native.includes.atomics cimport load_acquire, store_release
from native.includes.net cimport now_ns

cdef enum:
    NS_PER_SAMPLE = 125000
    FRAME = 160                 # 20 ms
    DELAY_SAMPLES = 480         # 60 ms
    MOST_LATE = 1600            # 200 ms behind its arrival: the stream's clock has slipped, anchor again
    MOST_EARLY = 160            # 20 ms ahead of it
    SPARE = 1600                # kept between a reader and the writer's next lap


cdef void tap_write(Tap *self, int channel, uint32_t timestamp, uint32_t ssrc, const int16_t *pcm, int n, int64_t at_ns) noexcept nogil:
    cdef TapChannel *into = &self.channels[channel]
    cdef int64_t arrival = (at_ns - self.began_ns) // NS_PER_SAMPLE
    cdef int64_t position, late, gap, skipped
    cdef int i
    position = into.anchor + <int32_t>(timestamp - into.anchor_timestamp)
    late = arrival - (position + n)
    if not into.started or ssrc != into.ssrc or late > MOST_LATE or late < -MOST_EARLY:
        into.started = True
        into.ssrc = ssrc
        into.anchor_timestamp = timestamp
        into.anchor = position = arrival - n
    if position < 0:                        # begun before the tap was
        skipped = min(<int64_t>n, -position)
        position += skipped
        pcm += skipped
        n -= <int>skipped
    gap = position - into.written
    if gap > TAP_SAMPLES:
        into.written = position - TAP_SAMPLES
        gap = TAP_SAMPLES
    for i in range(<int>gap):
        into.pcm[(into.written + i) & TAP_MASK] = 0
    for i in range(n):
        into.pcm[(position + i) & TAP_MASK] = pcm[i]
    if position + n > into.written:
        store_release(&into.written, position + n)


cdef class TapRing:
    """Owns a tap's memory; kept alive by the engine until the media thread has let go, and by its readers."""

    def __cinit__(self):
        self.tap = <Tap *>calloc(1, sizeof(Tap))
        if self.tap == NULL:
            raise MemoryError()

    def __dealloc__(self):
        free(self.tap)


cdef class TapReader:
    """One listener's place in a call's tap. Any thread, one at a time; never blocks."""

    def __init__(self, TapRing ring, on_close):
        self.ring = ring
        self._on_close = on_close
        self.cursor = (now_ns() - ring.tap.began_ns) // NS_PER_SAMPLE // FRAME * FRAME
        self.closed = False

    def read(self):
        """The next 20 ms as (media time [ms], int16 array (2, 160): caller, advisor; missed [ms]), or None when it is not due yet.

        `missed` is what was overwritten before this frame because nobody read.
        """
        cdef Tap *tap = self.ring.tap
        cdef TapChannel *channel
        cdef int64_t present = (now_ns() - tap.began_ns) // NS_PER_SAMPLE
        cdef int64_t missed = 0, written, valid
        cdef int c, i
        cdef int16_t[:, ::1] out
        if self.closed or self.cursor + FRAME + DELAY_SAMPLES > present:
            return None
        if self.cursor < present - TAP_SAMPLES + SPARE:
            missed = (present - DELAY_SAMPLES - FRAME - self.cursor) // FRAME * FRAME
            self.cursor += missed
        frame = np.zeros((TAP_CHANNELS, FRAME), dtype=np.int16)
        out = frame
        for c in range(TAP_CHANNELS):
            channel = &tap.channels[c]
            written = load_acquire(&channel.written)
            valid = min(<int64_t>FRAME, written - self.cursor)
            for i in range(<int>max(0, valid)):
                out[c, i] = channel.pcm[(self.cursor + i) & TAP_MASK]
        media_time_ms = self.cursor // 8
        self.cursor += FRAME
        return media_time_ms, frame, missed // 8

    def close(self):
        """Let go of the ring. Safe twice."""
        if not self.closed:
            self.closed = True
            self._on_close()
