"""One listener hears again what the parties just said, faster until they are live; nobody else notices."""
from libc.stdint cimport int16_t, int64_t

from native.history cimport History
from native.tempo cimport TEMPO_FRAME, Tempo

cdef struct Rehearing:          # all zero: not hearing the past
    bint on
    int weight                  # of the past against the present [samples of the ramp between them]
    int given                   # of `pcm`
    bint half                   # at 16 kHz: the second of two samples comes next
    int16_t last                # sample given before
    Tempo tempo
    int16_t pcm[TEMPO_FRAME]    # both parties

cdef inline bint rehearing(const Rehearing *self) noexcept nogil:
    return self.on or self.weight > 0

# Begin `seconds` before `end` [samples since the call's media began], or as far back as is kept; leave off when it is on, or for 0.
cdef void rehear_toggle(Rehearing *self, const History *history, int64_t end, double seconds) noexcept nogil
# Put the past in the place of n samples of the present, crossing from one to the other within 10 ms. wide: at 16 kHz.
cdef void rehear(Rehearing *self, const History *history, int64_t end, int16_t *pcm, int n, bint wide) noexcept nogil
