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
# The duration so far that an event payload of at least 4 bytes tells [ticks of its clock].
cdef inline int duration(const uint8_t *payload) noexcept nogil:
    return payload[2] << 8 | payload[3]

# Tell it by another clock; what 16 bits cannot hold stays the longest that they can.
cdef inline void restate(uint8_t *payload, int ticks, int from_khz, int to_khz) noexcept nogil:
    cdef int there = min(0xFFFF, ticks * to_khz // from_khz)
    payload[2] = <uint8_t>(there >> 8)
    payload[3] = <uint8_t>there
