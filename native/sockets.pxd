"""A leg's sockets as the media thread's epoll knows them, and one packet out of one of them."""
from libc.stdint cimport uint64_t
from libc.errno cimport ECONNREFUSED, EHOSTUNREACH, errno

from native.endpoint cimport Endpoint
from native.includes cimport net
from native.includes.atomics cimport add_relaxed
from native.includes.systemcalls cimport take_packet
from native.legreports cimport count_unreachable, on_report
from native.relay cimport on_packet
from native.session cimport Leg, PACKET_BYTES, SUPERVISOR, Worker, fetch, fetch_kept

cdef enum:
    COMMANDED = 0               # epoll tokens that are no leg's
    TIMER = 2
    STRAY = 1                   # in an epoll token: the leg's unconnected socket (legs are aligned, the bits are free)
    RTCP = 4                    # its socket for RTCP

cdef void watch(Worker *worker, int fd, uint64_t token) noexcept nogil
# And close it.
cdef void unwatch(Worker *worker, int fd) noexcept nogil

# After a leg's lock, which parts two sockets' packets: those that came before it go first.
cdef void hear_what_waited(Worker *worker, Leg *leg) noexcept nogil

cdef inline Leg *leg_of(uint64_t token) noexcept nogil:
    return <Leg *>(token & ~<uint64_t>(STRAY | TIMER | RTCP))

cdef inline bint is_supervisors(uint64_t token) noexcept nogil:
    return leg_of(token).role == SUPERVISOR

cdef inline bint receive_from(Worker *worker, uint64_t token) noexcept nogil:
    """One packet of one socket; what else it holds is there in the next round, after the other sockets. False: it holds none."""
    cdef Leg *leg = leg_of(token)
    cdef Endpoint source
    cdef ssize_t n
    cdef bint locked
    if token & RTCP:
        source.length = sizeof(source.raw)
        n = net.recvfrom(leg.rtcp_fd, worker.packet, PACKET_BYTES, 0, &source.raw.any, &source.length)
        if n >= 0:
            on_report(worker, leg, <int>n, &source)
    elif token & STRAY or not leg.locked:
        locked = leg.locked
        source.length = sizeof(source.raw)
        n = net.recvfrom(leg.stray_fd if token & STRAY else leg.fd, worker.packet, PACKET_BYTES, 0, &source.raw.any, &source.length)
        if n >= 0:
            add_relaxed(&worker.received, 1)
            on_packet(worker, leg, <int>n, &source)
            if leg.locked and not locked:
                hear_what_waited(worker, leg)
    else:
        if leg.relays_to != NULL:
            fetch(leg.relays_to)
            fetch_kept(leg)
        n = take_packet(leg.fd, worker.packet, PACKET_BYTES)
        if n >= 0:
            add_relaxed(&worker.received, 1)
            on_packet(worker, leg, <int>n, NULL)
        elif errno == ECONNREFUSED or errno == EHOSTUNREACH:        # ICMP, taken from the socket by this call
            count_unreachable(leg)
    return n >= 0
