"""From one sample rate to another, one state for each way that audio takes."""
from libc.stdint cimport int16_t

cdef struct Resampler:
    void *state                 # speexdsp's; NULL: the rates are the same
    int from_hz
    int to_hz

# Control thread; allocates. ValueError for a rate that is not 8,000, 16,000 or 48,000; MemoryError.
cdef int resample_open(Resampler *self, int from_hz, int to_hz) except -1
cdef void resample_close(Resampler *self) noexcept nogil
# Forget what was: silence before the next sample.
cdef void resample_reset(Resampler *self) noexcept nogil
# n samples in; writes and returns n · to_hz / from_hz, for which `out` must have room. n must be a multiple of from_hz / to_hz.
cdef int resample(Resampler *self, const int16_t *pcm, int n, int16_t *out) noexcept nogil
# By how much it delays [samples at to_hz].
cdef int resample_latency(const Resampler *self) noexcept nogil
