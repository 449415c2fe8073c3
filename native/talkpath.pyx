"""Who hears whom in one call, and for each listener who sets the pace.

A listener's *pacer* is the source whose packets it is served by, the moment each arrives: the other party before supervisors. A
listener of one voice at unity gain in its own codec is *pure*: its pacer's packets are relayed untouched. One that hears several is
overlaid: the others' voices are added to the pacer's, and the clock stands in when the pacer is silent.

A path that opens ramps up. A path that closes is closed at once: what fades out is the mirror image of what the listener has already
heard, so that not one sample spoken after the change gets through.
"""
from libc.stdint cimport int16_t, int64_t

from native.mix cimport RAMP_SAMPLES, aim, audible, steady_unity
from native.playout cimport VOICE_MASK, VOICE_SAMPLES, playout_follow, playout_open, voice_write
from native.session cimport CALLER, SUPERVISOR, Call, Edge, Leg, MAX_LEGS, Worker
from native.g711 cimport decode


cdef void prime(Worker *worker, Leg *leg) noexcept nogil:
    """Begin a voice with the packet last relayed, so that what starts or stops in its middle has something to fade from."""
    if leg.last_samples and not leg.call.decodes:
        decode(leg.media.law, leg.last_payload, worker.pcm, leg.last_samples)
        voice_write(&leg.voice, leg.last_timestamp, leg.reception.ssrc, worker.pcm, leg.last_samples, leg.heard_ns)


cdef void close_edge(Worker *worker, Leg *listener, Leg *source) noexcept nogil:
    """Shut one path now and leave its echo, fading, in the listener's tail."""
    cdef Edge *edge = &listener.edges[source.slot]
    cdef float gain = edge.gain.now
    cdef int64_t heard = 0              # one beyond the newest sample that this listener had of the source
    cdef int i, value, given = RAMP_SAMPLES - listener.tail_left
    if listener.pacer == source and not listener.timed:
        heard = source.voice.end
    elif edge.playout.synced and not edge.playout.starved:
        heard = edge.playout.cursor
    edge.gain.now = edge.gain.target = edge.gain.step = 0
    edge.playout.synced = False
    if not listener.spoken or heard < RAMP_SAMPLES or source.voice.end - heard > VOICE_SAMPLES - 2 * RAMP_SAMPLES:
        return
    for i in range(RAMP_SAMPLES):
        value = listener.tail[i + given] if i < listener.tail_left else 0
        if heard - 1 - i >= edge.playout.opened:
            value += <int>(source.voice.pcm[(heard - 1 - i) & VOICE_MASK] * gain * (RAMP_SAMPLES - i) / (RAMP_SAMPLES + 1))
        listener.tail[i] = <int16_t>max(-32768, min(32767, value))
    listener.tail_left = RAMP_SAMPLES
    listener.tail_ns = worker.now_ns


cdef Leg *choose_pacer(Leg *listener) noexcept nogil:
    """The party that is to be heard, else the first supervisor; NULL: nobody is."""
    cdef Leg *chosen = NULL
    cdef Leg *source
    cdef int slot
    for slot in range(MAX_LEGS):
        source = listener.call.legs[slot]
        if source != NULL and listener.edges[slot].gain.target > 0 and (chosen == NULL or source.role < chosen.role):
            chosen = source
    return chosen


cdef void set_pacer(Leg *listener, Leg *pacer) noexcept nogil:
    cdef Edge *edge
    if listener.pacer != NULL:
        edge = &listener.edges[listener.pacer.slot]
        if audible(&edge.gain) and not listener.timed:
            playout_follow(&edge.playout, &listener.pacer.voice)
    listener.crossfade = pacer != NULL and listener.edges[pacer.slot].playout.synced
    listener.pacer = pacer
    listener.anchored = False
    listener.timed = False
    listener.pacer_run = 0


cdef void stop_clock(Leg *leg) noexcept nogil:
    """The pacer's packets set the pace again: behind the clock's numbers, joined to what was heard of it meanwhile."""
    leg.timed = False
    leg.anchored = False
    leg.crossfade = leg.pacer != NULL and leg.edges[leg.pacer.slot].playout.synced


