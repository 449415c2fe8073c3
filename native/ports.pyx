"""RTP ports: allocation from a range, quarantine after release.

Even ports carry RTP, the odd ones above them RTCP (RFC 3550 §11). A released port rests, so that packets still on their
way to an ended call do not reach the next one; the longest unused port is taken first.
"""
import errno
import time
from collections import deque

from native.endpoint cimport Endpoint, endpoint_set
from native.includes cimport net

cdef enum:
    RECEIVE_BUFFER_BYTES = 16384            # the kernel doubles it: some 40 packets, so overload is loss, not delay
    RTCP_BUFFER_BYTES = 4096                # some reports
    TAKEN_REST_S = 5                        # before a port that another program holds is tried again


class NoFreePort(OSError):
    """Every even port of the range is taken or resting."""


cdef bint open_pair(str bind, int port, int *fd, int *stray, int *rtcp) except -1:
    """The first socket is bound alone, so that a port in use by anybody else is refused; only then may its twin share it.

    False when the port is taken.
    """
    cdef Endpoint local, above
    cdef int one = 1, zero = 0, size = RECEIVE_BUFFER_BYTES, small = RTCP_BUFFER_BYTES
    cdef int kind = net.SOCK_DGRAM | net.SOCK_NONBLOCK | net.SOCK_CLOEXEC
    cdef int each
    endpoint_set(&local, bind, port)
    endpoint_set(&above, bind, port + 1)
    fd[0] = net.socket(local.raw.any.sa_family, kind, 0)
    stray[0] = net.socket(local.raw.any.sa_family, kind, 0)
    rtcp[0] = net.socket(local.raw.any.sa_family, kind, 0)
    if fd[0] < 0 or stray[0] < 0 or rtcp[0] < 0:
        for each in (fd[0], stray[0], rtcp[0]):
            if each >= 0:
                net.close(each)
        raise OSError(errno.EMFILE, "no file descriptor left for an RTP port: raise the limit of open files")
    if net.bind(fd[0], &local.raw.any, local.length) == 0:
        net.setsockopt(fd[0], net.SOL_SOCKET, net.SO_REUSEPORT, &one, sizeof(one))
        net.setsockopt(stray[0], net.SOL_SOCKET, net.SO_REUSEPORT, &one, sizeof(one))
        if net.bind(stray[0], &local.raw.any, local.length) == 0 and net.bind(rtcp[0], &above.raw.any, above.length) == 0:
            for each in (fd[0], stray[0]):
                net.setsockopt(each, net.SOL_SOCKET, net.SO_REUSEPORT, &zero, sizeof(zero))
                net.setsockopt(each, net.SOL_SOCKET, net.SO_RCVBUF, &size, sizeof(size))
            net.setsockopt(rtcp[0], net.SOL_SOCKET, net.SO_RCVBUF, &small, sizeof(small))
            return True
    net.close(fd[0])
    net.close(stray[0])
    net.close(rtcp[0])
    return False


cdef class PortRange:
    """The control plane's; any Python thread."""

    def __init__(self, str bind, port_range, int quarantine_ms):
        """bind: an IP address. port_range: (first, last), of which even ones carry RTP. ValueError for what is neither."""
        cdef Endpoint probe
        self.bind = bind
        self.low = port_range[0] + (port_range[0] & 1)
        self.high = port_range[1]
        if not 0 < self.low <= self.high <= 65535:
            raise ValueError(f"not a range of UDP ports: {port_range!r}")
        endpoint_set(&probe, bind, 0)
        self.quarantine_s = quarantine_ms / 1000
        self.free = deque(range(self.low, min(self.high, 65533) + 1, 2))
        self.resting = deque()

    cdef int open(self, int *fd, int *stray, int *rtcp) except -1:
        cdef int port
        cdef double now = time.monotonic()
        while self.resting and self.resting[0][0] <= now:
            self.free.append(self.resting.popleft()[1])
        while self.free:
            port = self.free.popleft()
            if open_pair(self.bind, port, fd, stray, rtcp):
                return port
            self.resting.append((now + TAKEN_REST_S, port))
        raise NoFreePort(errno.EADDRNOTAVAIL, f"no free RTP port from {self.low} to {self.high} on {self.bind}")

    cdef void release(self, int port):
        if self.quarantine_s > 0:
            self.resting.append((time.monotonic() + self.quarantine_s, port))
        else:
            self.free.append(port)
