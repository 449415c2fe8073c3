"""The media engine as Python sees it: calls, legs, talk path, taps, figures.

Methods may be called on any Python thread (the GIL makes them one producer), return at once and never wait for the media thread.
Numbers name calls and legs; a number is never used twice.
"""
import errno
import os
import secrets
import threading
import time

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset
from libc.math cimport log10

from native.endpoint cimport Endpoint, endpoint_set, endpoint_text
from native.g711 cimport ALAW, ULAW
from native.includes cimport net
from native.includes.atomics cimport load_acquire, load_relaxed
from native.queue cimport ring_close, ring_open, ring_pop, ring_push
from native.reception cimport lost
from native.rtp cimport REFUSALS_END
from native.session cimport (
    ADD_LEG, ADVISOR, ATTACH_TAP, BATCH, CALLER, CONNECT_LEG, Call, Command, DETACH_TAP, Event, KEY, LATCHED, Leg, MAX_LEGS, REFUSED,
    REMOVE_CALL, REMOVE_LEG, RESUMED, Role, SET_TALK_PATH, SILENT, STOP, SUPERVISOR, Worker,
)
from native.tap cimport Tap, TapReader, TapRing
from native.worker cimport run

from native.rtp import REFUSALS

cdef enum:
    COMMANDS = 4096
    EVENTS = 8192
    RECEIVE_BUFFER_BYTES = 16384            # the kernel doubles it: some 40 packets, so overload is loss, not delay

ROLES = {"caller": CALLER, "advisor": ADVISOR, "supervisor": SUPERVISOR}
LAWS = {"PCMA": ALAW, "PCMU": ULAW}
KEYS = "0123456789*#ABCD"
EVENT_NAMES = {LATCHED: "latched", SILENT: "silent", RESUMED: "resumed", KEY: "key", REFUSED: "refused"}


class EngineBusy(RuntimeError):
    """The media thread has not taken the last 4,096 commands: it is stuck or the machine is."""


class NoFreePort(OSError):
    """Every even port of the range is taken."""


