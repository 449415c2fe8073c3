"""Packets on their way out of a leg, relayed or made here: numbered, protected, sent, counted."""
from libc.stdint cimport int16_t, uint8_t, uint16_t, uint32_t

from native.rtp cimport Header
from native.session cimport Leg, Worker

# Send an n-byte packet of this leg's own stream, protected where the leg is.
cdef void transmit(Worker *worker, Leg *leg, const uint8_t *packet, int n) noexcept nogil
# Fit the pacer's numbers to what was sent last; True when they had to be fitted (a new talkspurt for the far side).
cdef bint anchor(Worker *worker, Leg *leg, const Header *header) noexcept nogil
# The n-byte packet in worker.packet itself, under this leg's numbers; ticks: of RTP time that it takes.
cdef void relay_packet(Worker *worker, Leg *leg, int n, const Header *header, uint8_t payload_type, int ticks) noexcept nogil
# A packet of the pacer's that this leg must not have: close the gap in its numbers (repeated and late ones make none).
cdef void skip_packet(Leg *leg, int skipped) noexcept nogil

cdef inline void remember(Worker *worker, Leg *leg, uint16_t sequence, uint32_t timestamp, int ticks) noexcept nogil:
    """Note the newest packet sent, for whoever sets the pace next."""
    if not leg.spoken or <int16_t><uint16_t>(sequence - leg.out_sequence) > 0:
        leg.out_sequence = sequence
        leg.out_timestamp = timestamp
        leg.out_ticks = ticks
    leg.spoken = True
    leg.emitted_ns = worker.now_ns
