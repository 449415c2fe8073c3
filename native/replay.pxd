"""Packet indices and replay protection of one SRTP stream (RFC 3711 §3.3.1, §3.3.2, Appendix A)."""
from libc.stdint cimport int64_t, uint16_t, uint64_t
from libc.string cimport memset

cdef enum:
    WINDOW = 1024               # [packets] behind the newest that may still come, 20 s at 20 ms; a power of two
    WINDOW_WORDS = 16           # of 64 bits
    RTCP_WINDOW = 64            # [packets]

cdef struct Window:
    int64_t highest             # index (rollover counter << 16 | sequence number) of the newest packet
    bint started
    uint64_t seen[WINDOW_WORDS]  # a bit for each index from highest - WINDOW + 1 to highest, at index mod WINDOW

cdef struct RtcpWindow:         # the index is on the wire, so that nothing has to be estimated (§3.4)
    int64_t highest
    bint started
    uint64_t seen               # bit n: highest - n

cdef inline int64_t estimate(const Window *self, uint16_t sequence) noexcept nogil:
    """The index that a sequence number most likely stands for. There is none below zero: what would be is ahead."""
    cdef int64_t rollovers = self.highest >> 16
    cdef int last = <int>(self.highest & 0xFFFF)
    if not self.started:
        return sequence
    if last < 0x8000:
        if sequence - last > 0x8000 and rollovers > 0:
            rollovers -= 1
    elif last - 0x8000 > sequence:
        rollovers += 1
    return rollovers << 16 | sequence

cdef inline bint is_fresh(const Window *self, int64_t index) noexcept nogil:
    """Neither seen nor older than the window."""
    if not self.started or index > self.highest:
        return True
    if index <= self.highest - WINDOW:
        return False
    return not (self.seen[(index & (WINDOW - 1)) >> 6] >> (index & 63) & 1)

cdef inline void note(Window *self, int64_t index) noexcept nogil:
    """Remember an index that `is_fresh`. Only after the packet was found authentic."""
    cdef int64_t at
    if not self.started or index >= self.highest + WINDOW:
        memset(self.seen, 0, sizeof(self.seen))
        self.started = True
        self.highest = index
    else:
        at = self.highest + 1
        while at < index:                                   # what was skipped may still come
            self.seen[(at & (WINDOW - 1)) >> 6] &= ~(<uint64_t>1 << (at & 63))
            at += 1
        if index > self.highest:
            self.highest = index
    self.seen[(index & (WINDOW - 1)) >> 6] |= <uint64_t>1 << (index & 63)

cdef inline bint rtcp_is_fresh(const RtcpWindow *self, int64_t index) noexcept nogil:
    if not self.started or index > self.highest:
        return True
    if index <= self.highest - RTCP_WINDOW:
        return False
    return not (self.seen >> (self.highest - index) & 1)

cdef inline void rtcp_note(RtcpWindow *self, int64_t index) noexcept nogil:
    if not self.started or index >= self.highest + RTCP_WINDOW:
        self.started = True
        self.seen = 1
        self.highest = index
    elif index > self.highest:
        self.seen = self.seen << (index - self.highest) | 1
        self.highest = index
    else:
        self.seen |= <uint64_t>1 << (self.highest - index)
