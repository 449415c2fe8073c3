"""One frame made here: the sum of what a leg hears, encoded and sent."""
from libc.stdint cimport int64_t, uint16_t, uint32_t

from native.rtp cimport HEADER_BYTES
from native.session cimport Leg, PACKET_BYTES, Worker

cdef enum:
    MOST_OUT = PACKET_BYTES - HEADER_BYTES  # of a payload made here [bytes]

# Make and send n samples as this leg hears them.
# pacer: who is heard from `position` of its voice on, with `whole` in a packet just decoded; NULL: everybody by playout.
cdef void mix_frame(Worker *worker, Leg *leg, Leg *pacer, int64_t position, bint whole, int n, uint16_t sequence, uint32_t timestamp,
                    bint marker) noexcept nogil
