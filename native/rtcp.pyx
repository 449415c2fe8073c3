"""RTCP packets on the wire: validity, reading, writing (RFC 3550 §6 and §A.2)."""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from native.rtp cimport get16, get32, put16, put32

cdef enum:
    BLOCK_BYTES = 24
    SR_BYTES = 28               # before its blocks
    RR_BYTES = 8
    VOIP_METRICS = 7            # an XR block's type
    VOIP_BYTES = 36             # of the block with its head

cdef struct Piece:              # one RTCP packet of a compound
    const uint8_t *at
    int n                       # [bytes] with its head, without padding
    uint8_t kind
    uint8_t count               # blocks, chunks or sources; an APP's subtype


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


cdef bint take_piece(const uint8_t *packet, int n, int offset, Piece *piece) noexcept nogil:
    """The RTCP packet at `offset`; False where it is none or is longer than what there is. Padding is the last one's alone."""
    cdef const uint8_t *at = packet + offset
    cdef int length, padding
    if offset + 4 > n or at[0] >> 6 != 2 or not 192 <= at[1] <= 223:
        return False
    length = 4 + 4 * get16(at + 2)
    if offset + length > n:
        return False
    piece.at = at
    piece.n = length
    piece.kind = at[1]
    piece.count = at[0] & 31
    if at[0] & 0x20:
        padding = at[length - 1]
        if offset + length != n or padding == 0 or padding % 4 != 0 or padding > length - 4:
            return False
        piece.n = length - padding
    return True


cdef bint blocks_fit(const Piece *piece) noexcept nogil:
    """The blocks of an XR fill it (RFC 3611 §2)."""
    cdef int at = 8
    while at + 4 <= piece.n:
        at += 4 + 4 * get16(piece.at + at + 2)
    return at == piece.n


cdef bint holds_what_it_says(const Piece *piece) noexcept nogil:
    if piece.kind == SR:
        return piece.n >= SR_BYTES + BLOCK_BYTES * piece.count
    if piece.kind == RR:
        return piece.n >= RR_BYTES + BLOCK_BYTES * piece.count
    if piece.kind == BYE:
        return piece.n >= 4 + 4 * piece.count
    if piece.kind == APP:
        return piece.n >= 12
    if piece.kind == XR:
        return piece.n >= 8 and blocks_fit(piece)
    return True                                             # SDES is not read; others are not understood


cdef void read_blocks(const uint8_t *at, int count, uint32_t ours, Compound *into) noexcept nogil:
    cdef int _number
    for _number in range(count):
        if get32(at) == ours:
            into.about_us = True
            into.block.fraction_lost = at[4]
            into.block.lost = <int32_t>(get32(at + 4) << 8) >> 8
            into.block.extended = get32(at + 8)
            into.block.jitter = get32(at + 12)
            into.block.lsr = get32(at + 16)
            into.block.dlsr = get32(at + 20)
        at += BLOCK_BYTES


cdef void read_sender(const uint8_t *at, Compound *into) noexcept nogil:
    into.from_sender = True
    into.sender.ntp = <uint64_t>get32(at + 8) << 32 | get32(at + 12)
    into.sender.timestamp = get32(at + 16)
    into.sender.packets = get32(at + 20)
    into.sender.octets = get32(at + 24)


cdef void read_metrics(const Piece *piece, uint32_t ours, Compound *into) noexcept nogil:
    cdef int offset = 8, length
    cdef const uint8_t *at
    while offset + 4 <= piece.n:
        at = piece.at + offset
        length = 4 + 4 * get16(at + 2)
        if at[0] == VOIP_METRICS and length == VOIP_BYTES and get32(at + 4) == ours:
            into.has_voip = True
            memcpy(into.voip.raw, at + 8, sizeof(into.voip.raw))
            into.voip.loss = at[8]
            into.voip.discard = at[9]
            into.voip.round_trip_ms = get16(at + 16)
            into.voip.end_delay_ms = get16(at + 18)
            into.voip.r_factor = at[24]
            into.voip.mos_lq = at[26]
            into.voip.mos_cq = at[27]
            into.voip.buffer_ms = get16(at + 30)
        offset += length


cdef void read_piece(const Piece *piece, bint first, uint32_t ours, Compound *into) noexcept nogil:
    cdef int number
    into.packets += 1
    if first and piece.n >= 8:
        into.ssrc = get32(piece.at + 4)
    if piece.kind == SR:
        if get32(piece.at + 4) == into.ssrc:
            read_sender(piece.at, into)
        read_blocks(piece.at + SR_BYTES, piece.count, ours, into)
    elif piece.kind == RR:
        read_blocks(piece.at + RR_BYTES, piece.count, ours, into)
    elif piece.kind == XR:
        read_metrics(piece, ours, into)
    elif piece.kind == BYE:
        for number in range(piece.count):
            into.goodbye |= get32(piece.at + 4 + 4 * number) == into.ssrc
    elif piece.kind != SDES:
        into.skipped += 1


cdef bint parse(const uint8_t *packet, int n, uint32_t ours, Compound *into) noexcept nogil:
    cdef Piece piece
    cdef int offset = 0
    memset(into, 0, sizeof(Compound))
    while offset < n:
        if not take_piece(packet, n, offset, &piece) or not holds_what_it_says(&piece):
            return False
        offset += 4 + 4 * get16(piece.at + 2)
    offset = 0
    while offset < n:                                       # all of it is sound: only now is anything believed
        take_piece(packet, n, offset, &piece)
        if offset == 0:
            into.reduced = piece.kind != SR and piece.kind != RR
        read_piece(&piece, offset == 0, ours, into)
        offset += 4 + 4 * get16(piece.at + 2)
    return into.packets > 0


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


