"""The media thread: one epoll loop over the legs' sockets.

A round: wait, obey commands if there are any and wait again, read one packet of each ready socket, look at the clock. So a packet that
waits behind a command is served as that says, and no socket's event outlives its leg.
"""
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.errno cimport ECONNREFUSED, EHOSTUNREACH, errno
from libc.string cimport memset

from native.codec cimport Codec, codec_restart
from native.endpoint cimport Endpoint, is_unspecified, same
from native.includes cimport net
from native.includes.atomics cimport store_release
from native.legreports cimport count_unreachable, on_report, say_goodbye
from native.queue cimport ring_pop
from native.mix cimport audible
from native.relay cimport on_chime, on_packet, on_rehear, on_sweep, on_tick
from native.session cimport (
    ADD_LEG, ATTACH_TAP, BATCH, CALLER, CHIME, CONNECT_LEG, Call, Command, DETACH_TAP, Gift, Leg, MAX_LEGS, Negotiated, PACKET_BYTES,
    REHEAR, REMOVE_CALL, REMOVE_LEG, SET_TALK_PATH, STOP, SUPERVISOR, Worker,
)
from native.source cimport WIDE
from native.srtp cimport Secure, secure_retire, secure_swap
from native.tap cimport TAP_CHANNELS, Tap
from native.talkpath cimport change_codec, leave, leave_codec, plan_call, set_talk_path

cdef enum:
    TICK_NS = 5000000           # between two looks at the legs that the clock may have to serve
    SWEEP_NS = 100000000        # between two looks at all legs
    OLD_SOURCE_PACKETS = 25     # more than another that a leg's former source must send before it has the leg again
    HEARD_OUT = 64              # packets that may wait in a socket when a path to the caller opens
    SWEEP_LEGS = 64             # looked at between two rounds of packets: nobody's packet waits for a thousand other legs
    COMMANDED = 0               # epoll tokens that are no leg's
    TIMER = 2
    STRAY = 1                   # in an epoll token: the leg's unconnected socket (legs are aligned, the bits are free)
    RTCP = 4                    # its socket for RTCP


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────


cdef void watch(Worker *worker, int fd, uint64_t token) noexcept nogil:
    cdef net.epoll_event event
    memset(&event, 0, sizeof(net.epoll_event))
    event.events = net.EPOLLIN
    event.data.u64 = token
    net.epoll_ctl(worker.epoll, net.EPOLL_CTL_ADD, fd, &event)


cdef void add_leg(Worker *worker, Leg *leg) noexcept nogil:
    leg.index = worker.leg_count
    worker.legs[worker.leg_count] = leg
    worker.leg_count += 1
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
        leg.reports.sent[0] = leg.reports.sent[1] = 0


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


cdef void unwatch(Worker *worker, int fd) noexcept nogil:
    """Closing alone would not do: while a child process that is being started still has a copy, its events would go on."""
    cdef net.epoll_event event
    net.epoll_ctl(worker.epoll, net.EPOLL_CTL_DEL, fd, &event)
    net.close(fd)


cdef void remove_leg(Worker *worker, Leg *leg) noexcept nogil:
    say_goodbye(worker, leg)
    unwatch(worker, leg.fd)
    unwatch(worker, leg.stray_fd)
    unwatch(worker, leg.rtcp_fd)
    leave(worker, leg)
    secure_retire(&leg.secure)
    worker.leg_count -= 1
    worker.legs[leg.index] = worker.legs[worker.leg_count]
    worker.legs[leg.index].index = leg.index
    store_release(&leg.retired, 1)


cdef void attach_tap(Worker *worker, Call *call, Tap *tap) noexcept nogil:
    """One media time for the call: the tap's where nobody has spoken yet. Where a history is kept, each stream stands alike in both."""
    cdef int party
    if call.began_ns:
        store_release(&tap.began_ns, call.began_ns)
    else:
        call.began_ns = tap.began_ns
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


