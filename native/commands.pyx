"""What the control plane asks for, carried out by the media thread between two packets."""
from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from native cimport reports
from native.chime cimport chime_begin
from native.codec cimport Codec, codec_restart
from native.endpoint cimport is_unspecified, same
from native.includes cimport net
from native.includes.atomics cimport store_int, store_release
from native.legreports cimport say_goodbye
from native.mix cimport audible
from native.queue cimport ring_pop
from native.rehear cimport rehear_toggle
from native.session cimport (
    ADD_LEG, ADVISOR, ATTACH_TAP, CALLER, CHIME, CONNECT_LEG, Call, Command, DETACH_TAP, Gift, Leg, MAX_LEGS, Negotiated, REHEAR,
    REMOVE_CALL, REMOVE_LEG, SET_TALK_PATH, STOP, SUPERVISOR, Worker, past_end, tell_source,
)
from native.sockets cimport RTCP, STRAY, receive_from, unwatch, watch
from native.source cimport WIDE
from native.srtp cimport Secure, secure_retire, secure_swap
from native.tap cimport TAP_CHANNELS, Tap
from native.talkpath cimport change_codec, leave, leave_codec, plan_call, set_talk_path

cdef enum:
    OLD_SOURCE_PACKETS = 25     # more than another that a leg's former source must send before it has the leg again
    HEARD_OUT = 64              # packets that may wait in a socket when a path to the caller opens


cdef void add_leg(Worker *worker, Leg *leg) noexcept nogil:
    leg.index = worker.leg_count
    worker.legs[worker.leg_count] = leg
    store_int(&worker.leg_count, worker.leg_count + 1)
    leg.call.legs[leg.slot] = leg
    watch(worker, leg.fd, <uint64_t>leg)
    watch(worker, leg.stray_fd, <uint64_t>leg | STRAY)
    watch(worker, leg.rtcp_fd, <uint64_t>leg | RTCP)


cdef void go_over(Leg *leg, const Secure *secure, uint32_t ssrc) noexcept nogil:
    """Other keys, or none, from the next packet on. Under a new ssrc where the far side could not tell how often the numbers wrapped."""
    if secure_swap(&leg.secure, secure):
        leg.ssrc = ssrc
        leg.out_sequence = <uint16_t>(ssrc & 0x3FFF)
        leg.anchored = False
        leg.sent_before = leg.sent
        leg.sent_bytes = 0
        reports.renamed(&leg.reports)


cdef void outfit(Leg *leg, const Gift *gift) noexcept nogil:
    """Memory that the control thread has found this leg to need."""
    if gift.wide != NULL:
        leg.source.voices[<int>WIDE].pcm = gift.wide
    if gift.up.state != NULL:
        leg.source.up = gift.up
    if gift.down.state != NULL:
        leg.source.down = gift.down


cdef void connect_leg(Worker *worker, Leg *leg, const Negotiated *media, Codec *codec) noexcept nogil:
    """Take over what SDP said. The lock on the source is kept where the announced address is the same as before."""
    cdef net.sockaddr nowhere
    cdef Negotiated before = leg.media
    if not leg.connected or not same(&media.remote, &leg.media.remote):
        leg.rtcp_remote.length = 0
        leg.candidate.length = 0
        if leg.locked:
            if not is_unspecified(&leg.media.remote) and not is_unspecified(&media.remote):
                leg.candidate = leg.remote
                leg.candidate_packets = -OLD_SOURCE_PACKETS
            memset(&nowhere, 0, sizeof(net.sockaddr))
            nowhere.sa_family = net.AF_UNSPEC
            net.connect(leg.fd, &nowhere, sizeof(net.sockaddr))
            leg.locked = False
            tell_source(leg)
        leg.remote = media.remote
        if is_unspecified(&media.remote):
            leg.remote.length = 0
    if not leg.media.sends and media.sends:
        leg.anchored = False                                # what was said during a hold is not a loss
    if leg.codec != NULL and leg.codec != codec:
        leave_codec(worker, leg)
    leg.media = media[0]
    if leg.codec != codec:
        leg.codec = codec
        codec_restart(codec, media.bits_per_second)
        change_codec(worker, leg, &before)
    leg.connected = True
    plan_call(worker, leg.call)