cdef inline uint8_t *put_head(uint8_t *at, int count, int kind, int words, uint32_t ssrc) noexcept nogil:
    """A packet's head and the ssrc that follows it; `words` of 32 bits behind the head's first one."""
    at[0] = <uint8_t>(0x80 | count)
    at[1] = <uint8_t>kind
    put16(at + 2, <uint16_t>words)
    put32(at + 4, ssrc)
    return at + 8


cdef uint8_t *put_sender(uint8_t *at, const SenderInfo *sender) noexcept nogil:
    put32(at, <uint32_t>(sender.ntp >> 32))
    put32(at + 4, <uint32_t>sender.ntp)
    put32(at + 8, sender.timestamp)
    put32(at + 12, sender.packets)
    put32(at + 16, sender.octets)
    return at + 20


cdef uint8_t *put_block(uint8_t *at, uint32_t about, const Block *block) noexcept nogil:
    put32(at, about)
    put32(at + 4, <uint32_t>block.fraction_lost << 24 | (<uint32_t>block.lost & 0xFFFFFF))
    put32(at + 8, block.extended)
    put32(at + 12, block.jitter)
    put32(at + 16, block.lsr)
    put32(at + 20, block.dlsr)
    return at + BLOCK_BYTES


cdef uint8_t *put_cname(uint8_t *at, uint32_t ssrc, const uint8_t *cname) noexcept nogil:
    """§6.5: one chunk, its CNAME item, zeros up to a word's end."""
    at = put_head(at, 1, SDES, (4 + 2 + CNAME_BYTES + 2) // 4, ssrc)
    at[0] = 1
    at[1] = CNAME_BYTES
    memcpy(at + 2, cname, CNAME_BYTES)
    memset(at + 2 + CNAME_BYTES, 0, 2)
    return at + 2 + CNAME_BYTES + 2


cdef uint8_t *put_metrics(uint8_t *at, uint32_t ssrc, uint32_t about, const VoipMetrics *voip) noexcept nogil:
    at = put_head(at, 0, XR, 1 + VOIP_BYTES // 4, ssrc)
    at[0] = VOIP_METRICS
    at[1] = 0
    put16(at + 2, VOIP_BYTES // 4 - 1)
    put32(at + 4, about)
    memcpy(at + 8, voip.raw, sizeof(voip.raw))
    return at + VOIP_BYTES


cdef int write(const Compound *self, uint32_t about, const uint8_t *cname, uint8_t *into) noexcept nogil:
    cdef int words = (SR_BYTES if self.from_sender else RR_BYTES) // 4 - 1
    cdef uint8_t *at = into
    if self.about_us:
        words += BLOCK_BYTES // 4
    at = put_head(at, 1 if self.about_us else 0, SR if self.from_sender else RR, words, self.ssrc)
    if self.from_sender:
        at = put_sender(at, &self.sender)
    if self.about_us:
        at = put_block(at, about, &self.block)
    at = put_cname(at, self.ssrc, cname)
    if self.has_voip:
        at = put_metrics(at, self.ssrc, about, &self.voip)
    if self.goodbye:
        at = put_head(at, 1, BYE, 1, self.ssrc)
    return <int>(at - into)


# ── for tests ────────────────────────────────────────────────────────────────────────────────────────────────────────


def is_rtcp_packet(const uint8_t[::1] packet):
    """Where RTP and RTCP share a port: is this RTCP (RFC 5761 §4)?"""
    return bool(is_rtcp(&packet[0], <int>packet.shape[0]))


def parse_compound(const uint8_t[::1] packet, uint32_t ours=0):
    """A dict of the compound's facts, with those about `ours`; None where it is not valid. packet: any flat buffer of bytes."""
    cdef Compound compound
    if not parse(&packet[0], <int>packet.shape[0], ours, &compound):
        return None
    return {
        "ssrc": compound.ssrc,
        "sender": compound.sender if compound.from_sender else None,
        "block": compound.block if compound.about_us else None,
        "voip": {                                           # by name: as a whole, `raw` would be read as text, to a zero beyond its end
            "loss": compound.voip.loss,
            "discard": compound.voip.discard,
            "r_factor": compound.voip.r_factor,
            "mos_lq": compound.voip.mos_lq,
            "mos_cq": compound.voip.mos_cq,
            "round_trip_ms": compound.voip.round_trip_ms,
            "end_delay_ms": compound.voip.end_delay_ms,
            "buffer_ms": compound.voip.buffer_ms,
        } if compound.has_voip else None,
        "goodbye": bool(compound.goodbye),
        "packets": compound.packets,
        "skipped": compound.skipped,
        "reduced": bool(compound.reduced),
    }


def ntp(int64_t at_ns):
    """Wall time [ns since 1970] in NTP's 64 bits."""
    return ntp_time(at_ns)


def round_trip_units(uint32_t now, uint32_t sent, uint32_t dlsr):
    """Round-trip time [2^-16 s] from the three short times."""
    return round_trip(now, sent, dlsr)
