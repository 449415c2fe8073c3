"""Loss, order and jitter of one received stream (RFC 3550 §A.1, §A.3, §A.8)."""
from libc.stdint cimport int16_t, int32_t, int64_t, uint16_t, uint32_t

cdef enum:
    RESTART_GAP = 3000          # MAX_DROPOUT of RFC 3550 §A.1: a larger jump is a restart, not a loss


cdef void restart(Reception *self, uint16_t sequence, uint32_t ssrc) noexcept nogil:
    if self.started:
        self.expected_before += self.extended - self.base + 1
        self.restarts += 1
    self.started = True
    self.ssrc = ssrc
    self.base = self.extended = sequence
    self.highest = sequence
    self.transit = 0


cdef int receive(Reception *self, uint16_t sequence, uint32_t timestamp, uint32_t ssrc, int payload_bytes, int64_t arrival_ns,
                 int clock_khz) noexcept nogil:
    cdef int step
    cdef uint32_t transit
    cdef float change
    self.received += 1
    self.received_bytes += payload_bytes
    step = <int16_t><uint16_t>(sequence - self.highest)
    if not self.started or ssrc != self.ssrc or step > RESTART_GAP or step < -RESTART_GAP:
        restart(self, sequence, ssrc)
        step = 1
    elif step > 0:
        self.highest = sequence
        self.extended += step
    elif step == 0:
        self.duplicates += 1
    else:
        self.out_of_order += 1
    transit = <uint32_t>(arrival_ns * clock_khz // 1000000) - timestamp
    if self.transit:
        change = <float><int32_t>(transit - self.transit)
        self.jitter += ((change if change >= 0 else -change) - self.jitter) / 16
    self.transit = transit
    return step - 1


cdef int64_t lost(const Reception *self) noexcept nogil:
    cdef int64_t expected = self.expected_before
    if self.started:
        expected += self.extended - self.base + 1
    return max(0, expected - (self.received - self.duplicates))
