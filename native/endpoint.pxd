"""IP address and port, of either family, as the kernel takes it."""
from libc.stdint cimport uint16_t
from native.includes cimport net

cdef union Raw:
    net.sockaddr any
    net.sockaddr_in v4
    net.sockaddr_in6 v6

cdef struct Endpoint:
    Raw raw
    net.socklen_t length        # 0: none

cdef bint same_host(const Endpoint *a, const Endpoint *b) noexcept nogil
cdef bint same(const Endpoint *a, const Endpoint *b) noexcept nogil
cdef bint is_unspecified(const Endpoint *self) noexcept nogil
cdef bint behind_nat(const Endpoint *self) noexcept nogil
# ValueError where `host` is not an address in text.
cdef int endpoint_set(Endpoint *self, str host, int port) except -1
cdef object endpoint_text(const Endpoint *self)
