"""What becomes of a leg's sound besides being passed on: decoded, metered, kept for the call's tap and history."""
from libc.stdint cimport uint8_t, uint32_t

from native.rtp cimport Header
from native.session cimport Leg, Worker

cdef inline void meter(Leg *leg, float power, int ms) noexcept nogil:
    cdef float share = ms / <float>100
    leg.power += (power - leg.power) * (share if share < 1 else 1)

# A packet that nobody needs decoded: kept, so that a voice can begin with it.
cdef void keep_passed(Leg *leg, const uint8_t *payload, int bytes, uint32_t timestamp) noexcept nogil
# Into the leg's voices and the tap. Returns the samples that came new at their end.
cdef int decode_packet(Worker *worker, Leg *leg, const uint8_t *payload, int bytes, const Header *header) noexcept nogil
