"""Keys that a leg presses, as telephone-events (RFC 4733) or as tones in its audio: told, and kept from whom they are not for."""
from libc.stdint cimport uint8_t

from native.rtp cimport Header
from native.session cimport Leg, Worker

# A telephone-event: an n-byte packet in worker.packet; skipped: as of reception.receive.
cdef void on_key(Worker *worker, Leg *leg, int n, const Header *header, int skipped) noexcept nogil
# n bytes of G.711 from a leg that has a receiver for tones; they may be silenced in place.
cdef void hear_tones(Worker *worker, Leg *leg, uint8_t *payload, int n) noexcept nogil
# The same for another codec's packet, which its voices now end with (samples at the codec's rate); they may be silenced there. Before
# the packet goes on to anybody.
cdef void hear_decoded_tones(Worker *worker, Leg *leg, int samples) noexcept nogil
