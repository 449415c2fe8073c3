"""Who hears whom in one call, and for each listener who sets the pace.

A listener's *pacer* is the source whose packets it is served by, the moment each arrives: the other party before supervisors. A
listener of one voice at unity gain in its own codec is *pure*: its pacer's packets are relayed untouched. One that hears several is
overlaid: the others' voices are added to the pacer's, and the clock stands in when the pacer is silent.

A path that opens ramps up. A path that closes is closed at once: what fades out is the mirror image of what the listener has already
heard, so that not one sample spoken after the change gets through.
"""
from libc.stdint cimport int16_t, int64_t

from native.chime cimport chiming
from native.codec cimport G722, OPUS, PCMU, codec_follow, codec_pass
from native.includes.atomics cimport store_int
from native.mix cimport RAMP_MS, aim, audible, steady_unity
from native.playout cimport Voice, playout_follow, playout_open
from native.rehear cimport rehearing
from native.session cimport CALLER, SUPERVISOR, Call, Edge, Leg, MAX_LEGS, Negotiated, Worker
from native.source cimport (
    NARROW, WIDE, source_memory, source_prime, source_restart, source_serve, source_veil,
)

cdef enum:
    SETTLED_NS = 3000000000     # after which a far decoder has to go over to its pacer's packets as it stands


cdef void prime(Worker *worker, Leg *leg) noexcept nogil:
    """Begin a voice with the packet last relayed, so that what starts or stops in its middle has something to fade from."""
    if not leg.last_bytes or leg.call.decodes or leg.codec == NULL:
        return
    if leg.media.kind <= PCMU:
        codec_pass(leg.codec, leg.last_payload, leg.last_bytes)
    source_prime(leg.source, leg.codec, leg.last_timestamp, leg.reception.ssrc, leg.heard_ns, worker.pcm)
    leg.last_bytes = 0


cdef void end_relaying(Worker *worker, Leg *listener) noexcept nogil:
    """From now on packets are made for this leg; its far decoder stands where the pacer's relayed ones have brought it."""
    if listener.pure and listener.pacer != NULL and listener.codec != NULL and listener.pacer.codec != NULL:
        prime(worker, listener.pacer)
        codec_follow(listener.codec, listener.pacer.codec, listener.pacer.muffled)
    listener.pure = False


cdef void close_edge(Worker *worker, Leg *listener, Leg *source) noexcept nogil:
    """Shut one path now and leave its echo, fading, in the listener's tail."""
    cdef Edge *edge = &listener.edges[source.slot]
    cdef const Voice *voice = &source.source.voices[listener.media.rate]
    cdef float gain = edge.gain.now
    cdef int ramp = RAMP_MS * listener.media.khz
    cdef int64_t heard = 0              # one beyond the newest sample that this listener had of the source
    cdef int i, value, given = ramp - listener.tail_left
    if listener.pacer == source and not listener.timed:
        heard = voice.end
    elif edge.playout.synced and not edge.playout.starved:
        heard = edge.playout.cursor
    edge.gain.now = edge.gain.target = edge.gain.step = 0
    edge.playout.synced = False
    if not listener.spoken or voice.pcm == NULL or heard < ramp or voice.end - heard > voice.mask + 1 - 2 * ramp:
        return
    for i in range(ramp):
        value = listener.tail[i + given] if i < listener.tail_left else 0
        if heard - 1 - i >= edge.playout.opened:
            value += <int>(voice.pcm[(heard - 1 - i) & voice.mask] * gain * (ramp - i) / (ramp + 1))
        listener.tail[i] = <int16_t>max(-32768, min(32767, value))
    listener.tail_left = ramp
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
            playout_follow(&edge.playout, &listener.pacer.source.voices[listener.media.rate])
    listener.crossfade = pacer != NULL and listener.edges[pacer.slot].playout.synced
    listener.pacer = pacer
    listener.anchored = False
    store_int(&listener.timed, False)
    listener.repacked = False
    listener.pacer_run = 0


