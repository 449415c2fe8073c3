"""One leg's RTCP: when it reports and what, what its far side says, how that goes on to the other far side (RFC 3550 §6, §7.2).

Pure: time and facts come in, bytes go out. A session of two needs none of §6.3's counting of members: the interval is the minimum.
"""
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from native.reception cimport Reception
from native.rtcp cimport Block, CNAME_BYTES, Compound, VoipMetrics

cdef enum:
    SENDER_REPORTS = 4          # remembered, so that their echo gives the round-trip time

cdef struct Interval:           # what had been due and had come at its begin
    int64_t expected            # [packets]
    int64_t received            # [packets]

cdef struct SenderReport:       # one that went out
    uint32_t lsr                # what the far side calls it: middle 32 bits of the NTP time in it
    uint32_t sent               # when, by the monotonic clock [2^-16 s]
    bint relayed                # the other far side's, so its time is that side's

cdef struct Sent:               # what the leg has sent
    uint32_t ssrc
    int64_t packets
    int64_t octets              # of payload
    uint32_t timestamp          # of the newest packet [clock ticks]
    int64_t at_ns               # when it was sent
    int clock_hz                # of the RTP clock: 8000 for G.711 and G.722, 48000 for Opus

cdef struct Stream:             # one direction of a conversation
    bint relayed                # its listener has its packets untouched: the rest holds
    uint32_t in_ssrc            # as its sender numbers it
    uint32_t out_ssrc           # and as its listener hears it
    uint16_t sequence_offset    # out = in + offset
    uint32_t timestamp_offset
    int64_t extended            # highest sequence number of the sender's, with its cycles

cdef struct Shift:              # what a far side is told counts on, whoever counts: told = ours + by
    int64_t told                # last
    int64_t by

cdef struct Quality:            # of the time since the last one: facts for the E-model, both directions
    int expected                # from the far side [packets]
    int lost                    # of those [packets]; negative: more duplicates than losses
    uint32_t jitter             # [clock ticks]
    bint told                   # the far side has reported lately: its figures hold
    uint8_t far_fraction_lost   # of what we sent, in the far side's last interval [1/256]
    uint32_t far_jitter         # [clock ticks]
    bint far_voip               # it has sent VoIP metrics: these hold
    uint8_t far_discard         # lost in its jitter buffer [1/256]
    uint32_t far_delay_ms       # in its end system
    int64_t round_trip_ns       # -1: unknown

cdef struct Reports:
    # when and under which name
    uint64_t random
    uint8_t cname[CNAME_BYTES]
    int64_t due_ns              # the next report; 0: none
    # ours
    int64_t made                # reports so far
    int64_t sent[2]             # packets sent up to the last report and the one before it
    Interval interval           # since the last report
    Shift lost                  # told of the far side's stream [packets]
    Shift packets               # told of the stream towards it
    Shift octets
    SenderReport memory[SENDER_REPORTS]
    int sender_reports          # sent or relayed so far
    # the far side's
    uint32_t heard_ssrc         # whose SR the next four are of
    uint32_t heard_packets      # in its last one
    uint32_t heard_octets
    uint32_t lsr                # of its last one
    int64_t lsr_ns              # when it came
    int64_t lost_before         # of earlier streams: a new one counts its own [packets]
    Block told                  # what it said last about our stream
    int64_t told_ns             # when; 0: never
    bint has_voip               # `voip` holds
    VoipMetrics voip            # its own measurements, where it makes any
    int64_t round_trip_ns       # -1: unknown
    bint goodbye                # it left; a later report shows that it did not
    # for quality
    Interval measured

# Before anything else. The first report is due after half an interval. seed: any 64 bits.
cdef void begin(Reports *self, uint64_t seed, const uint8_t *cname, int64_t now_ns) noexcept nogil

cdef inline bint due(const Reports *self, int64_t now_ns) noexcept nogil:
    return self.due_ns != 0 and now_ns >= self.due_ns

# Write the report that is due and set the time of the next; COMPOUND_BYTES of room. Send it whether or not anything was received.
cdef int report(Reports *self, const Reception *reception, const Sent *sent, int64_t now_ns, int64_t wall_ns,
                uint8_t *into) noexcept nogil
# The last report, with a BYE; nothing is due any more. Returns 0 when nothing was ever sent: there is no leave to take (§6.3.7).
cdef int leave(Reports *self, const Reception *reception, const Sent *sent, int64_t now_ns, int64_t wall_ns,
               uint8_t *into) noexcept nogil
# Take what the far side reports. False, and nothing taken, where it comes under our own ssrc: an echo (§8.2).
cdef bint hear(Reports *self, const Compound *compound, uint32_t ours, int64_t now_ns) noexcept nogil
# Call right after `reception.receive` has counted a restart: what was lost before it is not the new stream's loss.
cdef void restarted(Reports *self, const Reception *reception) noexcept nogil
# `out_ssrc`, `offsets`: under which the leg that hears the stream has it.
cdef inline Stream stream_of(const Reception *reception, bint relayed, uint32_t out_ssrc, uint16_t sequence_offset,
                             uint32_t timestamp_offset) noexcept nogil:
    cdef Stream stream
    stream.relayed = relayed and reception.started
    stream.in_ssrc = reception.ssrc
    stream.out_ssrc = out_ssrc
    stream.sequence_offset = sequence_offset
    stream.timestamp_offset = timestamp_offset
    stream.extended = reception.extended
    return stream

# Write what `from_side` reports as the listener of `onward` may read it: `compound` parsed with the ssrc of `backward.out_ssrc`, and not
# yet given to `hear`. onward: the reporting side's own stream; backward: the one that it reports on. Of one that is not relayed
# `to_side` speaks for itself, by its `reception` and what it has `sent`. Returns 0 when nothing in it is to be passed on; else send it:
# `to_side`'s own report is put off.
cdef int relay(Reports *from_side, Reports *to_side, const Compound *compound, const Stream *onward, const Stream *backward,
               const Reception *reception, const Sent *sent, int64_t now_ns, int64_t wall_ns, uint8_t *into) noexcept nogil
# The stream towards the far side goes on under another ssrc, whose counts begin at 0.
cdef void renamed(Reports *self) noexcept nogil
# Close this interval of measuring; every few seconds.
cdef void measure(Reports *self, const Reception *reception, int64_t now_ns, Quality *into) noexcept nogil
