"""Sums of voices: 32-bit accumulation, gains that ramp, saturation to 16 bits."""
from libc.stdint cimport int16_t, int32_t

cdef enum:
    RAMP_MS = 10                # from one gain to another
    MOST_RAMP_SAMPLES = 160     # of it, at 16 kHz

cdef struct Gain:
    float now                   # linear
    float target
    float step                  # per sample; 0 when steady

cdef inline bint audible(const Gain *gain) noexcept nogil:
    return gain.now > 0 or gain.target > 0

cdef inline bint steady_unity(const Gain *gain) noexcept nogil:
    return gain.step == 0 and gain.now == 1

# Head for another gain from wherever it is now, in RAMP_MS.
cdef void aim(Gain *self, float target, int khz) noexcept nogil
# sum += pcm · gain, moving the gain along its ramp.
cdef void add(int32_t *sum, const int16_t *pcm, int n, Gain *gain) noexcept nogil
cdef void saturate(const int32_t *sum, int16_t *pcm, int n) noexcept nogil
