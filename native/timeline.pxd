"""Where a packet's samples stand on their call's timeline: by RTP time, anchored to their arrival."""
from libc.stdint cimport int32_t, int64_t, uint32_t

cdef enum:
    MOST_LATE = 1600            # 200 ms behind its arrival: the stream's clock has slipped, anchor again
    MOST_EARLY = 160            # 20 ms ahead of it

cdef struct Timeline:
    bint started
    uint32_t ssrc
    uint32_t anchor_timestamp   # RTP timestamp that stands at `anchor`
    int64_t anchor              # [samples since the call's media began]

cdef inline int64_t place(Timeline *self, uint32_t timestamp, uint32_t ssrc, int n, int64_t arrival) noexcept nogil:
    """Position of the first of n samples that came at `arrival` [samples since the call's media began]; may be below 0."""
    cdef int64_t position = self.anchor + <int32_t>(timestamp - self.anchor_timestamp)
    cdef int64_t late = arrival - (position + n)
    if not self.started or ssrc != self.ssrc or late > MOST_LATE or late < -MOST_EARLY:
        self.started = True
        self.ssrc = ssrc
        self.anchor_timestamp = timestamp
        self.anchor = position = arrival - n
    return position
