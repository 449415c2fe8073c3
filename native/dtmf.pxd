"""Telephone-events lifted out of a stream (RFC 4733 §2.3, §2.5)."""
from libc.stdint cimport int64_t, uint8_t, uint32_t

cdef struct KeyPress:           # the newest press
    bint seen                   # there was one
    uint8_t event               # 0-9, 10 *, 11 #, 12-15 A-D
    uint32_t timestamp          # of its begin, the same in all its packets: names the press
    int duration                # [clock ticks] when it was first heard of
    int64_t last_ns             # when its last packet came

# Take a telephone-event payload; True when a press begins, which `self` then describes: once for each, however many packets repeat it.
cdef bint take(KeyPress *self, uint32_t timestamp, const uint8_t *payload, int n, int64_t now_ns) noexcept nogil