cdef void remove_leg(Worker *worker, Leg *leg) noexcept nogil:
    say_goodbye(worker, leg)
    unwatch(worker, leg.fd)
    unwatch(worker, leg.stray_fd)
    unwatch(worker, leg.rtcp_fd)
    leave(worker, leg)
    secure_retire(&leg.secure)
    store_int(&worker.leg_count, worker.leg_count - 1)
    worker.legs[leg.index] = worker.legs[worker.leg_count]
    worker.legs[leg.index].index = leg.index
    store_release(&leg.retired, 1)


cdef void attach_tap(Worker *worker, Call *call, Tap *tap) noexcept nogil:
    """One media time for the call: the tap's where nobody has spoken yet. Where a history is kept, each stream stands alike in both."""
    cdef int party
    if call.began_ns:
        store_release(&tap.began_ns, call.began_ns)
    else:
        store_release(&call.began_ns, tap.began_ns)
    if call.history != NULL:
        for party in range(TAP_CHANNELS):
            tap.channels[party].timeline = call.history.parties[party].timeline
    call.tap = tap
    store_release(&tap.attached_ns, worker.now_ns)
    plan_call(worker, call)


cdef void detach_tap(Worker *worker, Call *call) noexcept nogil:
    if call.tap != NULL:
        store_release(&call.tap.detached, 1)
        call.tap = NULL
        plan_call(worker, call)


cdef void remove_call(Worker *worker, Call *call) noexcept nogil:
    cdef int slot
    detach_tap(worker, call)
    for slot in range(MAX_LEGS):
        if call.legs[slot] != NULL:
            remove_leg(worker, call.legs[slot])
    store_release(&call.retired, 1)


cdef void hear_out(Worker *worker, Call *call, const float gains[MAX_LEGS][MAX_LEGS]) noexcept nogil:
    """Before a supervisor's way to the caller opens: what they said before, and what still waits in their socket, was not meant for it."""
    cdef Leg *caller
    cdef Leg *source
    cdef int slot, other, packets
    for slot in range(MAX_LEGS):
        caller = call.legs[slot]
        if caller == NULL or caller.role != CALLER:
            continue
        for other in range(MAX_LEGS):
            source = call.legs[other]
            if source == NULL or source.role != SUPERVISOR or gains[other][slot] <= 0 or audible(&caller.edges[other].gain):
                continue
            packets = 0
            while packets < HEARD_OUT and receive_from(worker, <uint64_t>source):
                packets += 1
            while packets < HEARD_OUT and receive_from(worker, <uint64_t>source | STRAY):
                packets += 1


cdef void rehear(Worker *worker, Leg *leg, double seconds) noexcept nogil:
    if leg.call.history != NULL and leg.call.began_ns:
        rehear_toggle(&leg.rehearing, leg.call.history, past_end(worker, leg.call), seconds)
        plan_call(worker, leg.call)


cdef void chime(Worker *worker, Leg *leg) noexcept nogil:
    if leg.role == ADVISOR and leg.connected and leg.media.sends:
        chime_begin(&leg.chime)
        plan_call(worker, leg.call)


cdef void obey(Worker *worker, Command *command) noexcept nogil:
    cdef int slot
    if command.kind == ADD_LEG:
        add_leg(worker, command.leg)
    elif command.kind == CONNECT_LEG:
        go_over(command.leg, &command.secure, command.ssrc)
        for slot in range(MAX_LEGS):
            if command.leg.call.legs[slot] != NULL:
                outfit(command.leg.call.legs[slot], &command.gifts[slot])
        command.leg.rtcp_announced = command.rtcp
        connect_leg(worker, command.leg, &command.media, command.codec)
    elif command.kind == SET_TALK_PATH:
        hear_out(worker, command.call, command.gains)
        set_talk_path(worker, command.call, command.gains)
    elif command.kind == REMOVE_LEG:
        remove_leg(worker, command.leg)
    elif command.kind == REMOVE_CALL:
        remove_call(worker, command.call)
    elif command.kind == ATTACH_TAP:
        attach_tap(worker, command.call, command.tap)
    elif command.kind == DETACH_TAP:
        detach_tap(worker, command.call)
    elif command.kind == REHEAR:
        rehear(worker, command.leg, command.seconds)
    elif command.kind == CHIME:
        chime(worker, command.leg)
    elif command.kind == STOP:
        worker.stopping = True


cdef void obey_all(Worker *worker) noexcept nogil:
    cdef Command command
    cdef uint64_t count
    net.read(worker.command_fd, &count, sizeof(count))
    while ring_pop(&worker.commands, &command):
        obey(worker, &command)
