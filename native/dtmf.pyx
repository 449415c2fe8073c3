"""Telephone-events lifted out of a stream (RFC 4733 §2.3, §2.5).

A press is one timestamp; its packets repeat and lengthen it, the last three with the end bit. It is reported at the first end bit, or
when the next press begins, or 200 ms after its last packet where every end packet was lost.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

cdef enum:
    LOST_END_NS = 200000000
    LATE_NS = 1000000000        # a packet of the press before, held back by the network, may come so late
    LATE_TICKS = 8000


cdef int take(KeyPress *self, uint32_t timestamp, const uint8_t *payload, int n, int64_t now_ns, KeyPress *done) noexcept nogil:
    cdef int finished = 0
    if n < 4 or payload[0] > 15:
        return 0
    if self.reported_once and -LATE_TICKS < <int32_t>(timestamp - self.timestamp) < 0 and now_ns - self.last_ns < LATE_NS:
        return 0
    if not self.reported_once or timestamp != self.timestamp:
        if self.held:
            done[0] = self[0]
            finished = 1
        self.held = True
        self.reported_once = True
        self.timestamp = timestamp
    elif not self.held:
        return 0                                    # a repeated end
    self.event = payload[0]
    self.duration = payload[2] << 8 | payload[3]
    self.last_ns = now_ns
    if payload[1] & 0x80 and not finished:
        done[0] = self[0]
        self.held = False
        finished = 1
    return finished


cdef int expire(KeyPress *self, int64_t now_ns, KeyPress *done) noexcept nogil:
    if not self.held or now_ns - self.last_ns < LOST_END_NS:
        return 0
    done[0] = self[0]
    self.held = False
    return 1