cdef void stop_clock(Leg *leg) noexcept nogil:
    """The pacer's packets set the pace again: behind the clock's numbers, joined to what was heard of it meanwhile."""
    store_int(&leg.timed, False)
    leg.anchored = False
    leg.crossfade = leg.pacer != NULL and leg.edges[leg.pacer.slot].playout.synced


cdef void set_mixing(Worker *worker, Leg *leg, bint mixes) noexcept nogil:
    """Keep the list of legs that the clock looks after."""
    leg.mixes = mixes
    if mixes and leg.mixing_index < 0:
        leg.mixing_index = worker.mixing_count
        worker.mixing[worker.mixing_count] = leg
        store_int(&worker.mixing_count, worker.mixing_count + 1)
        if not leg.spoken:
            leg.emitted_ns = worker.now_ns
    elif not mixes and leg.mixing_index >= 0:
        store_int(&worker.mixing_count, worker.mixing_count - 1)
        worker.mixing[leg.mixing_index] = worker.mixing[worker.mixing_count]
        worker.mixing[leg.mixing_index].mixing_index = leg.mixing_index
        leg.mixing_index = -1
        if leg.timed:
            stop_clock(leg)


cdef inline bint has_memory(const Leg *leg) noexcept nogil:
    return leg.media.kind == G722 or leg.media.kind == OPUS


cdef void plan(Worker *worker, Leg *leg) noexcept nogil:
    cdef int slot, voices = 0
    cdef bint alone
    cdef Edge *edge
    cdef Leg *pacer = choose_pacer(leg)
    cdef bint ramping = leg.tail_left > 0
    if not leg.media.sends:
        leg.chime.left = 0                                  # on hold: nothing of it is left for later
    for slot in range(MAX_LEGS):
        edge = &leg.edges[slot]
        if leg.call.legs[slot] != NULL and audible(&edge.gain):
            voices += 1
            ramping |= edge.gain.step != 0
    if leg.pure and pacer != leg.pacer:
        end_relaying(worker, leg)
    if pacer != leg.pacer:
        set_pacer(leg, pacer)
    if leg.timed and voices < 2 and not leg.repacked and not chiming(&leg.chime):
        stop_clock(leg)
    leg.ramping = ramping or leg.crossfade or rehearing(&leg.rehearing) or chiming(&leg.chime)
    alone = (voices == 1 and leg.tail_left == 0 and not leg.crossfade and not rehearing(&leg.rehearing)
             and not chiming(&leg.chime)
             and steady_unity(&leg.edges[pacer.slot].gain) and not pacer.muffled
             and (pacer.media.kind == leg.media.kind or not pacer.connected or not leg.connected))
    if not alone:
        leg.settle_ns = 0
        end_relaying(worker, leg)
    elif leg.made and has_memory(leg):
        if leg.settle_ns == 0:
            leg.settle_ns = worker.now_ns + SETTLED_NS
    else:
        leg.settle_ns = 0
        leg.pure = True
        leg.repacked = False
    set_mixing(worker, leg, leg.connected and leg.media.sends and not leg.pure
               and (chiming(&leg.chime) or (voices > 0 and (voices > 1 or leg.role == SUPERVISOR or leg.repacked))))


cdef void serve_rates(Call *call) noexcept nogil:
    """Which legs' voices are needed at the other rate, too."""
    cdef bint rates[2]
    cdef Leg *leg
    cdef int slot
    rates[<int>NARROW] = call.tap != NULL or call.history != NULL
    rates[<int>WIDE] = False
    for slot in range(MAX_LEGS):
        leg = call.legs[slot]
        if leg != NULL and leg.connected and not leg.pure:
            rates[leg.media.rate] = True
        rates[<int>NARROW] |= leg != NULL and leg.tones != NULL
    for slot in range(MAX_LEGS):
        leg = call.legs[slot]
        if leg != NULL and leg.codec != NULL:
            source_serve(leg.source, leg.codec, rates[1 - leg.media.rate])


