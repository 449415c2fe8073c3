"""One packet's way through a call: checked, counted, relayed or overlaid the moment it comes."""
from native.endpoint cimport Endpoint
from native.session cimport Leg, Worker

# A datagram of n bytes in worker.packet, received for `leg`. `source` is NULL where the kernel has checked it (connected socket).
cdef void on_packet(Worker *worker, Leg *leg, int n, const Endpoint *source) noexcept nogil
