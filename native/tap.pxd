"""Copies of the parties' own streams on the call's own timeline, for listeners outside the media plane.

The media thread writes, any number of readers read with cursors of their own; a slow reader is overwritten, never waited for. All of it
is there at 8 kHz; of a party whose codec is wideband the same at 16 kHz beside it, in memory that is not touched otherwise.
"""
from libc.stdint cimport int16_t, int64_t, uint32_t

from native.timeline cimport Timeline

cdef enum:
    TAP_SAMPLES = 16384         # 2 s at 8 kHz; a power of two
    TAP_MASK = TAP_SAMPLES - 1
    TAP_WIDE_MASK = 2 * TAP_SAMPLES - 1
    TAP_CHANNELS = 2            # caller, advisor
    TAP_FRAME = 160             # 20 ms
    TAP_DELAY = 480             # 60 ms that readers stay behind

cdef enum:
    NOT_WIDE = 0x7FFFFFFFFFFFFFFF

cdef struct TapChannel:
    Timeline timeline
    int64_t written             # one beyond the newest sample; shared with readers
    int64_t wide_from           # from this position on `wide` holds it, too; NOT_WIDE: the newest packet is not; shared with readers
    int16_t pcm[TAP_SAMPLES]
    int16_t wide[2 * TAP_SAMPLES]

cdef struct Tap:
    int64_t began_ns            # media time zero, monotonic
    int64_t attached_ns         # set by the media thread when it begins to write
    int64_t detached            # set by the media thread when it will not write again
    TapChannel channels[TAP_CHANNELS]

# wide: the same at 16 kHz, 2n samples; NULL: it came at 8 kHz.
cdef void tap_write(Tap *self, int channel, uint32_t timestamp, uint32_t ssrc, const int16_t *pcm, const int16_t *wide, int n,
                    int64_t at_ns) noexcept nogil

cdef class TapRing:
    cdef Tap *tap

cdef class TapReader:
    cdef TapRing ring
    cdef object _on_close
    cdef int64_t cursor
    cdef bint closed
