"""A leg that hears several: paced by one source's packets, and by the clock while that source is silent."""
from native.rtp cimport Header
from native.session cimport Leg, Worker

# A packet of the pacer's with the other voices laid over it. samples: of the packet, which the pacer's voices now end with.
cdef void overlay_packet(Worker *worker, Leg *leg, Leg *pacer, int samples, const Header *header) noexcept nogil
# Serve a leg whose mix the clock keeps flowing. Call every few milliseconds.
cdef void on_tick(Worker *worker, Leg *leg) noexcept nogil
