"""One direction of a leg's secure media: everything that belongs to one master key (RFC 3711 §3.2: a cryptographic context)."""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from native.includes.srtp2 cimport srtp_t
from native.replay cimport RtcpWindow, Window
from native.srtpkeys cimport Keyed, SessionKeys, Suite, Verdict

cdef enum:
    STREAMS = 8                 # ssrcs of one context; the far side's ninth takes the place of the one unheard for longest
    MOST_MKI_BYTES = 16
    FINGERPRINT_BYTES = 16
    NO_HINT = -1

cdef struct Stream:
    bint used
    uint32_t ssrc
    int64_t heard               # Context.clock at its newest packet
    Window rtp
    RtcpWindow rtcp             # of what comes
    int64_t rtcp_index          # of the next to be sent

cdef struct Context:
    int suite_id
    const Suite *suite
    bint inbound
    Keyed rtp
    Keyed rtcp
    uint8_t mki[MOST_MKI_BYTES]  # that every packet from the far side must carry
    int mki_bytes               # 0: none
    uint8_t fingerprint[FINGERPRINT_BYTES]
    Stream streams[STREAMS]
    int64_t clock               # [packets]
    srtp_t library              # where not NULL, libsrtp2 does the work, and the streams above are unused
    int64_t retired             # set by the media thread when it has let go

# ── control plane ────────────────────────────────────────────────────────────────────────────────────────────────────

# Allocates all that packets will need. ValueError: wrong length of key or MKI. RuntimeError: the suite is not supported.
# ssrc: ours, where `by_library` and outbound, so that libsrtp2 makes its stream now; else 0.
cdef Context *context_open(int suite, bytes master, bint inbound, bytes mki, bint by_library, uint32_t ssrc) except NULL
# The same from session keys, which RTP and RTCP then share: for published test vectors.
cdef Context *context_of_session_keys(int suite, const SessionKeys *keys, bint inbound) except NULL
# Wipes and frees. NULL is allowed. Only what no media thread can see, or what has `retired` set.
cdef void context_close(Context *self) noexcept nogil
# Whether this is the context of that very key, so that its counters must go on. NULL: no.
cdef bint context_fits(const Context *self, int suite, bytes master, bytes mki) except -1

# ── media thread ─────────────────────────────────────────────────────────────────────────────────────────────────────

# Tell the control plane that it may close this one. NULL is allowed.
cdef void retire(Context *self) noexcept nogil
# Whether any stream's sequence numbers have wrapped.
cdef bint has_rolled_over(const Context *self) noexcept nogil
# The index that a stream's sequence number would have; NO_HINT where the ssrc is not known.
cdef int64_t index_of(Context *self, uint32_t ssrc, uint16_t sequence) noexcept nogil
# hint: index to try for a stream's first packet when its own number is not it; or NO_HINT.
cdef Verdict open_rtp(Context *self, uint8_t *packet, int *n, int64_t hint) noexcept nogil
cdef Verdict open_rtcp(Context *self, uint8_t *packet, int *n) noexcept nogil
cdef Verdict seal_rtp(Context *self, const uint8_t *packet, int *n, uint8_t *sealed) noexcept nogil
cdef Verdict seal_rtcp(Context *self, const uint8_t *packet, int *n, uint8_t *sealed) noexcept nogil
