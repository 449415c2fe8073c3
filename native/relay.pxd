"""One packet's way through a call: checked, counted, relayed or overlaid the moment it comes."""
from native.endpoint cimport Endpoint
from native.session cimport Leg, Worker

# A datagram of n bytes in worker.packet, received for `leg`. `source` is NULL where the kernel has checked it (connected socket).
cdef void on_packet(Worker *worker, Leg *leg, int n, const Endpoint *source) noexcept nogil
# Serve a leg whose mix the clock keeps flowing. Call every few milliseconds.
cdef void on_tick(Worker *worker, Leg *leg) noexcept nogil
# Let a supervisor hear the last `seconds` again, or come back from there.
cdef void on_rehear(Worker *worker, Leg *leg, double seconds) noexcept nogil
# Let an advisor hear that somebody has joined.
cdef void on_chime(Worker *worker, Leg *leg) noexcept nogil
# Look for silence, lost key ends and refusals to report. Call about ten times a second.
cdef void on_sweep(Worker *worker, Leg *leg) noexcept nogil
