"""Loss, order and jitter of one received stream (RFC 3550 §6.4.1, §A.1, §A.3, §A.8)."""
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

cdef struct Reception:
    # each packet's
    uint32_t ssrc
    uint16_t highest            # highest sequence number seen, less its cycles
    bint started
    float jitter                # [clock ticks], 16-fold smoothed
    uint32_t transit            # arrival less timestamp of the last packet [clock ticks]
    int64_t extended            # highest extended sequence number
    int64_t received            # [packets]
    int64_t received_bytes      # [bytes] of payload
    int64_t restarts            # new ssrc, or a jump that a new number run explains
    # seldom
    int64_t expected_before     # packets that earlier ssrcs and restarts should have brought
    int64_t base                # first extended sequence number since then
    int64_t out_of_order        # [packets]
    int64_t duplicates          # [packets] of the number just before

# Count one packet; clock_khz: RTP ticks per millisecond.
# Returns how many sequence numbers were skipped before it (0 in order, negative late).
cdef int receive(Reception *self, uint16_t sequence, uint32_t timestamp, uint32_t ssrc, int payload_bytes, int64_t arrival_ns,
                 int clock_khz) noexcept nogil
# Any thread, as are the counters.
cdef int64_t lost(const Reception *self) noexcept nogil
