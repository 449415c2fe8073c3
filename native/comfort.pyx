"""Comfort noise (RFC 3389): white noise through the lattice filter that the description gives, at the level that it gives.

A level is in dB below a square wave of full scale; reflection coefficients have the sign with which k₁ of low-pass noise is
negative, as FFmpeg and WebRTC send them. A new level is reached over some 30 ms, so that descriptions make no steps.
"""
from libc.math cimport powf, sqrtf
from libc.stdint cimport int16_t, int32_t, uint8_t, uint32_t
from libc.string cimport memset

import numpy as np


cdef void comfort_reset(Comfort *self, uint32_t seed) noexcept nogil:
    memset(self, 0, sizeof(Comfort))
    self.seed = seed | 1


cdef void comfort_take(Comfort *self, const uint8_t *payload, int bytes) noexcept nogil:
    cdef int i
    cdef float k, left = 1
    if bytes < 1:
        return
    self.order = min(bytes - 1, <int>COMFORT_ORDER)
    for i in range(self.order):
        k = 258 * (<int>payload[1 + i] - 127) / <float>32768
        k = k if k > -0.99 else <float>-0.99                        # 0 and 255 would be unstable
        self.reflection[i] = k if k < 0.99 else <float>0.99
        left *= 1 - self.reflection[i] * self.reflection[i]
    self.target = 32768 * powf(10, -(payload[0] & 0x7F) / <float>20) * sqrtf(left)


cdef void comfort_make(Comfort *self, int16_t *pcm, int n) noexcept nogil:
    cdef float sample
    cdef int i, m
    for i in range(n):
        self.gain += (self.target - self.gain) / 256
        self.seed ^= self.seed << 13
        self.seed ^= self.seed >> 17
        self.seed ^= self.seed << 5
        sample = <int32_t>self.seed * self.gain * <float>8.0655e-10         # √3 / 2³¹: of uniform numbers this is the RMS
        for m in range(self.order, 0, -1):
            sample -= self.reflection[m - 1] * self.state[m - 1]
            self.state[m] = self.state[m - 1] + self.reflection[m - 1] * sample
        self.state[0] = sample
        sample = sample if sample > -32768 else -32768
        pcm[i] = <int16_t>(sample if sample < 32767 else 32767)


def make_noise(descriptions, int samples_each, int seed=1):
    """int16 noise: each description (bytes) taken, then `samples_each` samples made."""
    cdef Comfort comfort
    cdef const uint8_t[::1] payload
    cdef int16_t[::1] out
    comfort_reset(&comfort, seed)
    made = []
    for description in descriptions:
        if len(description):
            payload = description
            comfort_take(&comfort, &payload[0], <int>payload.shape[0])
        piece = np.empty(samples_each, dtype=np.int16)
        out = piece
        comfort_make(&comfort, &out[0], samples_each)
        made.append(piece)
    return np.concatenate(made)
