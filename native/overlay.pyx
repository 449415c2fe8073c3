"""A leg that hears several: paced by one source's packets, and by the clock while that source is silent."""
from libc.stdint cimport int16_t, int64_t, uint16_t, uint32_t

from native cimport codec, playout, rtp
from native.frame cimport MOST_OUT, mix_frame
from native.includes.atomics cimport add_relaxed, store_int
from native.outgoing cimport anchor
from native.rtp cimport Header
from native.session cimport Leg, Worker
from native.talkpath cimport plan_call

cdef enum:
    CONCEALED_MOST = 3          # packets lost in a row whose place an overlay still fills
    NS_PER_MS = 1000000
    LATE_NS = 30000000          # how much later than due the pacer may be before the clock stands in
    PACER_BACK = 5              # packets after which the pacer has the pace again
    TICK_BURST = 5              # frames the clock makes up for at once


cdef void cut_anew(Worker *worker, Leg *leg, Leg *pacer) noexcept nogil:
    """This leg's codec has no packets as long as the pacer's: from now on the clock makes some, of the leg's own length."""
    if not leg.repacked:
        leg.repacked = True
        plan_call(worker, leg.call)
    if not leg.timed:
        store_int(&leg.timed, True)
        leg.due_ns = worker.now_ns
        playout.playout_reset(&leg.edges[pacer.slot].playout, &pacer.source.voices[leg.media.rate])


cdef void overlay_packet(Worker *worker, Leg *leg, Leg *pacer, int samples, const Header *header) noexcept nogil:
    """samples: of the packet, which the pacer's voices now end with."""
    cdef const playout.Voice *voice = &pacer.source.voices[leg.media.rate]
    cdef bint joined, made_up
    cdef uint16_t sequence
    cdef uint32_t timestamp
    cdef int gap, n = samples * leg.media.khz // pacer.media.khz
    if leg.repacked or not codec.codec_makes(leg.codec, n, MOST_OUT):
        cut_anew(worker, leg, pacer)
        return                                              # its sound is in its voice; the clock takes it from there
    if leg.timed:
        leg.pacer_run += 1
        if leg.pacer_run < PACER_BACK:
            return
        store_int(&leg.timed, False)
        leg.crossfade = True
        leg.anchored = False
        if 2 * (leg.due_ns - worker.now_ns) > <int64_t>n * NS_PER_MS // leg.media.khz:
            return                                          # the clock has just made this one: one more would be delay, after every pause
    joined = anchor(worker, leg, header)
    sequence = <uint16_t>(header.sequence + leg.sequence_offset)
    if leg.spoken and not joined:
        gap = <int16_t><uint16_t>(sequence - leg.out_sequence) - 1
        if gap < 0 and gap > -100:
            add_relaxed(&leg.late, 1)
            return
        if 0 < gap <= CONCEALED_MOST:
            made_up = voice.gap_at + voice.gap == voice.end - n
            while gap > 0:
                mix_frame(worker, leg, pacer, voice.end - n * (gap + 1) if made_up and n * gap <= voice.gap else voice.end, False, n,
                          <uint16_t>(leg.out_sequence + 1), leg.out_timestamp + leg.out_ticks, False)
                gap -= 1
    timestamp = header.timestamp + leg.timestamp_offset
    if leg.media.clock_khz != pacer.media.clock_khz:
        timestamp = rtp.rescale(&leg.pace, header.timestamp, pacer.media.clock_khz, leg.media.clock_khz)
    mix_frame(worker, leg, pacer, voice.end - n, True, n, sequence, timestamp, header.marker or joined)
    if leg.settle_ns and (worker.now_ns > leg.settle_ns or codec.codec_agrees(leg.codec, pacer.codec)):
        leg.made = False
        plan_call(worker, leg.call)


cdef void on_tick(Worker *worker, Leg *leg) noexcept nogil:
    cdef int64_t frame_ns = <int64_t>leg.media.frame * NS_PER_MS // leg.media.khz
    cdef int64_t last_ns = max(frame_ns, <int64_t>leg.out_ticks * NS_PER_MS // leg.media.clock_khz)     # what the last packet held
    cdef int64_t silent_ns = worker.now_ns - leg.emitted_ns
    cdef int burst = 0
    if not leg.timed:
        if silent_ns < last_ns + LATE_NS:
            return
        store_int(&leg.timed, True)
        leg.pacer_run = 0
        leg.due_ns = leg.emitted_ns + last_ns
        if silent_ns > TICK_BURST * frame_ns + LATE_NS:         # a pause, which nobody wants back in one go
            leg.due_ns = worker.now_ns
            leg.out_ticks = <int>min(silent_ns * leg.media.clock_khz // NS_PER_MS, <int64_t>0x40000000) if leg.spoken else 0
        if leg.pacer != NULL:
            playout.playout_follow(&leg.edges[leg.pacer.slot].playout, &leg.pacer.source.voices[leg.media.rate])
    while leg.timed and worker.now_ns >= leg.due_ns:
        mix_frame(worker, leg, NULL, 0, False, leg.media.frame, <uint16_t>(leg.out_sequence + 1), leg.out_timestamp + leg.out_ticks, False)
        leg.due_ns += frame_ns
        burst += 1
        if burst == TICK_BURST:
            leg.due_ns = worker.now_ns + frame_ns
