"""What becomes of a leg's sound besides being passed on: decoded, metered, kept for the call's tap and history."""
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from native.g711 cimport Law, power
from native.history cimport history_write
from native.rtp cimport Header
from native.session cimport Leg, Worker, call_time

cdef inline void meter(Leg *leg, float mean_square, int ms) noexcept nogil:
    """So much sound of this mean square; the sweep makes a level of it."""
    leg.energy += mean_square * ms
    leg.metered_ms += ms

cdef inline void keep_as_it_is(const Worker *worker, const Leg *leg, const uint8_t *payload, int bytes, const Header *header) noexcept nogil:
    """G.711 into the call's history."""
    if leg.keeps != NULL:
        history_write(leg.keeps, <int>leg.role, <Law>leg.media.kind, header.timestamp, header.ssrc, payload, bytes,
                      call_time(worker, leg.call))

cdef inline void pass_by_law(Leg *leg, const uint8_t *payload, int bytes, const Header *header) noexcept nogil:
    """A packet of G.711 that nobody needs decoded: metered, and kept so that a voice can begin with it."""
    meter(leg, power(<Law>leg.media.kind, payload, bytes, header.sequence), bytes >> 3)
    memcpy(leg.last_payload, payload, bytes)
    leg.last_bytes = bytes
    leg.last_timestamp = header.timestamp

# The same of another codec.
cdef void pass_coded(Leg *leg, const uint8_t *payload, int bytes, uint32_t timestamp) noexcept nogil
# Into the leg's voices and the tap. Returns the samples that came new at their end.
cdef int decode_packet(Worker *worker, Leg *leg, const uint8_t *payload, int bytes, const Header *header) noexcept nogil
