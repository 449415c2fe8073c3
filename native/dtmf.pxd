"""Telephone-events lifted out of a stream (RFC 4733 §2.3, §2.5)."""
from libc.stdint cimport int64_t, uint8_t, uint32_t

cdef struct KeyPress:           # the press that is being received
    bint held                   # begun and not yet reported
    uint8_t event               # 0-9, 10 *, 11 #, 12-15 A-D
    bint reported_once
    uint32_t timestamp          # of its begin, the same in all its packets: names the press
    int duration                # [clock ticks] so far
    int64_t last_ns             # when its last packet came

# Take a telephone-event payload. Returns 1 when `done` now holds a press to report, once for each press however many packets repeat it.
cdef int take(KeyPress *self, uint32_t timestamp, const uint8_t *payload, int n, int64_t now_ns, KeyPress *done) noexcept nogil
# A press whose end was lost ends by itself; returns 1 when `done` holds it.
cdef int expire(KeyPress *self, int64_t now_ns, KeyPress *done) noexcept nogil
