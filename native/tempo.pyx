"""Faster speech at its own pitch: waveform-similarity overlap-add (Verhelst and Roelands, ICASSP 1993).

Every 20 ms the playhead goes on by `speed` times that. The frame there is moved by up to 10 ms either way, to where it looks most like
what would have followed the last one, and crossed into: so whole pitch periods are left out. Both parties are cut at the same place.
A frame costs about 13,000 multiplications, and memory on the stack only.
"""
from libc.stdint cimport int16_t, int64_t
from libc.math cimport sqrtf

import numpy as np

from native.g711 cimport ALAW
from native.history cimport History, HistoryRing, history_read, history_write
from native.g711 import encode_array

cdef enum:
    SEEK = 80                   # 10 ms either way: more than half a low voice's pitch period
    CANDIDATES = 2 * SEEK + 1
    OVERLAP = 80                # 10 ms
    REACH = SEEK + TEMPO_FRAME  # read beyond the playhead


cdef void tempo_start(Tempo *self, int64_t position, float speed) noexcept nogil:
    self.head = position
    self.natural = -1
    self.speed = speed


cdef void read_sum(const History *history, int64_t position, float *total, int n) noexcept nogil:
    """Both parties together, as the ear has them."""
    cdef int16_t one[CANDIDATES + OVERLAP]
    cdef int16_t other[CANDIDATES + OVERLAP]
    cdef int i
    history_read(history, 0, position, one, n)
    history_read(history, 1, position, other, n)
    for i in range(n):
        total[i] = <float>(<int>one[i] + other[i])


cdef int best_offset(const float *natural, const float *around) noexcept nogil:
    """Which of CANDIDATES places in `around` looks most like `natural` (normalised cross-correlation); the middle one in silence."""
    cdef float energy = 1, product, likeness, best = 0
    cdef int i, k, found = SEEK
    for i in range(OVERLAP):
        energy += around[i] * around[i]
    for k in range(CANDIDATES):
        product = 0
        for i in range(OVERLAP):
            product += natural[i] * around[k + i]
        likeness = product / sqrtf(energy)
        if likeness > best * <float>1.0001:
            best = likeness
            found = k
        energy += around[k + OVERLAP] * around[k + OVERLAP] - around[k] * around[k]
        if energy < 1:
            energy = 1
    return found


cdef void cross(const History *history, int party, int64_t natural, int64_t position, int16_t *pcm) noexcept nogil:
    """A frame from `position`, faded into from what would have gone on at `natural`."""
    cdef int16_t before[OVERLAP]
    cdef int i
    history_read(history, party, position, pcm, TEMPO_FRAME)
    if natural < 0 or natural == position:
        return
    history_read(history, party, natural, before, OVERLAP)
    for i in range(OVERLAP):
        pcm[i] = <int16_t>((before[i] * (OVERLAP - i) + pcm[i] * i) // OVERLAP)


cdef int64_t tempo_frame(Tempo *self, const History *history, int64_t end, int16_t *caller, int16_t *advisor) noexcept nogil:
    cdef float natural[OVERLAP]
    cdef float around[CANDIDATES + OVERLAP]
    cdef int64_t position = <int64_t>self.head
    if position + REACH > end:
        return -1
    if self.natural >= 0 and position >= SEEK:
        read_sum(history, self.natural, natural, OVERLAP)
        read_sum(history, position - SEEK, around, CANDIDATES + OVERLAP)
        position += best_offset(natural, around) - SEEK
    cross(history, 0, self.natural, position, caller)
    cross(history, 1, self.natural, position, advisor)
    self.natural = position + TEMPO_FRAME
    self.head += self.speed * TEMPO_FRAME
    return position


cdef int64_t tempo_join(Tempo *self, const History *history, int64_t end, int16_t *caller, int16_t *advisor) noexcept nogil:
    cdef int64_t natural = self.natural if self.natural >= 0 else <int64_t>self.head
    cdef int64_t position = (natural + TEMPO_FRAME // 2) // TEMPO_FRAME * TEMPO_FRAME
    while position + TEMPO_FRAME > end and position >= TEMPO_FRAME:
        position -= TEMPO_FRAME
    cross(history, 0, self.natural, position, caller)
    cross(history, 1, self.natural, position, advisor)
    return position


def play_faster(samples, double speed):
    """int16 samples of shape (2, n) at `speed`, joined to their end: (positions of the frames, samples). A-law in between. For tests."""
    cdef int n = samples.shape[1]
    cdef HistoryRing ring = HistoryRing(n / 8000)
    cdef Tempo tempo
    cdef int64_t position = -TEMPO_FRAME
    cdef const unsigned char[::1] codes
    cdef int16_t[:, ::1] out
    cdef int party, at, end = n // TEMPO_FRAME * TEMPO_FRAME
    for party in range(2):
        codes = encode_array("PCMA", samples[party])
        for at in range(0, end, TEMPO_FRAME):
            history_write(ring.history, party, ALAW, at, 1, &codes[at], TEMPO_FRAME, at + TEMPO_FRAME)
    tempo_start(&tempo, 0, speed)
    positions, frames = [], []
    while position + TEMPO_FRAME < end:
        frame = np.empty((2, TEMPO_FRAME), dtype=np.int16)
        out = frame
        position = tempo_frame(&tempo, ring.history, end, &out[0, 0], &out[1, 0])
        if position < 0:
            position = tempo_join(&tempo, ring.history, end, &out[0, 0], &out[1, 0])
            tempo_start(&tempo, position + TEMPO_FRAME, 1)
            tempo.natural = position + TEMPO_FRAME
        positions.append(position)
        frames.append(frame)
    return positions, np.concatenate(frames, axis=1)
