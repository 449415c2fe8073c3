"""Receive, send and wait as libc's, on a connected socket: the result, or -1 and errno."""
from native.includes.net cimport epoll_event

cdef extern from "systemcalls.h" nogil:
    ssize_t take_packet(int fd, void *buffer, size_t size)
    ssize_t give_packet(int fd, const void *packet, size_t size)
    int wait_for_events(int epoll, epoll_event *events, int most, int timeout_ms)
