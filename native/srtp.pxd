"""Secure RTP and RTCP of one leg (RFC 3711, RFC 6188, RFC 7714): both directions, and going over to other keys.

Contexts are opened and closed by the control plane and used by one media thread in between, as legs are. One that the media thread
has let go of says so in `retired`.
"""
from libc.stdint cimport uint8_t, uint32_t

from native.srtpcontext cimport Context
from native.srtpkeys cimport Verdict

cdef enum:
    SECURE_ROOM = 20            # [bytes] that a packet grows by at most: a tag of 16, and RTCP's index of 4

cdef struct Secure:             # what a leg holds; all zero is plain RTP
    Context *inbound            # NULL: what comes is plain
    Context *former             # the keys before, accepted until the first packet under those of `inbound`
    Context *outbound           # NULL: what goes is plain

# ── control plane ────────────────────────────────────────────────────────────────────────────────────────────────────

# Both directions under new keys: master key and salt together. Errors as `context_open`; nothing is open after one.
cdef int secure_open(Secure *self, int suite, bytes local, bytes remote, bytes mki=*, bint by_library=*, uint32_t ssrc=*) except -1
# As `secure_open`, but a direction whose key is that of `stated` goes on with its context: its counters must not begin anew.
cdef int secure_restate(Secure *self, const Secure *stated, int suite, bytes local, bytes remote, bytes mki=*, bint by_library=*,
                        uint32_t ssrc=*) except -1
# Close what is in `self` and not in `stated`: a restatement that never reached the media thread.
cdef void secure_abandon(Secure *self, const Secure *stated) noexcept nogil
# Addresses of the contexts that are in `self` and not in `fresh`: to be closed once they are `retired`.
cdef list secure_replaced(const Secure *self, const Secure *fresh)
# Close all. Only what no media thread can see.
cdef void secure_close(Secure *self) noexcept nogil

# ── media thread ─────────────────────────────────────────────────────────────────────────────────────────────────────

# Go over to other contexts (or to plain), between two packets. True where the outbound key changed in a stream whose rollover
# counter had left zero: the far side cannot know whether it goes on or begins anew, so send under a new ssrc from now on.
cdef bint secure_swap(Secure *self, const Secure *fresh) noexcept nogil
# Let go of all contexts: the leg is over.
cdef void secure_retire(Secure *self) noexcept nogil
# Take the protection off an n-byte packet, in place; n becomes the length of the plain packet. Nothing is changed unless SRTP_OK.
cdef Verdict unprotect(Secure *self, uint8_t *packet, int *n) noexcept nogil
cdef Verdict unprotect_rtcp(Secure *self, uint8_t *packet, int *n) noexcept nogil
# Protect an n-byte packet into `sealed`, which is `packet` itself or does not overlap it, and has room for SECURE_ROOM more bytes.
cdef Verdict protect(Secure *self, const uint8_t *packet, int *n, uint8_t *sealed) noexcept nogil
cdef Verdict protect_rtcp(Secure *self, const uint8_t *packet, int *n, uint8_t *sealed) noexcept nogil