cdef void set_mixing(Worker *worker, Leg *leg, bint mixes) noexcept nogil:
    """Keep the list of legs that the clock looks after."""
    leg.mixes = mixes
    if mixes and leg.mixing_index < 0:
        leg.mixing_index = worker.mixing_count
        worker.mixing[worker.mixing_count] = leg
        worker.mixing_count += 1
        if not leg.spoken:
            leg.emitted_ns = worker.now_ns
    elif not mixes and leg.mixing_index >= 0:
        worker.mixing_count -= 1
        worker.mixing[leg.mixing_index] = worker.mixing[worker.mixing_count]
        worker.mixing[leg.mixing_index].mixing_index = leg.mixing_index
        leg.mixing_index = -1
        if leg.timed:
            stop_clock(leg)


cdef void plan(Worker *worker, Leg *leg) noexcept nogil:
    cdef int slot, voices = 0
    cdef Edge *edge
    cdef Leg *pacer = choose_pacer(leg)
    leg.ramping = leg.tail_left > 0
    for slot in range(MAX_LEGS):
        edge = &leg.edges[slot]
        if leg.call.legs[slot] != NULL and audible(&edge.gain):
            voices += 1
            leg.ramping |= edge.gain.step != 0
    if pacer != leg.pacer:
        set_pacer(leg, pacer)
    if leg.timed and voices < 2:
        stop_clock(leg)
    leg.ramping |= leg.crossfade
    leg.pure = (voices == 1 and leg.tail_left == 0 and not leg.crossfade and steady_unity(&leg.edges[pacer.slot].gain)
                and pacer.media.law == leg.media.law)
    set_mixing(worker, leg, leg.connected and leg.media.sends and not leg.pure and voices > 0
               and (voices > 1 or leg.role == SUPERVISOR))


cdef void plan_call(Worker *worker, Call *call) noexcept nogil:
    cdef Leg *leg
    cdef int slot
    cdef bint decodes = call.tap != NULL
    for slot in range(MAX_LEGS):
        leg = call.legs[slot]
        if leg != NULL:
            plan(worker, leg)
            decodes |= leg.pacer != NULL and not leg.pure
    if decodes and not call.decodes:
        for slot in range(MAX_LEGS):
            if call.legs[slot] != NULL:
                prime(worker, call.legs[slot])
    call.decodes = decodes


cdef void set_talk_path(Worker *worker, Call *call, const float gains[MAX_LEGS][MAX_LEGS]) noexcept nogil:
    cdef Leg *listener
    cdef Edge *edge
    cdef bint heard
    cdef int source, slot
    for slot in range(MAX_LEGS):
        if call.legs[slot] != NULL:
            prime(worker, call.legs[slot])
    for slot in range(MAX_LEGS):
        listener = call.legs[slot]
        if listener == NULL:
            continue
        for source in range(MAX_LEGS):
            if call.legs[source] == NULL or source == slot:
                continue
            edge = &listener.edges[source]
            heard = audible(&edge.gain)
            if gains[source][slot] > 0:
                aim(&edge.gain, gains[source][slot])
                if not heard:
                    playout_open(&edge.playout, &call.legs[source].voice)
            elif heard:
                close_edge(worker, listener, call.legs[source])
            if not listener.spoken and listener.pacer == NULL:
                edge.gain.now = edge.gain.target            # nothing was heard yet: nothing to ramp from
                edge.gain.step = 0
    plan_call(worker, call)


cdef void leave(Worker *worker, Leg *leg) noexcept nogil:
    cdef Leg *listener
    cdef int slot
    cdef Call *call = leg.call
    prime(worker, leg)
    call.legs[leg.slot] = NULL
    set_mixing(worker, leg, False)
    for slot in range(MAX_LEGS):
        listener = call.legs[slot]
        if listener == NULL:
            continue
        if audible(&listener.edges[leg.slot].gain):
            close_edge(worker, listener, leg)
        if listener.pacer == leg:
            listener.pacer = NULL
            listener.anchored = False
            listener.timed = False
    plan_call(worker, call)


cdef void hush(Worker *worker, Leg *supervisor) noexcept nogil:
    cdef Leg *listener
    cdef int slot
    prime(worker, supervisor)
    for slot in range(MAX_LEGS):
        listener = supervisor.call.legs[slot]
        if listener != NULL and listener.role == CALLER and audible(&listener.edges[supervisor.slot].gain):
            close_edge(worker, listener, supervisor)
    plan_call(worker, supervisor.call)