cdef inline bint receive_from(Worker *worker, uint64_t token) noexcept nogil:
    """One packet of one socket; what else it holds is there in the next round, after the other sockets. False: it holds none."""
    cdef Leg *leg = <Leg *>(token & ~<uint64_t>(STRAY | RTCP))
    cdef Endpoint source
    cdef ssize_t n
    if token & RTCP:
        source.length = sizeof(source.raw)
        n = net.recvfrom(leg.rtcp_fd, worker.packet, PACKET_BYTES, 0, &source.raw.any, &source.length)
        if n >= 0:
            on_report(worker, leg, <int>n, &source)
    elif token & STRAY or not leg.locked:
        source.length = sizeof(source.raw)
        n = net.recvfrom(leg.stray_fd if token & STRAY else leg.fd, worker.packet, PACKET_BYTES, 0, &source.raw.any, &source.length)
        if n >= 0:
            worker.received += 1
            on_packet(worker, leg, <int>n, &source)
    else:
        n = net.recv(leg.fd, worker.packet, PACKET_BYTES, 0)
        if n >= 0:
            worker.received += 1
            on_packet(worker, leg, <int>n, NULL)
        elif errno == ECONNREFUSED or errno == EHOSTUNREACH:        # ICMP, taken from the socket by this call
            count_unreachable(leg)
    return n >= 0


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
        on_rehear(worker, command.leg, command.seconds)
    elif command.kind == CHIME:
        on_chime(worker, command.leg)
    elif command.kind == STOP:
        worker.stopping = True


cdef void obey_all(Worker *worker) noexcept nogil:
    cdef Command command
    cdef uint64_t count
    net.read(worker.command_fd, &count, sizeof(count))
    while ring_pop(&worker.commands, &command):
        obey(worker, &command)


# ── the loop ─────────────────────────────────────────────────────────────────────────────────────────────────────────


cdef void set_timer(Worker *worker) noexcept nogil:
    """Wake up as often as there is something to do by the clock."""
    cdef net.itimerspec often
    cdef int64_t period_ns = <int64_t>TICK_NS if worker.mixing_count else <int64_t>SWEEP_NS
    if period_ns == worker.period_ns:
        return
    worker.period_ns = period_ns
    memset(&often, 0, sizeof(net.itimerspec))
    often.it_interval.tv_nsec = often.it_value.tv_nsec = period_ns
    net.timerfd_settime(worker.timer_fd, 0, &often, NULL)


cdef void sweep(Worker *worker) noexcept nogil:
    """Some of the legs; the rest after the next packets. One that moves meanwhile is looked at in the next sweep at the latest."""
    cdef int end = min(worker.leg_count, worker.swept + SWEEP_LEGS)
    while worker.swept < end:
        on_sweep(worker, worker.legs[worker.swept])
        worker.swept += 1
    if worker.swept >= worker.leg_count:
        worker.swept = 0
        worker.next_sweep_ns = worker.now_ns + SWEEP_NS


cdef void look_at_clock(Worker *worker) noexcept nogil:
    cdef int i
    if worker.now_ns >= worker.next_tick_ns:
        worker.next_tick_ns = worker.now_ns + TICK_NS
        i = worker.mixing_count
        while i > 0:                                        # backwards: a leg may leave the list while it is served
            i -= 1
            if i < worker.mixing_count:
                on_tick(worker, worker.mixing[i])
    if worker.now_ns >= worker.next_sweep_ns:
        sweep(worker)
    set_timer(worker)


cdef void run(Worker *worker) noexcept nogil:
    cdef bint commanded, obeyed = False
    cdef int i, ready
    cdef uint64_t token, expired
    watch(worker, worker.command_fd, COMMANDED)
    watch(worker, worker.timer_fd, TIMER)
    set_timer(worker)
    while not worker.stopping:
        ready = net.epoll_wait(worker.epoll, worker.ready, BATCH, 0 if worker.swept else -1)
        worker.now_ns = net.now_ns()
        worker.wakeups += 1
        commanded = False
        for i in range(ready):
            commanded |= worker.ready[i].data.u64 == COMMANDED
        if commanded and not obeyed:
            obey_all(worker)
            obeyed = True                                   # the packets are told again; a flood of commands may not hold them up
            set_timer(worker)
            continue
        for i in range(ready):
            token = worker.ready[i].data.u64
            if token == TIMER:
                net.read(worker.timer_fd, &expired, sizeof(expired))
            elif token != COMMANDED:
                receive_from(worker, token)
        if commanded:
            obey_all(worker)
        obeyed = False
        look_at_clock(worker)
