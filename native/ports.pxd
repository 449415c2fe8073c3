"""RTP ports: allocation from a range, quarantine after release."""

cdef class PortRange:
    cdef str bind
    cdef int low, high
    cdef double quarantine_s
    cdef object free            # deque of ports, longest unused first
    cdef object resting         # deque of (when they may be used again [s, monotonic], port)

    # Two sockets on a free even port: `fd` to be connected to the leg's source, `stray` for what comes from elsewhere.
    # Returns the port; raises NoFreePort, and OSError when the process has no file descriptor left.
    cdef int open(self, int *fd, int *stray, int *rtcp) except -1
    # The sockets are closed: the port may be used again after the quarantine.
    cdef void release(self, int port)