cdef Leg *only_listener(Call *call, const Leg *leg) noexcept nogil:
    """Who hears this leg untouched, where nobody else is served by its packets; else NULL."""
    cdef Leg *only = NULL
    cdef Leg *listener
    cdef int slot
    for slot in range(MAX_LEGS):
        listener = call.legs[slot]
        if listener == NULL or listener.pacer != leg or not listener.connected or not listener.media.sends:
            continue
        if only != NULL or not listener.pure:
            return NULL
        only = listener
    return only


cdef void plan_call(Worker *worker, Call *call) noexcept nogil:
    cdef Leg *leg
    cdef int slot
    cdef bint by_law, decodes = call.tap != NULL
    for slot in range(MAX_LEGS):
        leg = call.legs[slot]
        if leg != NULL:
            plan(worker, leg)
            decodes |= leg.pacer != NULL and not leg.pure
            decodes |= leg.tones != NULL and leg.connected and leg.media.kind > PCMU
            # its packets are no G.711 that the history could keep as they are
            decodes |= call.history != NULL and leg.media.kind > PCMU and leg.role != SUPERVISOR
    serve_rates(call)
    if decodes and not call.decodes:
        for slot in range(MAX_LEGS):
            if call.legs[slot] != NULL:
                prime(worker, call.legs[slot])
    call.decodes = decodes
    for slot in range(MAX_LEGS):
        leg = call.legs[slot]
        if leg != NULL:
            by_law = leg.media.kind <= PCMU
            leg.relays_to = only_listener(call, leg) if by_law and not decodes and leg.tones == NULL else NULL
            leg.keeps = call.history if by_law and leg.role != SUPERVISOR else NULL


cdef void open_edge(Leg *listener, Leg *source) noexcept nogil:
    cdef int rate = listener.media.rate
    cdef int memory = source_memory(source.source, source.codec, rate) if source.codec != NULL else 0
    playout_open(&listener.edges[source.slot].playout, &source.source.voices[rate], memory)
    source_veil(source.source, source.codec)


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
                aim(&edge.gain, gains[source][slot], listener.media.khz if listener.connected else 8)
                if not heard:
                    open_edge(listener, call.legs[source])
            elif heard:
                close_edge(worker, listener, call.legs[source])
            if not listener.spoken and listener.pacer == NULL:
                edge.gain.now = edge.gain.target            # nothing was heard yet: nothing to ramp from
                edge.gain.step = 0
    plan_call(worker, call)


cdef void leave_codec(Worker *worker, Leg *leg) noexcept nogil:
    cdef Leg *listener
    cdef int slot
    for slot in range(MAX_LEGS):
        listener = leg.call.legs[slot]
        if listener != NULL and listener.pacer == leg:
            end_relaying(worker, listener)


cdef void change_codec(Worker *worker, Leg *leg, const Negotiated *before) noexcept nogil:
    cdef Leg *other
    cdef int slot
    cdef bint other_rate = before.rate != leg.media.rate
    cdef bint other_clock = before.clock_khz != leg.media.clock_khz
    source_restart(leg.source)
    leg.last_bytes = 0
    leg.tap_time.begun = False
    leg.made = leg.pure = leg.repacked = leg.muffled = False
    if other_rate:
        leg.tail_left = 0
    if other_clock:
        leg.anchored = False
        leg.out_ticks = 0
    for slot in range(MAX_LEGS):
        other = leg.call.legs[slot]
        if other == NULL or other == leg:
            continue
        if other.pacer == leg and other_clock:
            other.anchored = False
        if other_rate and audible(&leg.edges[slot].gain):
            open_edge(leg, other)


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
            end_relaying(worker, listener)
            listener.pacer = NULL
            listener.anchored = False
            store_int(&listener.timed, False)
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
