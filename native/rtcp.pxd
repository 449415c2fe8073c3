"""RTCP packets on the wire (RFC 3550 §6, RFC 3611 §4.7, RFC 5506, RFC 5761 §4): read from untrusted bytes, written from facts.

A compound is read into one flat struct: who sent it, its sender report, what it says about one stream of ours. What is not
understood is skipped, what is malformed is refused whole.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from native.includes cimport net

cdef enum:
    CNAME_BYTES = 16            # of base64: 96 random bits for each session (RFC 7022 §4.2)
    COMPOUND_BYTES = 160        # room for the longest compound that `write` makes
    UNKNOWN_METRIC = 127        # in an octet of VoIP metrics: not measured

cdef enum Kind:                 # packet types
    SR = 200
    RR = 201
    SDES = 202
    BYE = 203
    APP = 204
    XR = 207

cdef struct SenderInfo:         # §6.4.1; of an SR
    uint64_t ntp                # wall time [2^-32 s since 1900]
    uint32_t timestamp          # the same time by the stream's RTP clock [clock ticks]
    uint32_t packets
    uint32_t octets             # of payload

cdef struct Block:              # §6.4.1: how one stream is received
    uint8_t fraction_lost       # since the report before [1/256]
    int32_t lost                # since the stream's begin [packets], 24 bits; negative: more duplicates than losses
    uint32_t extended           # highest sequence number, its cycles above
    uint32_t jitter             # [clock ticks]
    uint32_t lsr                # middle 32 bits of the NTP time of the last SR heard; 0: none
    uint32_t dlsr               # since it was heard [2^-16 s]

cdef struct VoipMetrics:        # RFC 3611 §4.7; octets UNKNOWN_METRIC and times 0 where the far side does not know
    uint8_t loss                # on the network, since the stream's begin [1/256]
    uint8_t discard             # in its jitter buffer [1/256]
    uint8_t r_factor
    uint8_t mos_lq              # [1/10]
    uint8_t mos_cq              # [1/10]
    uint32_t round_trip_ms
    uint32_t end_delay_ms       # in the far side's own buffers and codec
    uint32_t buffer_ms          # nominal jitter buffer
    uint8_t raw[28]             # the block's contents behind the stream's ssrc, as they came

cdef struct Compound:
    uint32_t ssrc               # who sent it
    bint from_sender            # `sender` holds
    SenderInfo sender
    bint about_us               # `block` holds: of the stream asked for, the last one if there are several
    Block block
    bint has_voip               # `voip` holds: of that stream, too
    VoipMetrics voip
    bint goodbye                # the sender leaves (§6.6)
    int packets                 # RTCP packets in it
    int skipped                 # of those, not understood
    bint reduced                # does not begin with SR or RR (RFC 5506)

cdef inline bint is_rtcp(const uint8_t *packet, int n) noexcept nogil:
    """RTCP where RTP may come, too: RTP payload types 64–95 stay unused (RFC 5761 §4). Ask before RTP's own length check."""
    return n >= 4 and packet[0] >> 6 == 2 and 192 <= packet[1] <= 223

# Read n bytes. `ours`: the ssrc whose blocks are wanted. False where it is no valid compound; `into` then says nothing.
cdef bint parse(const uint8_t *packet, int n, uint32_t ours, Compound *into) noexcept nogil
# Write SR or RR, SDES CNAME and what else holds: at most COMPOUND_BYTES; returns how many. `about`: the stream that block and
# metrics are of.
cdef int write(const Compound *self, uint32_t about, const uint8_t *cname, uint8_t *into) noexcept nogil

cdef extern from "<time.h>" nogil:
    enum:
        CLOCK_REALTIME

cdef inline int64_t wall_ns() noexcept nogil:
    """Wall time [ns since 1970]; for what is written into an SR, never for measuring: it may be set."""
    cdef net.timespec time
    net.clock_gettime(CLOCK_REALTIME, &time)
    return <int64_t>time.tv_sec * 1000000000 + time.tv_nsec

cdef inline uint64_t ntp_time(int64_t at_ns) noexcept nogil:
    """§4: wall time as SRs carry it, modulo 2^32 s. at_ns: since 1970, not negative."""
    cdef uint64_t seconds = <uint32_t>(at_ns // 1000000000 + <int64_t>2208988800)
    return seconds << 32 | (<uint64_t>(at_ns % 1000000000) << 32) // 1000000000

cdef inline uint32_t short_time(int64_t at_ns) noexcept nogil:
    """Any clock in the unit of LSR and DLSR [2^-16 s], modulo 2^32. at_ns: not negative."""
    return <uint32_t>(at_ns // 1000000000) << 16 | <uint32_t>((at_ns % 1000000000 << 16) // 1000000000)

cdef inline int32_t round_trip(uint32_t now, uint32_t sent, uint32_t dlsr) noexcept nogil:
    """§6.4.1: A − LSR − DLSR, all in 2^-16 s and modulo 2^32. Negative where the clocks, or the far side, are wrong."""
    return <int32_t>(now - sent - dlsr)
