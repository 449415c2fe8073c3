"""The media thread: one epoll loop over the legs' sockets.

A round: wait, obey commands if there are any and wait again, read one packet of each ready socket, look at the clock. So a packet that
waits behind a command is served as that says, and no socket's event outlives its leg. Where commands go on coming the parties' packets
go first, but never a supervisor's: what they say after a command that shuts their way to the caller must not pass before it.
"""
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from native.clock cimport now_ns
from native.commands cimport obey_all
from native.includes cimport net
from native.includes.atomics cimport add_relaxed
from native.includes.systemcalls cimport wait_for_events
from native.overlay cimport on_tick
from native.session cimport BATCH, Worker, fetch
from native.sockets cimport COMMANDED, TIMER, is_supervisors, leg_of, receive_from, watch
from native.sweep cimport on_sweep

cdef enum:
    TICK_NS = 5000000           # between two looks at the legs that the clock may have to serve
    SWEEP_NS = 100000000        # between two looks at all legs
    SWEEP_LEGS = 64             # looked at between two rounds of packets: nobody's packet waits for a thousand other legs


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
        ready = wait_for_events(worker.epoll, worker.ready, BATCH, 0 if worker.swept else -1)
        worker.now_ns = now_ns()
        add_relaxed(&worker.wakeups, 1)
        commanded = False
        for i in range(ready):
            commanded |= worker.ready[i].data.u64 == COMMANDED
        if commanded and not obeyed:
            obey_all(worker)
            obeyed = True                                   # the packets are told again; a flood of commands may not hold them up
            set_timer(worker)
            continue
        for i in range(ready):
            if i + 1 < ready and leg_of(worker.ready[i + 1].data.u64) != NULL:     # the clock's and the commands' are nobody's
                fetch(leg_of(worker.ready[i + 1].data.u64))
            token = worker.ready[i].data.u64
            if token == TIMER:
                net.read(worker.timer_fd, &expired, sizeof(expired))
            elif token != COMMANDED and not (commanded and is_supervisors(token)):
                receive_from(worker, token)
        if commanded:
            obey_all(worker)
        obeyed = False
        look_at_clock(worker)
