"""Which source a leg listens to: symmetric RTP with a lock (RFC 7362)."""
from native.endpoint cimport Endpoint
from native.rtp cimport Header
from native.session cimport Leg, Worker

# May this packet be the leg's? Locks the leg where its source has shown itself to be the one.
cdef bint accept_source(Worker *worker, Leg *leg, const Endpoint *source, const Header *header) noexcept nogil
