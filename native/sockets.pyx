"""A leg's sockets as the media thread's epoll knows them. How a packet is read is in the .pxd, inlined where it is used."""
from libc.stdint cimport uint64_t
from libc.string cimport memset

from native.includes cimport net
from native.session cimport Leg, Worker

cdef enum:
    WAITED = 64                 # packets that a socket holds at most


cdef void watch(Worker *worker, int fd, uint64_t token) noexcept nogil:
    cdef net.epoll_event event
    memset(&event, 0, sizeof(net.epoll_event))
    event.events = net.EPOLLIN
    event.data.u64 = token
    net.epoll_ctl(worker.epoll, net.EPOLL_CTL_ADD, fd, &event)


cdef void unwatch(Worker *worker, int fd) noexcept nogil:
    """Closing alone would not do: while a child process that is being started still has a copy, its events would go on."""
    cdef net.epoll_event event
    net.epoll_ctl(worker.epoll, net.EPOLL_CTL_DEL, fd, &event)
    net.close(fd)


cdef void hear_what_waited(Worker *worker, Leg *leg) noexcept nogil:
    cdef int packets = 0
    while packets < WAITED and receive_from(worker, <uint64_t>leg | STRAY):
        packets += 1
