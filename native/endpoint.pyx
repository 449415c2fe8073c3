"""IP address and port, of either family."""
from libc.stdint cimport uint8_t
from libc.string cimport memcmp, memset

from native.includes cimport net


cdef bint same_host(const Endpoint *a, const Endpoint *b) noexcept nogil:
    if a.length == 0 or a.raw.any.sa_family != b.raw.any.sa_family:
        return False
    if a.raw.any.sa_family == net.AF_INET:
        return a.raw.v4.sin_addr.s_addr == b.raw.v4.sin_addr.s_addr
    return memcmp(&a.raw.v6.sin6_addr, &b.raw.v6.sin6_addr, 16) == 0


cdef bint same(const Endpoint *a, const Endpoint *b) noexcept nogil:
    # the port stands at the same place in both families
    return a.raw.v4.sin_port == b.raw.v4.sin_port and same_host(a, b)


cdef bint is_unspecified(const Endpoint *self) noexcept nogil:
    cdef int i
    if self.length == 0 or self.raw.v4.sin_port == 0:
        return True
    if self.raw.any.sa_family == net.AF_INET:
        return self.raw.v4.sin_addr.s_addr == 0
    for i in range(16):
        if self.raw.v6.sin6_addr.s6_addr[i]:
            return False
    return True


cdef bint behind_nat(const Endpoint *self) noexcept nogil:
    """Not to be reached from elsewhere: private (RFC 1918, RFC 4193), shared (RFC 6598), link-local, or none."""
    cdef const uint8_t *octets
    if is_unspecified(self):
        return True
    if self.raw.any.sa_family == net.AF_INET:
        octets = <const uint8_t *>&self.raw.v4.sin_addr
        return (octets[0] == 10 or (octets[0] == 172 and octets[1] & 0xF0 == 16) or (octets[0] == 192 and octets[1] == 168)
                or (octets[0] == 100 and octets[1] & 0xC0 == 64) or (octets[0] == 169 and octets[1] == 254))
    octets = <const uint8_t *>&self.raw.v6.sin6_addr
    return octets[0] & 0xFE == 0xFC or (octets[0] == 0xFE and octets[1] & 0xC0 == 0x80)


cdef int endpoint_set(Endpoint *self, str host, int port) except -1:
    cdef bytes text = host.encode("ascii", "replace")
    if not 0 <= port <= 65535:
        raise ValueError(f"not a UDP port: {port}")
    memset(self, 0, sizeof(Endpoint))
    if net.inet_pton(net.AF_INET, text, &self.raw.v4.sin_addr) == 1:
        self.raw.v4.sin_family = net.AF_INET
        self.length = sizeof(net.sockaddr_in)
    elif net.inet_pton(net.AF_INET6, text, &self.raw.v6.sin6_addr) == 1:
        self.raw.v6.sin6_family = net.AF_INET6
        self.length = sizeof(net.sockaddr_in6)
    else:
        raise ValueError(f"not an IP address: {host!r}")
    self.raw.v4.sin_port = net.htons(port)
    return 0


cdef object endpoint_text(const Endpoint *self):
    cdef char text[64]
    if self.length == 0:
        return None
    if self.raw.any.sa_family == net.AF_INET:
        net.inet_ntop(net.AF_INET, &self.raw.v4.sin_addr, text, 64)
    else:
        net.inet_ntop(net.AF_INET6, &self.raw.v6.sin6_addr, text, 64)
    return (<bytes>text).decode(), net.ntohs(self.raw.v4.sin_port)
