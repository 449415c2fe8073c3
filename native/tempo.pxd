"""What was said, played faster at the pitch it was said in (WSOLA), straight from a call's history."""
from libc.stdint cimport int16_t, int64_t

from native.history cimport History

cdef enum:
    TEMPO_FRAME = 160           # given out at a time: 20 ms

cdef struct Tempo:
    double head                 # where the next frame should come from [samples since the call's media began]
    int64_t natural             # where the last frame given out would have gone on; -1: none yet
    float speed                 # 1 … 3

cdef void tempo_start(Tempo *self, int64_t position, float speed) noexcept nogil
# The next 20 ms of both parties from what came before `end`; returns the position of the first sample, -1 when too near the end.
cdef int64_t tempo_frame(Tempo *self, const History *history, int64_t end, int16_t *caller, int16_t *advisor) noexcept nogil
# Leave off: a last frame at natural speed that begins at a multiple of TEMPO_FRAME and joins on to what was heard.
cdef int64_t tempo_join(Tempo *self, const History *history, int64_t end, int16_t *caller, int16_t *advisor) noexcept nogil
