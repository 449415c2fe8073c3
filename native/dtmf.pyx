"""Telephone-events lifted out of a stream (RFC 4733 §2.3, §2.5).

A press is one timestamp; its packets repeat and lengthen it, the last three with the end bit. It is reported by the first of them that
comes, so that neither lost packets nor the end of the call can lose it.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

cdef enum:
    LATE_NS = 1000000000        # a packet of the press before, held back by the network, may come so late
    LATE_TICKS = 8000


cdef bint take(KeyPress *self, uint32_t timestamp, const uint8_t *payload, int n, int64_t now_ns) noexcept nogil:
    if n < 4 or payload[0] > 15:
        return False
    if self.seen and timestamp == self.timestamp:
        self.last_ns = now_ns
        return False
    if self.seen and -LATE_TICKS < <int32_t>(timestamp - self.timestamp) < 0 and now_ns - self.last_ns < LATE_NS:
        return False
    self.seen = True
    self.timestamp = timestamp
    self.event = payload[0]
    self.duration = duration(payload)
    self.last_ns = now_ns
    return True
