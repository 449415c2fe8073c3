"""The same work done by libsrtp2: a second opinion for the tests, and a way back should `native.srtp` ever be doubted.

Not the default. As Debian builds it, on NSS, it makes a new cipher for every packet: 14 allocations (GCM: 5) under locks that all
threads share, and eight times the time of `native.srtp` (GCM: three). In the engine, secured on both sides at 100 calls, a relayed
packet then costs three times a plain one, against 1.25 times. It also allocates for the first packet of every ssrc that it was not
told of, which for what comes cannot be done ahead. `make bench` prints the kernels' figures.
"""
from libc.stdint cimport uint8_t, uint32_t

from native.includes.srtp2 cimport srtp_t
from native.srtpkeys cimport Verdict

# master: key and salt. ssrc: ours for an outbound session, so that its stream is made now; 0: any. RuntimeError: not supported.
cdef srtp_t library_open(int suite, const uint8_t *master, bint inbound, const uint8_t *mki, int mki_bytes,
                         uint32_t ssrc) except NULL
cdef void library_close(srtp_t self) noexcept nogil
# As in `native.srtpcontext`.
cdef Verdict library_unprotect(srtp_t self, uint8_t *packet, int *n, bint rtcp, bint with_mki) noexcept nogil
cdef Verdict library_protect(srtp_t self, const uint8_t *packet, int *n, uint8_t *sealed, bint rtcp) noexcept nogil
