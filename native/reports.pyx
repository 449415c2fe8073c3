"""One leg's RTCP (RFC 3550 §6): intervals, loss and round trip computed, reports made, taken and passed on."""
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from native cimport reception as receptions
from native.rtcp cimport COMPOUND_BYTES, SenderInfo, ntp_time, parse, round_trip, short_time, write

cdef enum:
    MOST_LOST = 0x7FFFFF        # §6.4.1: 24 bits, signed
    CLOCK_SLACK = 66            # [2^-16 s] a round trip may come out negative, by rounding: then it is 0

cdef int64_t INTERVAL_NS = 5000000000               # §6.2: the minimum, which 5 % of any audio stream's bandwidth allows
cdef int64_t STALE_NS = 3 * 5000000000              # a far side's figures older than two of its longest intervals


# ── when ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


cdef uint64_t draw(Reports *self) noexcept nogil:
    """The next number of SplitMix64: spread wide whatever the seed."""
    cdef uint64_t z
    self.random += <uint64_t>0x9E3779B97F4A7C15
    z = self.random
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return z ^ (z >> 31)


cdef int64_t wait_ns(Reports *self) noexcept nogil:
    """0.5 to 1.5 intervals (§6.3.1). Not divided by e − 1.5, which makes up for timer reconsideration: two members have none."""
    return INTERVAL_NS // 2 + <int64_t>(draw(self) % <uint64_t>INTERVAL_NS)


cdef void begin(Reports *self, uint64_t seed, const uint8_t *cname, int64_t now_ns) noexcept nogil:
    memset(self, 0, sizeof(Reports))
    self.random = seed
    memcpy(self.cname, cname, CNAME_BYTES)
    self.round_trip_ns = -1
    self.due_ns = now_ns + wait_ns(self) // 2


# ── what was received ────────────────────────────────────────────────────────────────────────────────────────────────


cdef inline int64_t expected_packets(const Reception *reception) noexcept nogil:
    """Over all streams that this leg has had."""
    if not reception.started:
        return 0
    return reception.expected_before + reception.extended - reception.base + 1


cdef int64_t close_interval(Interval *self, const Reception *reception, int64_t *expected) noexcept nogil:
    """Packets lost since its begin, of `expected` (§A.3); it begins anew. Negative when more came than were due."""
    cdef int64_t due = expected_packets(reception)
    cdef int64_t lost
    expected[0] = due - self.expected
    lost = expected[0] - (reception.received - self.received)
    self.expected = due
    self.received = reception.received
    return lost


cdef inline int64_t lost_packets(const Reports *self, const Reception *reception) noexcept nogil:
    """Of the present stream, by our own count; negative when more came than were due."""
    return expected_packets(reception) - reception.received - self.lost_before


cdef void restarted(Reports *self, const Reception *reception) noexcept nogil:
    self.lost_before = reception.expected_before - (reception.received - 1)
    self.lost.told = self.lost.by = 0


cdef void renamed(Reports *self) noexcept nogil:
    self.sent[0] = self.sent[1] = 0
    self.told.lost = 0
    memset(&self.packets, 0, sizeof(Shift))
    memset(&self.octets, 0, sizeof(Shift))


cdef inline int64_t tell_ours(Shift *self, int64_t ours) noexcept nogil:
    self.told = ours + self.by
    return self.told


cdef inline int64_t tell_theirs(Shift *self, int64_t grown, int64_t ours) noexcept nogil:
    """The other party's count has grown by so much since we heard it last. Ours goes on from there."""
    self.told += grown
    self.by = self.told - ours
    return self.told


cdef inline int32_t in_24_bits(int64_t lost) noexcept nogil:
    return <int32_t>max(-MOST_LOST - 1, min(MOST_LOST, lost))