cdef class Engine:
    """One media thread with its sockets. `start` before, `stop` after; both once."""

    cdef Worker *worker
    cdef dict _calls                        # number → address of Call
    cdef dict _legs                         # number → address of Leg
    cdef dict _rings                        # call number → [TapRing, readers]
    cdef list _leaving_legs, _leaving_calls, _leaving_rings
    cdef object _thread
    cdef str _bind
    cdef int _low, _high, _next_port, _capacity
    cdef int _numbers
    cdef object _cpu
    cdef object _native_id

    def __cinit__(self, *args, **kwargs):
        self.worker = <Worker *>calloc(1, sizeof(Worker))
        if self.worker == NULL:
            raise MemoryError()
        self.worker.epoll = self.worker.command_fd = self.worker.event_fd = -1

    def __init__(self, bind="127.0.0.1", port_range=(20000, 29998), rtp_timeout_ms=5000, cpu=None, most_legs=8192):
        """bind: IP address of every RTP socket. port_range: first and last RTP port; even ones are used, the odd ones left for RTCP.

        rtp_timeout_ms: silence after which a leg that was sending is reported. cpu: core to pin the media thread to; None: any.
        most_legs: room for so many legs at once. ValueError for an address or range that cannot be.
        """
        cdef Endpoint probe
        self._low = port_range[0] + (port_range[0] & 1)
        self._high = port_range[1]
        if not 0 < self._low <= self._high <= 65535:
            raise ValueError(f"not a range of UDP ports: {port_range!r}")
        endpoint_set(&probe, bind, 0)
        self._bind = bind
        self._next_port = self._low
        self._capacity = most_legs
        self._cpu = cpu
        self._calls, self._legs, self._rings = {}, {}, {}
        self._leaving_legs, self._leaving_calls, self._leaving_rings = [], [], []
        self.worker.rtp_timeout_ns = rtp_timeout_ms * 1000000
        self.worker.capacity = most_legs
        self.worker.legs = <Leg **>calloc(most_legs, sizeof(Leg *))
        self.worker.mixing = <Leg **>calloc(most_legs, sizeof(Leg *))
        if self.worker.legs == NULL or self.worker.mixing == NULL:
            raise MemoryError()
        ring_open(&self.worker.commands, sizeof(Command), COMMANDS)
        ring_open(&self.worker.events, sizeof(Event), EVENTS)
        self.worker.epoll = net.epoll_create1(net.EPOLL_CLOEXEC)
        self.worker.command_fd = net.eventfd(0, net.EFD_NONBLOCK | net.EFD_CLOEXEC)
        self.worker.event_fd = net.eventfd(0, net.EFD_NONBLOCK | net.EFD_CLOEXEC)
        if self.worker.epoll < 0 or self.worker.command_fd < 0 or self.worker.event_fd < 0:
            raise OSError(errno.EMFILE, "no file descriptor left for the media engine")

    def __dealloc__(self):
        cdef uintptr_t address
        cdef int fd
        if self.worker == NULL:
            return
        for fd in (self.worker.epoll, self.worker.command_fd, self.worker.event_fd):
            if fd >= 0:
                net.close(fd)
        ring_close(&self.worker.commands)
        ring_close(&self.worker.events)
        free(self.worker.legs)
        free(self.worker.mixing)
        free(self.worker)

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self):
        self._thread = threading.Thread(target=self._run, name="media", daemon=True)
        self._thread.start()

    def _run(self):
        self._native_id = threading.get_native_id()
        if self._cpu is not None:
            os.sched_setaffinity(0, {self._cpu})
        with nogil:
            run(self.worker)

    def stop(self):
        """End the media thread and every call on it. Blocks for at most one round of its loop. Safe twice."""
        cdef Command command
        if self._thread is None:
            return
        for call in list(self._calls):
            self.remove_call(call)
        memset(&command, 0, sizeof(Command))
        command.kind = STOP
        self._send(&command)
        self._thread.join()
        self._thread = None
        self._reap()

    cdef int _send(self, Command *command) except -1:
        cdef uint64_t one = 1
        if self._thread is None:
            raise RuntimeError("the media engine is not running: start it first")
        if not ring_push(&self.worker.commands, command):
            raise EngineBusy("the media thread does not take commands")
        net.write(self.worker.command_fd, &one, sizeof(one))
        return 0

    cdef void _reap(self):
        """Free what the media thread has let go of."""
        cdef uintptr_t address
        cdef TapRing ring
        kept = []
        for address in self._leaving_legs:
            if load_acquire(&(<Leg *>address).retired):
                free(<Leg *>address)
            else:
                kept.append(address)
        self._leaving_legs = kept
        kept = []
        for address in self._leaving_calls:
            if load_acquire(&(<Call *>address).retired) and not self._leaving_legs:
                free(<Call *>address)
            else:
                kept.append(address)
        self._leaving_calls = kept
        kept = []
        for ring in self._leaving_rings:
            if not load_acquire(&ring.tap.detached):
                kept.append(ring)
        self._leaving_rings = kept

    # ── calls and legs ───────────────────────────────────────────────────────────────────────────────────────────────

    cdef Call *_call(self, int call) except NULL:
        return <Call *><uintptr_t>self._calls[call]

    cdef Leg *_leg(self, int leg) except NULL:
        return <Leg *><uintptr_t>self._legs[leg]

    def add_call(self):
        """A new call's number."""
        cdef Call *call = <Call *>calloc(1, sizeof(Call))
        if call == NULL:
            raise MemoryError()
        self._reap()
        self._numbers += 1
        call.id = self._numbers
        self._calls[self._numbers] = <uintptr_t>call
        return self._numbers

    def add_leg(self, int call, str role, bint passes_keys=False):
        """Bind a port and add a leg: (its number, its RTP port). role: caller, advisor or supervisor.

        passes_keys: its telephone-events go on to the other party; they are reported in either case.
        Raises KeyError (unknown call), NoFreePort, and ValueError when the call has its 8 legs.
        """
        cdef Command command
        cdef Leg *leg
        cdef int slot = 0, fd = -1, stray = -1, port
        cdef Call *owner = self._call(call)
        self._reap()
        taken = {(<Leg *><uintptr_t>address).slot for address in self._legs.values() if (<Leg *><uintptr_t>address).call == owner}
        while slot in taken:
            slot += 1
        if slot >= MAX_LEGS:
            raise ValueError(f"call {call} has its {MAX_LEGS} legs")
        if len(self._legs) + len(self._leaving_legs) >= self._capacity:
            raise NoFreePort(errno.EADDRNOTAVAIL, f"the engine has room for {self._capacity} legs")
        port = self._open(&fd, &stray)
        leg = <Leg *>calloc(1, sizeof(Leg))
        if leg == NULL:
            net.close(fd)
            net.close(stray)
            raise MemoryError()
        self._numbers += 1
        leg.id = self._numbers
        leg.slot = slot
        leg.role = <Role><int>ROLES[role]
        leg.call = owner
        leg.port = port
        leg.fd = fd
        leg.stray_fd = stray
        leg.passes_keys = passes_keys
        leg.ssrc = secrets.randbits(32)
        leg.mixing_index = -1
        memset(&command, 0, sizeof(Command))
        command.kind = ADD_LEG
        command.leg = leg
        try:
            self._send(&command)
        except BaseException:
            net.close(fd)
            net.close(stray)
            free(leg)
            raise
        self._legs[leg.id] = <uintptr_t>leg
        return leg.id, port

    cdef int _open(self, int *fd, int *stray) except -1:
        """Two sockets on the next free even port: one to be connected to the leg's source, one for what comes from elsewhere."""
        cdef int tries, port
        for tries in range((self._high - self._low) // 2 + 1):
            port = self._next_port
            self._next_port += 2
            if self._next_port > self._high:
                self._next_port = self._low
            if self._bind_pair(port, fd, stray):
                return port
        raise NoFreePort(errno.EADDRNOTAVAIL, f"no free RTP port from {self._low} to {self._high} on {self._bind}")

    cdef bint _bind_pair(self, int port, int *fd, int *stray) except -1:
        """The first socket is bound alone, so that a port in use by anybody else is refused; only then may its twin share it."""
        cdef Endpoint local
        cdef int one = 1, zero = 0, size = RECEIVE_BUFFER_BYTES, failure
        endpoint_set(&local, self._bind, port)
        fd[0] = net.socket(local.raw.any.sa_family, net.SOCK_DGRAM | net.SOCK_NONBLOCK | net.SOCK_CLOEXEC, 0)
        stray[0] = net.socket(local.raw.any.sa_family, net.SOCK_DGRAM | net.SOCK_NONBLOCK | net.SOCK_CLOEXEC, 0)
        if fd[0] >= 0 and stray[0] >= 0:
            if net.bind(fd[0], &local.raw.any, local.length) == 0:
                net.setsockopt(fd[0], net.SOL_SOCKET, net.SO_REUSEPORT, &one, sizeof(one))
                net.setsockopt(stray[0], net.SOL_SOCKET, net.SO_REUSEPORT, &one, sizeof(one))
                if net.bind(stray[0], &local.raw.any, local.length) == 0:
                    for each in (fd[0], stray[0]):
                        net.setsockopt(each, net.SOL_SOCKET, net.SO_REUSEPORT, &zero, sizeof(zero))
                        net.setsockopt(each, net.SOL_SOCKET, net.SO_RCVBUF, &size, sizeof(size))
                    return True
        else:
            failure = errno.EMFILE
            for each in (fd[0], stray[0]):
                if each >= 0:
                    net.close(each)
            raise OSError(failure, "no file descriptor left for an RTP port: raise the limit of open files")
        net.close(fd[0])
        net.close(stray[0])
        return False

    def connect(self, int leg, str law, int payload_type, int event_payload_type, str host, int port, int ptime_ms=20, bint sends=True,
                bint receives=True):
        """Set what SDP negotiated. event_payload_type -1: no telephone-event. sends/receives: the gateway's own direction.

        Raises KeyError (unknown leg or law) and ValueError (not an address, ptime outside 10 … 120 ms).
        """
        cdef Command command
        if not 10 <= ptime_ms <= 120:
            raise ValueError(f"a packet time of {ptime_ms} ms is not between 10 and 120")
        memset(&command, 0, sizeof(Command))
        command.kind = CONNECT_LEG
        command.leg = self._leg(leg)
        command.media.law = LAWS[law]
        command.media.payload_type = payload_type
        command.media.event_payload_type = event_payload_type
        command.media.frame = ptime_ms * 8
        command.media.sends = sends
        command.media.receives = receives
        endpoint_set(&command.media.remote, host, port)
        self._send(&command)

    def set_talk_path(self, int call, gains):
        """gains: {(source leg, listener leg): linear gain}, the whole table; pairs that are not in it are silent."""
        cdef Command command
        cdef Leg *source
        cdef Leg *listener
        memset(&command, 0, sizeof(Command))
        command.kind = SET_TALK_PATH
        command.call = self._call(call)
        for (from_leg, to_leg), gain in gains.items():
            source = self._leg(from_leg)
            listener = self._leg(to_leg)
            if source.call != command.call or listener.call != command.call or source == listener:
                raise ValueError(f"legs {from_leg} and {to_leg} are not two legs of call {call}")
            command.gains[source.slot][listener.slot] = gain
        self._send(&command)

    def remove_leg(self, int leg):
        """Close a leg. KeyError when it is unknown."""
        cdef Command command
        memset(&command, 0, sizeof(Command))
        command.kind = REMOVE_LEG
        command.leg = self._leg(leg)
        self._send(&command)
        self._leaving_legs.append(self._legs.pop(leg))
        self._reap()

    def remove_call(self, int call):
        """Close a call with what legs are left. KeyError when it is unknown. Its taps read on to their end."""
        cdef Command command
        memset(&command, 0, sizeof(Command))
        command.kind = REMOVE_CALL
        command.call = self._call(call)
        self._send(&command)
        for number, address in list(self._legs.items()):
            if (<Leg *><uintptr_t>address).call == command.call:
                self._leaving_legs.append(self._legs.pop(number))
        self._leaving_calls.append(self._calls.pop(call))
        if call in self._rings:
            self._leaving_rings.append(self._rings.pop(call)[0])
        self._reap()

    # ── taps ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def open_tap(self, int call):
        """A reader of the parties' own streams (`native.tap.TapReader`). All readers of a call share one ring. KeyError: unknown call."""
        cdef Command command
        cdef TapRing ring
        cdef Call *owner = self._call(call)
        self._reap()
        if call not in self._rings:
            ring = TapRing()
            ring.tap.began_ns = owner.began_ns or net.now_ns()
            memset(&command, 0, sizeof(Command))
            command.kind = ATTACH_TAP
            command.call = owner
            command.tap = ring.tap
            self._send(&command)
            self._rings[call] = [ring, 0]
        self._rings[call][1] += 1
        return TapReader(self._rings[call][0], lambda: self._close_tap(call))

    def _close_tap(self, int call):
        cdef Command command
        if call not in self._rings:
            return
        self._rings[call][1] -= 1
        if self._rings[call][1] == 0:
            memset(&command, 0, sizeof(Command))
            command.kind = DETACH_TAP
            command.call = self._call(call)
            self._send(&command)
            self._leaving_rings.append(self._rings.pop(call)[0])

    # ── what happened ────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def event_fd(self):
        """Readable (an eventfd) when `events` has something."""
        return self.worker.event_fd

    def events(self):
        """Take the events that wait: [(name, leg, value, count, source)].

        latched (source) · silent (value: ms) · resumed · key (value: `0`-`9*#ABCD`, count: ms) · refused (value: reason, count).
        """
        cdef Event event
        cdef uint64_t count
        taken = []
        net.read(self.worker.event_fd, &count, sizeof(count))
        while ring_pop(&self.worker.events, &event):
            value = event.value
            if event.kind == KEY:
                value = KEYS[event.value]
            elif event.kind == REFUSED:
                value = REFUSALS[event.value]
            taken.append((EVENT_NAMES[event.kind], event.leg, value, event.count, endpoint_text(&event.source)))
        return taken

    def stats(self, int number):
        """One leg's figures as a dict; KeyError when it is unknown. Counters are the media thread's own, at most a packet old."""
        cdef Leg *leg = self._leg(number)
        cdef uint32_t memory[16]
        cdef net.socklen_t size = sizeof(memory)
        cdef int reason
        refused = {REFUSALS[reason]: load_relaxed(&leg.refused[reason]) for reason in range(1, <int>REFUSALS_END)}
        if net.getsockopt(leg.fd, net.SOL_SOCKET, net.SO_MEMINFO, memory, &size) == 0 and size >= 36:
            refused["receive_buffer"] = memory[8]                           # SK_MEMINFO_DROPS
        return {
            "port": leg.port,
            "received": leg.reception.received,
            "received_bytes": leg.reception.received_bytes,
            "lost": lost(&leg.reception),
            "out_of_order": leg.reception.out_of_order,
            "duplicates": leg.reception.duplicates,
            "restarts": leg.reception.restarts,
            "jitter_ms": leg.reception.jitter / 8,
            "sent": load_relaxed(&leg.sent),
            "overlaid": load_relaxed(&leg.overlaid),
            "late": leg.late,
            "underruns": sum([leg.edges[slot].playout.underruns for slot in range(MAX_LEGS)]),
            "level_db": 10 * log10(leg.power / 1073741824.0) if leg.power > 0.27 else -96.0,
            "refused": {name: count for name, count in refused.items() if count},
            "source": endpoint_text(&leg.remote) if leg.locked else None,
            "paced_by_clock": bool(leg.timed),
        }

    def counters(self):
        """The thread's own figures: packets, wake-ups, dropped messages, CPU time [s]."""
        return {
            "received": self.worker.received,
            "sent": self.worker.sent,
            "wakeups": self.worker.wakeups,
            "events_dropped": load_relaxed(&self.worker.events_dropped),
            "legs": self.worker.leg_count,
            "mixing": self.worker.mixing_count,
            "cpu_s": self.cpu_s(),
        }

    def cpu_s(self):
        """CPU time of the media thread [s]; 0 before it runs."""
        if self._thread is None or self._thread.ident is None:
            return 0.0
        return time.clock_gettime(time.pthread_getcpuclockid(self._thread.ident))
