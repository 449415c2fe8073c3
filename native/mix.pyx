"""Sums of voices. Voices at unity gain are added as integers, so that a lone voice comes out as it went in."""
from libc.stdint cimport int16_t, int32_t

import numpy as np


cdef void aim(Gain *self, float target, int khz) noexcept nogil:
    if target == self.target and (self.step != 0 or self.now == target):
        return
    self.target = target
    self.step = (target - self.now) / (RAMP_MS * khz)


cdef void add(int32_t *sum, const int16_t *pcm, int n, Gain *gain) noexcept nogil:
    cdef int i = 0
    cdef float now = gain.now
    if gain.step != 0:
        while i < n:
            now += gain.step
            if (gain.step > 0 and now >= gain.target) or (gain.step < 0 and now <= gain.target):
                now = gain.target
                gain.step = 0
            sum[i] += <int32_t>(pcm[i] * now)
            i += 1
            if gain.step == 0:
                break
        gain.now = now
    if now == 1:
        for i in range(i, n):
            sum[i] += pcm[i]
    elif now > 0:
        for i in range(i, n):
            sum[i] += <int32_t>(pcm[i] * now)


cdef void saturate(const int32_t *sum, int16_t *pcm, int n) noexcept nogil:
    cdef int i
    cdef int32_t value
    for i in range(n):
        value = sum[i]
        value = value if value < 32767 else 32767
        pcm[i] = <int16_t>(value if value > -32768 else -32768)


def mix_arrays(voices, gains, targets=None):
    """The saturated sum (int16) of int16 arrays of one length at linear gains, ramping to `targets` where they are given."""
    cdef int n = len(voices[0])
    cdef int32_t[::1] total = np.zeros(n, dtype=np.int32)
    cdef const int16_t[::1] pcm
    cdef Gain gain
    cdef float target
    for voice, start, end in zip(voices, gains, gains if targets is None else targets, strict=True):
        pcm = np.ascontiguousarray(voice, dtype=np.int16)
        if pcm.shape[0] != n:
            raise ValueError(f"voices of {n} and {pcm.shape[0]} samples cannot be mixed")
        gain.now = start
        gain.target = start
        gain.step = 0
        target = end
        aim(&gain, target, 8)
        add(&total[0], &pcm[0], n, &gain)
    out = np.empty(n, dtype=np.int16)
    cdef int16_t[::1] result = out
    saturate(&total[0], &result[0], n)
    return out