cdef bint describe(Reports *self, const Reception *reception, int64_t now_ns, Block *block) noexcept nogil:
    """The block about the leg's stream; False when nothing of it has come since the last report (§6.4)."""
    cdef int64_t received = reception.received - self.interval.received
    cdef int64_t expected, lost
    lost = close_interval(&self.interval, reception, &expected)
    if received <= 0:
        return False
    block.fraction_lost = <uint8_t>(lost * 256 // expected) if lost > 0 else 0     # some came: less than all is lost
    block.lost = in_24_bits(tell_ours(&self.lost, lost_packets(self, reception)))
    block.extended = <uint32_t>reception.extended
    block.jitter = <uint32_t>reception.jitter
    block.lsr = block.dlsr = 0
    if self.lsr_ns and self.heard_ssrc == reception.ssrc:
        block.lsr = self.lsr
        block.dlsr = short_time(now_ns) - short_time(self.lsr_ns)
    return True


# ── reporting ────────────────────────────────────────────────────────────────────────────────────────────────────────


cdef void remember(Reports *self, uint64_t ntp, int64_t now_ns, bint relayed) noexcept nogil:
    cdef SenderReport *entry = &self.memory[self.sender_reports % SENDER_REPORTS]
    entry.lsr = <uint32_t>(ntp >> 16)
    entry.sent = short_time(now_ns)
    entry.relayed = relayed
    self.sender_reports += 1


cdef bint tell_sent(Reports *self, const Sent *sent, int64_t now_ns, int64_t wall_ns, SenderInfo *info) noexcept nogil:
    """What was sent since the report before the last (§6.4); False: nothing was. One instant by both clocks (§6.4.1): the stream's goes
    on from its newest packet.
    """
    if sent.packets <= self.sent[1]:
        return False
    info.ntp = ntp_time(wall_ns)
    info.timestamp = sent.timestamp + <uint32_t>((now_ns - sent.at_ns) // 1000 * sent.clock_hz // 1000000)
    info.packets = <uint32_t>tell_ours(&self.packets, sent.packets)
    info.octets = <uint32_t>tell_ours(&self.octets, sent.octets)
    remember(self, info.ntp, now_ns, False)
    return True


cdef void count_report(Reports *self, const Sent *sent) noexcept nogil:
    self.made += 1
    self.sent[1] = self.sent[0]
    self.sent[0] = sent.packets


cdef int compose(Reports *self, const Reception *reception, const Sent *sent, int64_t now_ns, int64_t wall_ns, bint goodbye,
                 uint8_t *into) noexcept nogil:
    cdef Compound compound
    memset(&compound, 0, sizeof(Compound))
    compound.ssrc = sent.ssrc
    compound.about_us = describe(self, reception, now_ns, &compound.block)
    compound.from_sender = tell_sent(self, sent, now_ns, wall_ns, &compound.sender)
    compound.goodbye = goodbye
    count_report(self, sent)
    return write(&compound, reception.ssrc, self.cname, into)


cdef int report(Reports *self, const Reception *reception, const Sent *sent, int64_t now_ns, int64_t wall_ns,
                uint8_t *into) noexcept nogil:
    self.due_ns = now_ns + wait_ns(self)
    return compose(self, reception, sent, now_ns, wall_ns, False, into)


cdef int leave(Reports *self, const Reception *reception, const Sent *sent, int64_t now_ns, int64_t wall_ns,
               uint8_t *into) noexcept nogil:
    self.due_ns = 0
    if self.made == 0 and sent.packets == 0:
        return 0
    return compose(self, reception, sent, now_ns, wall_ns, True, into)


# ── hearing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


cdef const SenderReport *recall(const Reports *self, uint32_t lsr) noexcept nogil:
    """The sender report that a far side means; NULL: none of ours, or too old."""
    cdef int back, index
    if lsr != 0:
        for back in range(1, min(<int>SENDER_REPORTS, self.sender_reports) + 1):
            index = (self.sender_reports - back) % SENDER_REPORTS
            if self.memory[index].lsr == lsr:
                return &self.memory[index]
    return NULL


cdef void time_round_trip(Reports *self, const Block *block, int64_t now_ns) noexcept nogil:
    """By when the echoed report went out, not by the time written in it: a clock that is set, a made-up LSR measure nothing."""
    cdef const SenderReport *echoed = recall(self, block.lsr)
    cdef int32_t units
    if echoed == NULL:
        return
    units = round_trip(short_time(now_ns), echoed.sent, block.dlsr)
    if units >= -CLOCK_SLACK:
        self.round_trip_ns = <int64_t>max(0, units) * 1000000000 // 65536


cdef bint hear(Reports *self, const Compound *compound, uint32_t ours, int64_t now_ns) noexcept nogil:
    if compound.ssrc == ours:
        return False
    if compound.from_sender:
        self.heard_ssrc = compound.ssrc
        self.heard_packets = compound.sender.packets
        self.heard_octets = compound.sender.octets
        self.lsr = <uint32_t>(compound.sender.ntp >> 16)
        self.lsr_ns = now_ns
    if compound.about_us:
        self.told = compound.block
        self.told_ns = now_ns
        time_round_trip(self, &compound.block, now_ns)
    if compound.has_voip:
        self.voip = compound.voip
        self.has_voip = True
    self.goodbye = compound.goodbye
    return True


# ── passing on ───────────────────────────────────────────────────────────────────────────────────────────────────────


cdef int64_t sender_number(const Stream *stream, uint32_t extended) noexcept nogil:
    """A listener's highest sequence number as the sender numbers it: near the highest that the sender has reached."""
    cdef uint16_t low = <uint16_t>(extended - stream.sequence_offset)
    return stream.extended + <int16_t><uint16_t>(low - <uint16_t>stream.extended)


cdef void pass_sent(Reports *from_side, Reports *to_side, const SenderInfo *said, const Stream *onward, const Sent *sent, int64_t now_ns,
                    SenderInfo *info) noexcept nogil:
    cdef bint known = from_side.lsr_ns != 0 and from_side.heard_ssrc == onward.in_ssrc
    cdef uint32_t packets = said.packets - from_side.heard_packets if known else said.packets
    cdef uint32_t octets = said.octets - from_side.heard_octets if known else said.octets
    info.ntp = said.ntp
    info.timestamp = said.timestamp + onward.timestamp_offset
    info.packets = <uint32_t>tell_theirs(&to_side.packets, packets, sent.packets)
    info.octets = <uint32_t>tell_theirs(&to_side.octets, octets, sent.octets)
    remember(to_side, said.ntp, now_ns, True)


cdef void pass_block(Reports *from_side, Reports *to_side, const Stream *backward, const Reception *reception,
                     Block *block) noexcept nogil:
    cdef int64_t grown = block.lost - from_side.told.lost
    cdef int64_t expected
    cdef const SenderReport *echoed = recall(from_side, block.lsr)
    close_interval(&to_side.interval, reception, &expected)
    block.lost = in_24_bits(tell_theirs(&to_side.lost, grown, lost_packets(to_side, reception)))
    block.extended = <uint32_t>sender_number(backward, block.extended)
    if echoed == NULL or not echoed.relayed:                # of a report of our own: the other side knows no such time
        block.lsr = block.dlsr = 0


cdef int relay(Reports *from_side, Reports *to_side, const Compound *compound, const Stream *onward, const Stream *backward,
               const Reception *reception, const Sent *sent, int64_t now_ns, int64_t wall_ns, uint8_t *into) noexcept nogil:
    cdef Compound passed = compound[0]
    passed.ssrc = sent.ssrc
    passed.goodbye = False                                  # we go on sending under this ssrc
    passed.from_sender = compound.from_sender and onward.relayed and compound.ssrc == onward.in_ssrc
    passed.about_us = compound.about_us and backward.relayed
    passed.has_voip = compound.has_voip and passed.about_us
    if not passed.from_sender and not passed.about_us:
        return 0
    if passed.from_sender:
        pass_sent(from_side, to_side, &compound.sender, onward, sent, now_ns, &passed.sender)
    elif not onward.relayed:
        passed.from_sender = tell_sent(to_side, sent, now_ns, wall_ns, &passed.sender)
    if passed.about_us:
        pass_block(from_side, to_side, backward, reception, &passed.block)
    elif not backward.relayed:
        passed.about_us = describe(to_side, reception, now_ns, &passed.block)
    count_report(to_side, sent)
    to_side.due_ns = now_ns + STALE_NS
    return write(&passed, reception.ssrc, to_side.cname, into)


# ── measuring ────────────────────────────────────────────────────────────────────────────────────────────────────────


cdef void measure(Reports *self, const Reception *reception, int64_t now_ns, Quality *into) noexcept nogil:
    cdef int64_t expected
    memset(into, 0, sizeof(Quality))
    into.lost = <int>close_interval(&self.measured, reception, &expected)
    into.expected = <int>expected
    into.jitter = <uint32_t>reception.jitter
    into.round_trip_ns = self.round_trip_ns
    if self.told_ns and now_ns - self.told_ns < STALE_NS:
        into.told = True
        into.far_fraction_lost = self.told.fraction_lost
        into.far_jitter = self.told.jitter
        if self.has_voip:
            into.far_voip = True
            into.far_discard = self.voip.discard
            into.far_delay_ms = self.voip.end_delay_ms


# ── for tests ────────────────────────────────────────────────────────────────────────────────────────────────────────


cdef class Reporter:
    """A leg as its RTCP sees it: streams both ways, reports both ways. All times are given, in ns."""

    cdef Reports reports
    cdef Reception reception
    cdef Sent sent
    cdef public int sequence_offset         # of what this leg sends, to what it was made of
    cdef public uint32_t timestamp_offset

    def __init__(self, uint32_t ssrc, uint64_t seed=1, const uint8_t[::1] cname=b"0123456789abcdef", int64_t now_ns=0,
                 int clock_hz=8000):
        """ssrc: of what the leg sends. seed: of the chance that spreads its reports (RFC 3550 §6.3.1). cname: 16 bytes, else ValueError."""
        if cname.shape[0] != CNAME_BYTES:
            raise ValueError(f"a CNAME of {cname.shape[0]} bytes, not {CNAME_BYTES}")
        begin(&self.reports, seed, &cname[0], now_ns)
        self.sent.ssrc = ssrc
        self.sent.clock_hz = clock_hz

    def receive(self, uint16_t sequence, uint32_t timestamp, int64_t at_ns, uint32_t ssrc, int payload_bytes=160):
        """A packet of the far side's came at `at_ns`; timestamp by the RTP clock, of `clock_hz`."""
        cdef int64_t restarts = self.reception.restarts
        receptions.receive(&self.reception, sequence, timestamp, ssrc, payload_bytes, at_ns, <int>self.sent.clock_hz // 1000)
        if self.reception.restarts != restarts:
            restarted(&self.reports, &self.reception)

    def send(self, uint32_t timestamp, int64_t at_ns, int payload_bytes=160):
        """The leg has sent a packet."""
        self.sent.packets += 1
        self.sent.octets += payload_bytes
        self.sent.timestamp = timestamp
        self.sent.at_ns = at_ns

    def report(self, int64_t now_ns, int64_t wall_ns=0):
        """The compound that is sent now, in bytes (RFC 3550 §6.4). wall_ns: since 1970, for its NTP time."""
        cdef uint8_t into[COMPOUND_BYTES]
        cdef int n = report(&self.reports, &self.reception, &self.sent, now_ns, wall_ns, into)
        return into[:n]

    def leave(self, int64_t now_ns, int64_t wall_ns=0):
        """The last one, with its BYE (RFC 3550 §6.6)."""
        cdef uint8_t into[COMPOUND_BYTES]
        cdef int n = leave(&self.reports, &self.reception, &self.sent, now_ns, wall_ns, into)
        return into[:n]

    def hear(self, const uint8_t[::1] packet, int64_t now_ns):
        """True when it was taken, False when it was not, None when it is no compound."""
        cdef Compound compound
        if not parse(&packet[0], <int>packet.shape[0], self.sent.ssrc, &compound):
            return None
        return bool(hear(&self.reports, &compound, self.sent.ssrc, now_ns))

    def relay(self, Reporter to_side, const uint8_t[::1] packet, int64_t now_ns, int64_t wall_ns=0, bint onward=True, bint backward=True):
        """What `to_side`'s far end is sent of a compound that this leg's far end has sent; b"" where that is nothing. It is heard here,
        too. onward, backward: what it sends, and what it hears, is relayed untouched.
        """
        cdef uint8_t into[COMPOUND_BYTES]
        cdef Compound compound
        cdef Stream there = stream_of(&self.reception, onward, to_side.sent.ssrc, <uint16_t>to_side.sequence_offset,
                                      to_side.timestamp_offset)
        cdef Stream here = stream_of(&to_side.reception, backward, self.sent.ssrc, <uint16_t>self.sequence_offset, self.timestamp_offset)
        cdef int n
        if not parse(&packet[0], <int>packet.shape[0], self.sent.ssrc, &compound):
            return b""
        n = relay(&self.reports, &to_side.reports, &compound, &there, &here, &to_side.reception, &to_side.sent, now_ns, wall_ns, into)
        hear(&self.reports, &compound, self.sent.ssrc, now_ns)
        return into[:n]

    def quality(self, int64_t now_ns):
        """The `Quality` of the line since this was asked last, as a dict."""
        cdef Quality quality
        measure(&self.reports, &self.reception, now_ns, &quality)
        return quality

    def is_due(self, int64_t now_ns):
        """Is a report to be sent now?"""
        return bool(due(&self.reports, now_ns))

    @property
    def due_ns(self):
        """When the next report is."""
        return self.reports.due_ns

    @property
    def round_trip_ns(self):
        """By the far side's last report that said so (RFC 3550 §6.4.1)."""
        return self.reports.round_trip_ns

    @property
    def told(self):
        """The far side's last report block about us, as a dict; None before the first."""
        return self.reports.told if self.reports.told_ns else None

    @property
    def goodbye(self):
        """Has the far side sent its BYE?"""
        return bool(self.reports.goodbye)
