"""One leg's RTCP on the wire: its socket or the RTP one (RFC 5761), protected where the leg is, sources checked as for RTP."""
from libc.stdint cimport int64_t, uint8_t

from native.endpoint cimport Endpoint
from native.includes cimport net
from native.session cimport Leg, Worker

cdef enum:
    MEASURE_NS = 5000000000     # between two measurements of a leg's quality

# A datagram of n bytes in worker.packet, which is RTCP or came on its port. `source` is NULL where the kernel has checked it.
cdef void on_report(Worker *worker, Leg *leg, int n, const Endpoint *source) noexcept nogil
# Send the report that is due, tell the control plane what was measured. Call about ten times a second.
cdef void sweep_reports(Worker *worker, Leg *leg) noexcept nogil
# The leg is over: the last report, with a BYE. Before its sockets are closed.
cdef void say_goodbye(Worker *worker, Leg *leg) noexcept nogil
# An ICMP error came back: nobody listens where this leg's packets go.
cdef void count_unreachable(Leg *leg) noexcept nogil
# An empty packet to a leg that is only listened to, so that a NAT keeps the way open (RFC 6263 §4.6).
cdef void keep_alive(Worker *worker, Leg *leg) noexcept nogil
