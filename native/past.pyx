"""A listener who begins in the past: from a call's history, at once or faster than it was said, then from its tap like everybody.

Not for the media thread: a reader of the control plane's, which the call never waits for.
"""
from libc.stdint cimport int16_t, int64_t

import numpy as np

from native.clock cimport now_ns
from native.history cimport HistoryRing, history_begin, history_read
from native.includes.atomics cimport load_acquire
from native.tap cimport TAP_DELAY, TAP_FRAME, TapReader
from native.tempo cimport Tempo, tempo_frame, tempo_join, tempo_start

cdef enum:
    NS_PER_SAMPLE = 125000
    FRAME_NS = TAP_FRAME * NS_PER_SAMPLE
    MOST_BEHIND_NS = 200000000  # a consumer later than this is not given all at once what it did not take


cdef class PastReader:
    """Reads like a `TapReader`, from `seconds` ago on, as far as the history goes. Any thread, one at a time; never blocks."""

    cdef TapReader reader
    cdef HistoryRing ring
    cdef Tempo tempo
    cdef int64_t cursor
    cdef int64_t due_ns
    cdef bint hurrying
    cdef bint joined            # the frame last read was the tap's
    cdef readonly bint live

    def __init__(self, TapReader reader, HistoryRing ring, double seconds, double speed):
        """speed: 1 gives frames out as fast as they are read; above it (to 3) one each 20 ms, so much faster than they were said.

        ValueError for a speed outside that.
        """
        if not 1 <= speed <= 3:
            raise ValueError(f"a speed of {speed} is not between 1 and 3")
        cdef int64_t present = self.present(reader)
        self.reader = reader
        self.ring = ring
        self.live = False
        self.hurrying = speed > 1
        self.cursor = max(history_begin(ring.history), present - TAP_DELAY - <int64_t>(seconds * 8000), 0)
        self.cursor = (self.cursor + TAP_FRAME - 1) // TAP_FRAME * TAP_FRAME
        self.due_ns = now_ns()
        tempo_start(&self.tempo, self.cursor, speed)

    cdef int64_t present(self, TapReader reader):
        return (now_ns() - load_acquire(&reader.ring.tap.began_ns)) // NS_PER_SAMPLE

    cdef int64_t attached(self):
        """From here on the tap has everything; 0: not attached yet."""
        cdef int64_t at_ns = load_acquire(&self.reader.ring.tap.attached_ns)
        return at_ns and (at_ns - load_acquire(&self.reader.ring.tap.began_ns)) // NS_PER_SAMPLE + TAP_FRAME

    @property
    def media_time_ms(self):
        """Of the next frame."""
        return self.reader.media_time_ms if self.live else self.cursor // 8

    @property
    def began_us(self):
        """As `TapReader.began_us`."""
        return self.reader.began_us

    cdef int64_t skip_overwritten(self):
        """What was overwritten before it was read [ms]."""
        cdef int64_t missed = 0, begin = history_begin(self.ring.history)
        if self.cursor < begin:
            missed = (begin - self.cursor + TAP_FRAME - 1) // TAP_FRAME * TAP_FRAME
            self.cursor += missed
            tempo_start(&self.tempo, self.cursor, self.tempo.speed)
        return missed // 8

    def read(self):
        """As `TapReader.read`; while it catches up the media times of two frames are further apart than their length."""
        cdef int64_t end, position, missed
        cdef int16_t[:, ::1] out
        if self.live or self.reader.closed:
            self.joined = True
            return self.reader.read()
        end = (self.present(self.reader) - TAP_DELAY) // TAP_FRAME * TAP_FRAME
        if self.hurrying and not self.is_due():
            return None
        missed = self.skip_overwritten()
        if not self.hurrying and self.cursor + TAP_FRAME > end:
            return None
        frame = np.empty((2, TAP_FRAME), dtype=np.int16)
        out = frame
        position = self.cursor
        if self.hurrying:
            position = tempo_frame(&self.tempo, self.ring.history, end, &out[0, 0], &out[1, 0])
            if position < 0:
                self.hurrying = False
                position = tempo_join(&self.tempo, self.ring.history, end, &out[0, 0], &out[1, 0])
            self.cursor = position + TAP_FRAME
        else:
            history_read(self.ring.history, 0, position, &out[0, 0], TAP_FRAME)
            history_read(self.ring.history, 1, position, &out[1, 0], TAP_FRAME)
            self.cursor += TAP_FRAME
        if not self.hurrying and self.attached() and self.cursor >= self.attached():
            self.reader.cursor = self.cursor
            self.live = True
        return position // 8, frame, missed

    def wide(self):
        """As `TapReader.wide`: what is kept of the past is at 8 kHz."""
        return self.reader.wide() if self.joined else [None] * 2

    cdef bint is_due(self):
        cdef int64_t now = now_ns()
        if now < self.due_ns:
            return False
        self.due_ns = max(self.due_ns, now - MOST_BEHIND_NS) + FRAME_NS
        return True

    def close(self):
        """Let go of history and tap. Safe twice."""
        self.reader.close()
