"""Copies of the parties' own streams, for listeners outside the media plane.

A sample's place is its stream's RTP time, anchored to its arrival; what is lost or not sent is silence. Readers stay `TAP_DELAY`
behind, so that packets late by less than that are still in their place.
"""
from libc.stdint cimport int16_t, int64_t, uint32_t
from libc.stdlib cimport calloc, free

import numpy as np

from native.clock cimport now_ns
from native.includes.atomics cimport load_acquire, store_release
from native.timeline cimport place

cdef enum:
    NS_PER_SAMPLE = 125000
    SPARE = 1600                # kept between a reader and the writer's next lap


cdef void tap_write(Tap *self, int channel, uint32_t timestamp, uint32_t ssrc, const int16_t *pcm, const int16_t *wide, int n,
                    int64_t at_ns) noexcept nogil:
    cdef TapChannel *into = &self.channels[channel]
    cdef int64_t arrival = (at_ns - self.began_ns) // NS_PER_SAMPLE
    cdef int64_t position = place(&into.timeline, timestamp, ssrc, n, arrival)
    cdef int64_t gap, skipped
    cdef int i
    if position < 0:                        # begun before the tap was
        skipped = min(<int64_t>n, -position)
        position += skipped
        pcm += skipped
        if wide != NULL:
            wide += 2 * skipped
        n -= <int>skipped
    gap = position - into.written
    if gap > TAP_SAMPLES:
        into.written = position - TAP_SAMPLES
        gap = TAP_SAMPLES
    for i in range(<int>gap):
        into.pcm[(into.written + i) & TAP_MASK] = 0
    for i in range(n):
        into.pcm[(position + i) & TAP_MASK] = pcm[i]
    if wide == NULL:
        store_release(&into.wide_from, NOT_WIDE)
    else:
        for i in range(2 * <int>gap):
            into.wide[(2 * into.written + i) & TAP_WIDE_MASK] = 0
        for i in range(2 * n):
            into.wide[(2 * position + i) & TAP_WIDE_MASK] = wide[i]
        if into.wide_from == NOT_WIDE:
            store_release(&into.wide_from, position)
    if position + n > into.written:
        store_release(&into.written, position + n)


cdef class TapRing:
    """Owns a tap's memory; kept alive by the engine until the media thread has let go, and by its readers."""

    def __cinit__(self):
        cdef int channel
        self.tap = <Tap *>calloc(1, sizeof(Tap))
        if self.tap == NULL:
            raise MemoryError()
        for channel in range(TAP_CHANNELS):
            self.tap.channels[channel].wide_from = NOT_WIDE

    def __dealloc__(self):
        free(self.tap)


cdef class TapReader:
    """One listener's place in a call's tap. Any thread, one at a time; never blocks."""

    def __init__(self, TapRing ring, on_close):
        """Begins with the present. on_close: called once, by `close`, on whose thread that is."""
        self.ring = ring
        self._on_close = on_close
        self.cursor = (now_ns() - load_acquire(&ring.tap.began_ns)) // NS_PER_SAMPLE // TAP_FRAME * TAP_FRAME
        self.closed = False

    def read(self):
        """The next 20 ms as (media time [ms], int16 array (2, 160): caller, advisor; missed [ms]), or None when it is not due yet.

        `missed` is what was overwritten before this frame because nobody read.
        """
        cdef Tap *tap = self.ring.tap
        cdef TapChannel *channel
        cdef int64_t present = (now_ns() - load_acquire(&tap.began_ns)) // NS_PER_SAMPLE
        cdef int64_t missed = 0, written, valid
        cdef int c, i
        cdef int16_t[:, ::1] out
        if self.closed or self.cursor + TAP_FRAME + TAP_DELAY > present:
            return None
        if self.cursor < present - TAP_SAMPLES + SPARE:
            missed = (present - TAP_DELAY - TAP_FRAME - self.cursor) // TAP_FRAME * TAP_FRAME
            self.cursor += missed
        frame = np.zeros((TAP_CHANNELS, TAP_FRAME), dtype=np.int16)
        out = frame
        for c in range(TAP_CHANNELS):
            channel = &tap.channels[c]
            written = load_acquire(&channel.written)
            valid = min(<int64_t>TAP_FRAME, written - self.cursor)
            for i in range(<int>max(0, valid)):
                out[c, i] = channel.pcm[(self.cursor + i) & TAP_MASK]
        media_time_ms = self.cursor // 8
        self.cursor += TAP_FRAME
        return media_time_ms, frame, missed // 8

    def wide(self):
        """The frame last read at 16 kHz: for each channel an int16 array (320,), or None where it was not heard at that rate."""
        cdef const TapChannel *channel
        cdef int64_t begin = self.cursor - TAP_FRAME, valid
        cdef int c, i
        cdef int16_t[::1] out
        heard = []
        for c in range(TAP_CHANNELS):
            channel = &self.ring.tap.channels[c]
            valid = 2 * min(<int64_t>TAP_FRAME, load_acquire(&channel.written) - begin)
            if load_acquire(&channel.wide_from) > begin:
                heard.append(None)
                continue
            samples = np.zeros(2 * TAP_FRAME, dtype=np.int16)
            out = samples
            for i in range(<int>max(0, valid)):
                out[i] = channel.wide[(2 * begin + i) & TAP_WIDE_MASK]
            heard.append(samples)
        return heard

    @property
    def live(self):
        """Every frame comes as it becomes due; see `native.past` for readers that begin earlier."""
        return True

    @property
    def media_time_ms(self):
        """Of the next frame."""
        return self.cursor // 8

    @property
    def began_us(self):
        """Monotonic time of media time zero."""
        return load_acquire(&self.ring.tap.began_ns) // 1000

    def close(self):
        """Let go of the ring. Safe twice."""
        if not self.closed:
            self.closed = True
            self._on_close()
