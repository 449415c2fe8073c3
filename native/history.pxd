"""The last half minute of each call: both parties' own streams, A-law, on the call's own timeline.

The media thread writes, whoever wants to hear what was just said reads; nobody waits. Memory is given at call set-up, 16,000 bytes
for each second.
"""
from libc.stdint cimport int16_t, int64_t, uint32_t, uint8_t

from native.g711 cimport Law
from native.timeline cimport Timeline

cdef enum:
    PARTIES = 2                 # caller, advisor
    SPARE = 1600                # kept between a reader and the writer's next lap [samples]

cdef struct Past:               # one party's
    Timeline timeline
    int64_t written             # one beyond the newest sample [samples since the call's media began]; shared with readers
    uint8_t *codes              # ring of `History.capacity`

cdef struct History:
    int64_t capacity            # of each party's ring [samples]
    Past parties[PARTIES]

# Keep n samples of a party's packet that came at `arrival` [samples since the call's media began]. What was not sent or lost is silence.
cdef void history_write(History *self, int party, Law law, uint32_t timestamp, uint32_t ssrc, const uint8_t *payload, int n,
                        int64_t arrival) noexcept nogil
# The n samples from `position` on; silence for what is not there. Any thread.
cdef void history_read(const History *self, int party, int64_t position, int16_t *pcm, int n) noexcept nogil
# The first position that a reader may still have.
cdef int64_t history_begin(const History *self) noexcept nogil

cdef class HistoryRing:
    cdef History *history
