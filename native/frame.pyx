"""One frame made here: the sum of what a leg hears, encoded and sent."""
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memset

from native cimport codec, mix, playout, rtp
from native.chime cimport chime_add, chiming
from native.codec cimport G722
from native.includes.atomics cimport add_relaxed
from native.outgoing cimport remember, transmit
from native.rehear cimport rehear, rehearing
from native.rtp cimport HEADER_BYTES, MOST_SAMPLES
from native.session cimport Edge, Leg, MAX_LEGS, PACKET_BYTES, Worker, past_end
from native.source cimport WIDE, source_comfort
from native.talkpath cimport plan_call

cdef enum:
    TAIL_NS = 100000000         # a fade that nobody played within this is over


cdef void join_playout(Worker *worker, Leg *leg, Leg *pacer, int16_t *pcm, int n) noexcept nogil:
    """The pacer takes the pace back: cross from where this leg's playout of it stood into its packet."""
    cdef int16_t tail[playout.FADE_MS * 16]
    cdef int i, length = min(<int>playout.FADE_MS * leg.media.khz, n)
    playout.playout_read(&leg.edges[pacer.slot].playout, &pacer.source.voices[leg.media.rate], tail, length, worker.now_ns)
    for i in range(length):
        pcm[i] = <int16_t>((pcm[i] * i + tail[i] * (length - i)) // length)
    leg.edges[pacer.slot].playout.synced = False


cdef bint add_tail(Worker *worker, Leg *leg, int32_t *total, int n) noexcept nogil:
    """The echo of what was just closed; True while some is left."""
    cdef int i, given = mix.RAMP_MS * leg.media.khz - leg.tail_left
    if worker.now_ns - leg.tail_ns > TAIL_NS:
        leg.tail_left = 0
    n = min(n, leg.tail_left)
    for i in range(n):
        total[i] += leg.tail[given + i]
    leg.tail_left -= n
    return leg.tail_left > 0


cdef inline bint laid_over(const Leg *leg, const Leg *pacer) noexcept nogil:
    """Can others be added to the pacer's packet without decoding it (see codec_overlay)?"""
    return (pacer != NULL and leg.media.kind == G722 and pacer.media.kind == G722 and not leg.crossfade and not pacer.muffled
            and mix.steady_unity(&leg.edges[pacer.slot].gain))


cdef void pacers_frame(Worker *worker, Leg *leg, Leg *pacer, int64_t position, int16_t *pcm, int n) noexcept nogil:
    """The pacer's own n samples from `position` of its voice on: at once, through no buffer."""
    cdef const playout.Playout *heard = &leg.edges[pacer.slot].playout
    cdef int i
    playout.voice_copy(&pacer.source.voices[leg.media.rate], position, pcm, n)
    if position < heard.opened:                             # said before this leg was to hear it
        for i in range(<int>min(<int64_t>n, heard.opened - position)):
            pcm[i] = 0
    if leg.crossfade:
        leg.crossfade = False
        join_playout(worker, leg, pacer, pcm, n)


cdef void mix_frame(Worker *worker, Leg *leg, Leg *pacer, int64_t position, bint whole, int n, uint16_t sequence, uint32_t timestamp,
                    bint marker) noexcept nogil:
    """Make and send n samples as this leg hears them.

    pacer: who is heard from `position` of its voice on, with `whole` in a packet just decoded; NULL: everybody by playout.
    """
    cdef int32_t total[MOST_SAMPLES]
    cdef int16_t voice[MOST_SAMPLES]
    cdef uint8_t packet[PACKET_BYTES]
    cdef Edge *edge
    cdef Leg *other
    cdef bint ramping = False
    cdef bint over = whole and laid_over(leg, pacer) and not rehearing(&leg.rehearing)
    cdef int slot, bytes = -1
    memset(total, 0, n * sizeof(int32_t))
    for slot in range(MAX_LEGS):
        other = leg.call.legs[slot]
        if other == NULL:
            continue
        edge = &leg.edges[slot]
        if not mix.audible(&edge.gain):
            continue
        if other != pacer:
            if other.source.comforts and other.codec != NULL and other.media.receives:
                source_comfort(other.source, other.codec, leg.media.rate, edge.playout.cursor, n, worker.now_ns)
            playout.playout_read(&edge.playout, &other.source.voices[leg.media.rate], voice, n, worker.now_ns)
            mix.add(total, voice, n, &edge.gain)
        elif not over:
            pacers_frame(worker, leg, pacer, position, voice, n)
            mix.add(total, voice, n, &edge.gain)
        ramping |= edge.gain.step != 0
    ramping |= add_tail(worker, leg, total, n)
    if chiming(&leg.chime):
        chime_add(&leg.chime, total, n, leg.media.khz)
        ramping |= chiming(&leg.chime)
    if over:
        mix.saturate(total, voice, n)
        bytes = codec.codec_overlay(leg.codec, pacer.codec, voice, n, packet + HEADER_BYTES, MOST_OUT)
        if bytes < 0:
            pacers_frame(worker, leg, pacer, position, voice, n)
            mix.add(total, voice, n, &leg.edges[pacer.slot].gain)
    if bytes < 0:
        mix.saturate(total, voice, n)
        if rehearing(&leg.rehearing):
            rehear(&leg.rehearing, leg.call.history, past_end(worker, leg.call), voice, n, leg.media.rate == WIDE)
            ramping |= rehearing(&leg.rehearing)
        bytes = codec.codec_encode(leg.codec, voice, n, packet + HEADER_BYTES, MOST_OUT)
    if bytes > 0:
        packet[0] = 0x80
        rtp.rewrite(packet, marker, leg.media.payload_type, sequence, timestamp, leg.ssrc)
        transmit(worker, leg, packet, HEADER_BYTES + bytes)
        add_relaxed(&leg.overlaid, 1)
    leg.made = True
    remember(worker, leg, sequence, timestamp, codec.codec_ticks(leg.codec, n))
    if leg.ramping and not ramping:
        plan_call(worker, leg.call)
