"""RTP packets on the wire (RFC 3550 §5.1): parsing without copying, rewriting in place."""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t

cdef enum:
    HEADER_BYTES = 12
    MOST_SAMPLES = 1920         # of one packet: 120 ms at 16 kHz

cdef enum Refusal:              # why a packet was dropped; the names are in `rtp.REFUSALS`
    ACCEPTED = 0
    MALFORMED                   # not RTP version 2, or shorter than it says
    RTCP_PACKET                 # RTCP on the RTP port (RFC 5761 §4)
    FOREIGN_SOURCE              # not from the source that the leg is locked to
    PAYLOAD_TYPE                # a payload type that was not negotiated
    NOT_CONNECTED               # before the leg's media was negotiated
    NOT_EXPECTED                # the leg is on hold in this direction
    TOO_LONG                    # more than 120 ms
    SEND_FAILED                 # the kernel did not take a packet towards this leg
    UNAUTHENTIC                 # not made with the key that the far side announced, or plain where it must not be
    REPLAYED                    # a protected packet seen before, or older than the window
    UNREADABLE                  # too short to be a protected packet
    NOT_SEALED                  # a packet towards this leg that must not be protected (its number was used)
    BAD_REPORT                  # RTCP that is none, or our own
    UNREACHABLE                 # an ICMP error came back: nobody listens where this leg's packets go
    REFUSALS_END

cdef struct Header:
    uint8_t payload_type
    bint marker
    uint16_t sequence
    uint32_t timestamp          # [ticks of the stream's clock rate]
    uint32_t ssrc
    int payload_offset          # [bytes] from the packet's begin, behind CSRCs and header extension
    int payload_bytes           # [bytes] without padding

cdef inline uint16_t get16(const uint8_t *at) noexcept nogil:
    return <uint16_t>(at[0] << 8 | at[1])

cdef inline uint32_t get32(const uint8_t *at) noexcept nogil:
    return <uint32_t>at[0] << 24 | <uint32_t>at[1] << 16 | <uint32_t>at[2] << 8 | at[3]

cdef inline void put16(uint8_t *at, uint16_t value) noexcept nogil:
    at[0] = <uint8_t>(value >> 8)
    at[1] = <uint8_t>value

cdef inline void put32(uint8_t *at, uint32_t value) noexcept nogil:
    at[0] = <uint8_t>(value >> 24)
    at[1] = <uint8_t>(value >> 16)
    at[2] = <uint8_t>(value >> 8)
    at[3] = <uint8_t>value

cdef inline Refusal parse(const uint8_t *packet, int n, Header *header) noexcept nogil:
    """Read the header of an n-byte datagram. Anything may be in it; nothing beyond n is read."""
    cdef int offset, padding
    if n < HEADER_BYTES or packet[0] >> 6 != 2:
        return MALFORMED
    if 192 <= packet[1] <= 223:
        return RTCP_PACKET
    offset = HEADER_BYTES + 4 * (packet[0] & 15)
    if packet[0] & 0x10:
        if offset + 4 > n:
            return MALFORMED
        offset += 4 + 4 * get16(packet + offset + 2)
    if offset > n:
        return MALFORMED
    padding = 0
    if packet[0] & 0x20:
        padding = packet[n - 1]
        if padding == 0 or offset + padding > n:
            return MALFORMED
    header.marker = packet[1] >> 7
    header.payload_type = packet[1] & 0x7F
    header.sequence = get16(packet + 2)
    header.timestamp = get32(packet + 4)
    header.ssrc = get32(packet + 8)
    header.payload_offset = offset
    header.payload_bytes = n - offset - padding
    return ACCEPTED

cdef inline void rewrite(uint8_t *packet, bint marker, uint8_t payload_type, uint16_t sequence, uint32_t timestamp,
                         uint32_t ssrc) noexcept nogil:
    """Put another header's facts into a packet; its first byte, CSRCs, extension and payload stay."""
    packet[1] = <uint8_t>(marker << 7 | payload_type)
    put16(packet + 2, sequence)
    put32(packet + 4, timestamp)
    put32(packet + 8, ssrc)


cdef struct TimeScale:          # one clock's timestamps on another clock
    bint begun
    uint32_t at
    uint32_t there              # what `at` is there

cdef inline uint32_t rescale(TimeScale *self, uint32_t timestamp, int from_khz, int to_khz) noexcept nogil:
    cdef int64_t ticks
    if not self.begun:
        self.begun = True
        self.at = self.there = timestamp
    ticks = <int64_t><int32_t>(timestamp - self.at) * to_khz
    if ticks % from_khz:
        return self.there + <uint32_t>(ticks // from_khz)
    self.at = timestamp
    self.there += <uint32_t>(ticks // from_khz)
    return self.there
