"""Loss, order and jitter of one received stream (RFC 3550 §A.1, §A.3, §A.8)."""
from libc.stdint cimport int16_t, int32_t, int64_t, uint16_t, uint32_t

from native.includes.atomics cimport add_relaxed, load_int, load_relaxed, store_float, store_int, store_relaxed

cdef enum:
    RESTART_GAP = 3000          # MAX_DROPOUT of RFC 3550 §A.1: a larger jump is a restart, not a loss
    LEAP_MS = 1000              # a larger one between two transits is a clock that stood, or was set: no jitter


cdef void restart(Reception *self, uint16_t sequence, uint32_t ssrc) noexcept nogil:
    if self.started:
        add_relaxed(&self.expected_before, self.extended - self.base + 1)
        add_relaxed(&self.restarts, 1)
    self.ssrc = ssrc
    store_relaxed(&self.base, sequence)
    store_relaxed(&self.extended, sequence)
    store_int(&self.started, True)
    self.highest = sequence
    self.transit = 0


cdef int receive(Reception *self, uint16_t sequence, uint32_t timestamp, uint32_t ssrc, int payload_bytes, int64_t arrival_ns,
                 int clock_khz) noexcept nogil:
    cdef int step
    cdef uint32_t transit
    cdef float change
    add_relaxed(&self.received, 1)
    add_relaxed(&self.received_bytes, payload_bytes)
    step = <int16_t><uint16_t>(sequence - self.highest)
    if not self.started or ssrc != self.ssrc or step > RESTART_GAP or step < -RESTART_GAP:
        restart(self, sequence, ssrc)
        step = 1
    elif step > 0:
        self.highest = sequence
        add_relaxed(&self.extended, step)
    elif step == 0:
        add_relaxed(&self.duplicates, 1)
    else:
        add_relaxed(&self.out_of_order, 1)
    transit = <uint32_t>(arrival_ns * clock_khz // 1000000) - timestamp
    if self.transit:
        change = <float><int32_t>(transit - self.transit)
        change = change if change >= 0 else -change
        if change < LEAP_MS * clock_khz:
            store_float(&self.jitter, self.jitter + (change - self.jitter) / 16)
    self.transit = transit
    return step - 1


cdef int64_t lost(const Reception *self) noexcept nogil:
    cdef int64_t expected = load_relaxed(&self.expected_before)
    if load_int(&self.started):
        expected += load_relaxed(&self.extended) - load_relaxed(&self.base) + 1
    return max(<int64_t>0, expected - (load_relaxed(&self.received) - load_relaxed(&self.duplicates)))
