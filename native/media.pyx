"""One media thread as the control plane holds it: started, told what to do, joined."""
import errno
import os
import threading
import time

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from native.includes cimport net
from native.legmemory cimport LegMemory
from native.opus cimport opus_bench
from native.queue cimport ring_close, ring_open, ring_push
from native.session cimport Command, Event, Leg, STOP, Worker
from native.worker cimport run

cdef enum:
    COMMANDS = 4096
    EVENTS = 8192
    REAL_TIME = 10                          # SCHED_RR priority of the media threads: before all that is not real-time
    URGENT = -15                            # their niceness where that is not allowed


class EngineBusy(RuntimeError):
    """The media thread has not taken the last 4,096 commands: it is stuck or the machine is."""


def take_priority():
    """Let this thread go before others as far as the user may: "real-time" (sched(7), SCHED_RR: whoever else runs there makes room at
    once, so that packets wait for no other program), "nice" or, where neither is allowed, "ordinary".
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(REAL_TIME))
        return "real-time"
    except PermissionError:
        pass
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), URGENT)
        return "nice"
    except PermissionError:
        return "ordinary"


cdef class Media:
    """One media thread: its worker's memory and the thread that serves it."""

    def __cinit__(self, LegMemory memory, int capacity, int rtp_timeout_ms, int event_fd, cpu, bint latch_nat_only, bint rtcp,
                  double keepalive_s):
        self.worker = <Worker *>calloc(1, sizeof(Worker))
        if self.worker == NULL:
            raise MemoryError()
        self.bench = opus_bench()
        self.worker.epoll = net.epoll_create1(net.EPOLL_CLOEXEC)
        self.worker.command_fd = net.eventfd(0, net.EFD_NONBLOCK | net.EFD_CLOEXEC)
        self.worker.timer_fd = net.timerfd_create(net.CLOCK_MONOTONIC, net.TFD_NONBLOCK | net.TFD_CLOEXEC)
        self.worker.event_fd = event_fd
        if self.worker.epoll < 0 or self.worker.command_fd < 0 or self.worker.timer_fd < 0:
            raise OSError(errno.EMFILE, "no file descriptor left for the media engine")
        self.worker.rtp_timeout_ns = <int64_t>rtp_timeout_ms * 1000000
        self.worker.latch_nat_only = latch_nat_only
        self.worker.keepalive_ns = <int64_t>(keepalive_s * 1e9)
        self.worker.reports = rtcp
        self.worker.capacity = capacity
        self.worker.legs = <Leg **>calloc(capacity, sizeof(Leg *))
        self.worker.mixing = <Leg **>calloc(capacity, sizeof(Leg *))
        if self.worker.legs == NULL or self.worker.mixing == NULL:
            raise MemoryError()
        ring_open(&self.worker.commands, sizeof(Command), COMMANDS)
        ring_open(&self.worker.events, sizeof(Event), EVENTS)
        self.cpu = cpu
        self.memory = memory

    def __dealloc__(self):
        if self.worker == NULL:
            return
        if self.worker.epoll >= 0:
            net.close(self.worker.epoll)
        if self.worker.command_fd >= 0:
            net.close(self.worker.command_fd)
        if self.worker.timer_fd >= 0:
            net.close(self.worker.timer_fd)
        ring_close(&self.worker.commands)
        ring_close(&self.worker.events)
        free(self.worker.legs)
        free(self.worker.mixing)
        free(self.worker)
        free(self.bench)

    def run(self):
        try:
            if self.cpu is not None:
                os.sched_setaffinity(0, {self.cpu})
            self.scheduling = take_priority()
        except OSError as error:
            self.refused = error
            return
        finally:
            self.settled.set()
        with nogil:
            run(self.worker)

    cdef int send(self, Command *command) except -1:
        cdef uint64_t one = 1
        if self.thread is None:
            raise RuntimeError("the media engine is not running: start it first")
        if not ring_push(&self.worker.commands, command):
            raise EngineBusy("the media thread does not take commands")
        net.write(self.worker.command_fd, &one, sizeof(one))
        return 0

    def cpu_s(self):
        """CPU time of the thread [s]; 0 before it runs."""
        if self.thread is None or self.thread.ident is None:
            return 0.0
        return time.clock_gettime(time.pthread_getcpuclockid(self.thread.ident))

    cdef int start(self, str name) except -1:
        self.settled = threading.Event()
        self.refused = None
        self.thread = threading.Thread(target=self.run, name=name, daemon=True)
        self.thread.start()
        self.settled.wait()
        if self.refused is not None:
            self.thread = None
            raise self.refused
        return 0

    cdef int stop(self) except -1:
        cdef Command command
        if self.thread is not None:
            memset(&command, 0, sizeof(Command))
            command.kind = STOP
            self.send(&command)
        return 0

    cdef int join(self) except -1:
        if self.thread is not None:
            self.thread.join()
            self.thread = None
        return 0
