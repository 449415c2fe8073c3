"""The media engine as Python sees it: calls, legs, talk path, taps, figures.

Methods may be called on any Python thread (the GIL makes them one producer), return at once and never wait for the media thread.
Numbers name calls and legs; a number is never used twice.
"""
import base64
import contextlib
import errno
import os
import secrets
import threading
import time

import numpy as np

from libc.stdint cimport int16_t, int64_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset
from libc.math cimport log10

from native.codec cimport (
    G722, KINDS, Kind, L16_16000, L16_8000, OPUS, PCMA, PCMU, codec_close, codec_facts, codec_open,
)
from native.endpoint cimport endpoint_set, endpoint_text
from native.history cimport HistoryRing, history_begin, history_read
from native.includes cimport net
from native.includes.atomics cimport load_acquire, load_relaxed
from native.playout cimport voice_open, voice_samples
from native.ports cimport PortRange
from native.queue cimport ring_close, ring_open, ring_pop, ring_push
from native.reception cimport lost
from native.reports cimport Quality, begin as reports_begin
from native.resample cimport resample_close, resample_open
from native.rtp cimport REFUSALS_END
from native.session cimport (
    ADD_LEG, ADVISOR, ATTACH_TAP, CALLER, CHIME, CONNECT_LEG, Call, Command, DETACH_TAP, Event, KEY, LATCHED, Leg, MAX_LEGS, QUALITY,
    REFUSED, REHEAR, REMOVE_CALL, REMOVE_LEG, RESUMED, Role, SET_TALK_PATH, SILENT, STOP, SUPERVISOR, Worker,
)
from native.source cimport NARROW, WIDE
from native.srtp cimport Secure, secure_abandon, secure_replaced, secure_restate
from native.srtpcontext cimport Context, context_close
from native.tap cimport TAP_DELAY, TapReader, TapRing
from native.tones cimport tones_close, tones_open
from native.worker cimport run

from native.past import PastReader
from native.ports import NoFreePort
from native.rtp import REFUSALS
from native.srtpkeys import NAMES

cdef enum:
    COMMANDS = 4096
    EVENTS = 8192
    MOST_PTIME_MS = 120
    MOST_BYTES = 1944                       # of a payload, so that it fits a PACKET_BYTES with header, extension and trailer
    URGENT = -15                            # niceness of the media threads: before Python, SIP and everything else here

ROLES = {"caller": CALLER, "advisor": ADVISOR, "supervisor": SUPERVISOR}
CODECS = {"PCMA": PCMA, "PCMU": PCMU, "G722": G722, "opus": OPUS, "L16/8000": L16_8000, "L16/16000": L16_16000}
KEYS = "0123456789*#ABCD"
EVENT_NAMES = {LATCHED: "latched", SILENT: "silent", RESUMED: "resumed", KEY: "key", REFUSED: "refused", QUALITY: "quality"}


cdef void free_leg(Leg *leg) noexcept:
    """With all that it has been given."""
    cdef int kind
    for kind in range(<int>KINDS):
        if leg.codecs[kind] != NULL:
            codec_close(leg.codecs[kind])
    free(leg.given.wide)
    resample_close(&leg.given.up)
    resample_close(&leg.given.down)
    tones_close(leg.tones)
    free(leg)


class CallFull(OSError):
    """The call has its 8 legs."""


class EngineBusy(RuntimeError):
    """The media thread has not taken the last 4,096 commands: it is stuck or the machine is."""


cdef dict quality_facts(const Quality *quality, double ticks_per_ms):
    """Facts for the E-model. far_*: what the far side says of what it was sent; None where it has said nothing lately."""
    return {
        "expected": quality.expected,
        "lost": quality.lost,
        "jitter_ms": quality.jitter / ticks_per_ms,
        "rtt_ms": quality.round_trip_ns / 1e6 if quality.round_trip_ns >= 0 else None,
        "far_loss": quality.far_fraction_lost / 256.0 if quality.told else None,
        "far_jitter_ms": quality.far_jitter / ticks_per_ms if quality.told else None,
        "far_discarded": quality.far_discard / 256.0 if quality.far_voip else None,
    }


cdef class Media:
    """One media thread: its worker's memory and the thread that serves it."""

    cdef Worker *worker
    cdef object thread
    cdef object cpu
    cdef int calls, legs                    # given to it and not yet taken back

    def __cinit__(self, int capacity, int rtp_timeout_ms, int event_fd, cpu, bint latch_nat_only, bint rtcp, double keepalive_s):
        self.worker = <Worker *>calloc(1, sizeof(Worker))
        if self.worker == NULL:
            raise MemoryError()
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

    def run(self):
        if self.cpu is not None:
            os.sched_setaffinity(0, {self.cpu})
        with contextlib.suppress(PermissionError):              # not without privilege; then the kernel shares fairly
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), URGENT)
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


cdef class Engine:
    """Media threads with their sockets. `start` before, `stop` after; both once.

    A call's legs are all on one thread, so they need no locks; a new call goes to the thread with the fewest legs.
    """

    cdef list _media                        # [Media]
    cdef int _event_fd
    cdef dict _calls                        # number → address of Call
    cdef dict _legs                         # number → address of Leg
    cdef dict _media_of                     # call number → Media
    cdef dict _rings                        # call number → [TapRing, readers]
    cdef dict _histories                    # call number → HistoryRing
    cdef list _leaving_legs, _leaving_calls, _leaving_rings, _leaving_keys  # calls: (address, HistoryRing or None)
    cdef double _history_s
    cdef PortRange _ports
    cdef int _capacity
    cdef int _numbers

    def __cinit__(self, *args, **kwargs):
        self._event_fd = -1

    def __init__(self, bind="127.0.0.1", port_range=(20000, 29998), rtp_timeout_ms=5000, workers=1, cpus=None, most_legs=8192,
                 quarantine_ms=2000, history_s=0.0, latch_nat_only=False, bint rtcp=True, double keepalive_s=0.0):
        """bind: IP address of every RTP socket. port_range: first and last port; even ones for RTP, the odd ones above them for RTCP.

        rtp_timeout_ms: silence after which a leg that was sending is reported. workers: media threads. cpus: the core to pin each
        of them to; None: any. most_legs: room for so many legs at once.
        latch_nat_only: a leg may latch to another host than the announced only where a NAT hides that (RFC 7362).
        quarantine_ms: how long a released port rests. history_s: of each call so much is kept, 16,000 bytes a second; 0: nothing.
        rtcp: reports are sent (they are read in either case). keepalive_s: silence towards a leg after which it gets an empty packet;
        0: never. ValueError for an address, range or number that cannot be.
        """
        if workers < 1 or (cpus is not None and len(cpus) != workers):
            raise ValueError(f"{workers} media threads cannot be pinned to cores {cpus}")
        self._ports = PortRange(bind, port_range, quarantine_ms)
        self._capacity = most_legs
        self._calls, self._legs, self._rings, self._media_of, self._histories = {}, {}, {}, {}, {}
        self._history_s = history_s
        self._leaving_legs, self._leaving_calls, self._leaving_rings, self._leaving_keys = [], [], [], []
        self._event_fd = net.eventfd(0, net.EFD_NONBLOCK | net.EFD_CLOEXEC)
        if self._event_fd < 0:
            raise OSError(errno.EMFILE, "no file descriptor left for the media engine")
        pins = cpus or [None] * workers
        self._media = [Media(most_legs, rtp_timeout_ms, self._event_fd, cpu, latch_nat_only, rtcp, keepalive_s) for cpu in pins]

    def __dealloc__(self):
        if self._event_fd >= 0:
            net.close(self._event_fd)

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self):
        cdef Media media
        for index, media in enumerate(self._media):
            media.thread = threading.Thread(target=media.run, name=f"media-{index}", daemon=True)
            media.thread.start()

    def stop(self):
        """End the media threads and every call on them. Blocks for at most one round of their loops. Safe twice."""
        cdef Command command
        cdef Media media
        for call in list(self._calls):
            self.remove_call(call)
        memset(&command, 0, sizeof(Command))
        command.kind = STOP
        for media in self._media:
            if media.thread is not None:
                media.send(&command)
        for media in self._media:
            if media.thread is not None:
                media.thread.join()
                media.thread = None
        self._reap()

    cdef Media _least_loaded(self):
        return min(self._media, key=lambda media: (<Media>media).legs + 2 * (<Media>media).calls)

    cdef void _reap(self):
        """Free what the media thread has let go of."""
        cdef uintptr_t address
        cdef TapRing ring
        kept = []
        for address in self._leaving_legs:
            if load_acquire(&(<Leg *>address).retired):
                self._ports.release((<Leg *>address).port)
                free_leg(<Leg *>address)
            else:
                kept.append(address)
        self._leaving_legs = kept
        kept = []
        for address, history in self._leaving_calls:
            if load_acquire(&(<Call *><uintptr_t>address).retired) and not self._leaving_legs:
                free(<Call *><uintptr_t>address)
            else:
                kept.append((address, history))
        self._leaving_calls = kept
        kept = []
        for ring in self._leaving_rings:
            if not load_acquire(&ring.tap.detached):
                kept.append(ring)
        self._leaving_rings = kept
        kept = []
        for address in self._leaving_keys:
            if load_acquire(&(<Context *>address).retired):
                context_close(<Context *>address)
            else:
                kept.append(address)
        self._leaving_keys = kept

    # ── calls and legs ───────────────────────────────────────────────────────────────────────────────────────────────

    cdef int _send(self, int call, Command *command) except -1:
        return (<Media>self._media_of[call]).send(command)

    cdef Call *_call(self, int call) except NULL:
        return <Call *><uintptr_t>self._calls[call]

    cdef Leg *_leg(self, int leg) except NULL:
        return <Leg *><uintptr_t>self._legs[leg]

    def add_call(self):
        """A new call's number."""
        cdef HistoryRing kept = HistoryRing(self._history_s) if self._history_s > 0 else None
        cdef Call *call = <Call *>calloc(1, sizeof(Call))
        if call == NULL:
            raise MemoryError()
        self._reap()
        self._numbers += 1
        call.id = self._numbers
        if kept is not None:
            call.history = kept.history
            self._histories[call.id] = kept
        self._calls[call.id] = <uintptr_t>call
        self._media_of[call.id] = self._least_loaded()
        (<Media>self._media_of[call.id]).calls += 1
        return call.id

    def add_leg(self, int call, str role, bint passes_keys=False, bint hears_tones=False):
        """Bind a port and add a leg: (its number, its RTP port). role: caller, advisor or supervisor.

        passes_keys: its telephone-events go on to the other party; they are reported in either case. hears_tones: keys are looked for
        in its audio, too (`native.tones`).
        Raises KeyError (unknown call or role), NoFreePort, and CallFull when the call has its 8 legs.
        """
        cdef Command command
        cdef Leg *leg
        cdef int slot = 0, fd = -1, stray = -1, rtcp = -1, port
        cdef bytes cname = base64.b64encode(secrets.token_bytes(12))
        cdef Role part = <Role><int>ROLES[role]
        cdef Call *owner = self._call(call)
        self._reap()
        taken = {(<Leg *><uintptr_t>address).slot for address in self._legs.values() if (<Leg *><uintptr_t>address).call == owner}
        while slot in taken:
            slot += 1
        if slot >= MAX_LEGS:
            raise CallFull(errno.EUSERS, f"a call carries at most {MAX_LEGS} legs: two parties and {MAX_LEGS - 2} supervisors")
        if len(self._legs) + len(self._leaving_legs) >= self._capacity:
            raise NoFreePort(errno.EADDRNOTAVAIL, f"the engine has room for {self._capacity} legs")
        port = self._ports.open(&fd, &stray, &rtcp)
        leg = <Leg *>calloc(1, sizeof(Leg))
        if leg == NULL:
            net.close(fd)
            net.close(stray)
            net.close(rtcp)
            self._ports.release(port)
            raise MemoryError()
        self._numbers += 1
        leg.id = self._numbers
        leg.slot = slot
        leg.role = part
        leg.call = owner
        leg.port = port
        leg.fd = fd
        leg.stray_fd = stray
        leg.rtcp_fd = rtcp
        leg.passes_keys = passes_keys
        leg.ssrc = secrets.randbits(32)
        leg.mixing_index = -1
        leg.given_rate = -1
        voice_open(&leg.source.voices[<int>NARROW], leg.narrow, 8)
        voice_open(&leg.source.voices[<int>WIDE], NULL, 16)
        reports_begin(&leg.reports, secrets.randbits(64), <const uint8_t *>cname, net.now_ns())
        memset(&command, 0, sizeof(Command))
        command.kind = ADD_LEG
        command.leg = leg
        try:
            if hears_tones:
                leg.tones = tones_open()
                if leg.tones == NULL:
                    raise MemoryError()
            self._send(call, &command)
        except BaseException:
            net.close(fd)
            net.close(stray)
            net.close(rtcp)
            self._ports.release(port)
            tones_close(leg.tones)
            free(leg)
            raise
        self._legs[leg.id] = <uintptr_t>leg
        (<Media>self._media_of[call]).legs += 1
        return leg.id, port

    def connect(self, int leg, str codec, int payload_type, int event_payload_type, str host, int port, int ptime_ms=20, bint sends=True,
                bint receives=True, int event_clock_hz=8000, int bits_per_second=0, rtcp=None, bint rtcp_mux=False, str suite=None,
                bytes local_key=b"", bytes remote_key=b"", bytes mki=b""):
        """Set what SDP negotiated. codec: one of CODECS. event_payload_type -1: no telephone-event. sends/receives: the gateway's own
        direction. bits_per_second: the most that the far side wants (Opus), 0: as is good.

        rtcp: (IP address, port) that reports go to; None: the port above. rtcp_mux: they share the RTP port.
        suite: SRTP by its name in SDP; None: plain RTP. local_key, remote_key: master key and salt under which we and the far side
        send; mki: on every packet of the far side's. A key that stays goes on, another one is gone over to between two packets.
        Memory for all that this codec may need beside the call's others is taken here.
        Raises MemoryError, KeyError (unknown leg, codec or suite), ValueError (not an address, ptime outside 10 … 120 ms, a key of a
        wrong length) and RuntimeError (a suite that this machine cannot do).
        """
        cdef Command command
        cdef Leg *chosen = self._leg(leg)
        cdef Kind kind = <Kind><int>CODECS[codec]
        cdef int rate_hz = codec_facts(kind).rate_hz
        if not 10 <= ptime_ms <= MOST_PTIME_MS:
            raise ValueError(f"a packet time of {ptime_ms} ms is not between 10 and {MOST_PTIME_MS}")
        memset(&command, 0, sizeof(Command))
        command.kind = CONNECT_LEG
        command.leg = chosen
        command.media.kind = kind
        command.media.rate = WIDE if rate_hz > 8000 else NARROW
        command.media.khz = rate_hz // 1000
        command.media.clock_khz = codec_facts(kind).clock_hz // 1000
        command.media.most_bytes = min(MOST_PTIME_MS * codec_facts(kind).bytes_per_ms or MOST_BYTES, MOST_BYTES)
        command.media.bits_per_second = bits_per_second
        command.media.payload_type = payload_type
        command.media.event_payload_type = event_payload_type
        command.media.event_clock_khz = event_clock_hz // 1000
        command.media.frame = min(ptime_ms, 60 if kind == L16_16000 else MOST_PTIME_MS) * rate_hz // 1000
        command.media.sends = sends
        command.media.receives = receives
        endpoint_set(&command.media.remote, host, port)
        if rtcp is not None:
            endpoint_set(&command.rtcp, rtcp[0], rtcp[1])
        command.media.muxed = rtcp_mux
        if chosen.codecs[<int>kind] == NULL:
            chosen.codecs[<int>kind] = codec_open(kind, bits_per_second)
        command.codec = chosen.codecs[<int>kind]
        chosen.given_rate = command.media.rate
        self._outfit(chosen.call, &command)
        if suite is not None:
            secure_restate(&command.secure, &chosen.stated, <int>NAMES[suite], local_key, remote_key, mki)
        command.ssrc = secrets.randbits(32)
        try:
            self._send(chosen.call.id, &command)
        except BaseException:
            secure_abandon(&command.secure, &chosen.stated)
            raise
        self._leaving_keys += secure_replaced(&chosen.stated, &command.secure)
        chosen.stated = command.secure
        if self._leaving_keys:
            self._reap()

    cdef void _let_go(self, int leg):
        """The media thread has been told that this leg is over."""
        cdef Secure nothing
        cdef Leg *gone = self._leg(leg)
        memset(&nothing, 0, sizeof(Secure))
        (<Media>self._media_of[gone.call.id]).legs -= 1
        self._leaving_keys += secure_replaced(&gone.stated, &nothing)
        self._leaving_legs.append(self._legs.pop(leg))

    cdef int _outfit(self, Call *call, Command *command) except -1:
        """Give each leg of a call in which 16 kHz is spoken the memory to speak at both rates; at 8 kHz alone none needs more."""
        cdef uintptr_t address
        cdef Leg *leg
        cdef bint wide = False
        members = [address for address in self._legs.values() if (<Leg *>address).call == call]
        for address in members:
            wide |= (<Leg *>address).given_rate == WIDE
        if not wide:
            return 0
        for address in members:
            leg = <Leg *>address
            if leg.given_rate < 0:
                continue
            if leg.given.wide == NULL:
                leg.given.wide = <int16_t *>calloc(voice_samples(16), sizeof(int16_t))
                if leg.given.wide == NULL:
                    raise MemoryError()
            if leg.given_rate == NARROW and leg.given.up.state == NULL:
                resample_open(&leg.given.up, 8000, 16000)
            if leg.given_rate == WIDE and leg.given.down.state == NULL:
                resample_open(&leg.given.down, 16000, 8000)
            command.gifts[leg.slot] = leg.given
        return 0

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
        self._send(call, &command)

    def rehear(self, int leg, double seconds):
        """Let one listener hear the last `seconds` of both parties again, faster until live; again, or 0: back to the present at once.

        Nothing where the call keeps no history. KeyError when the leg is unknown.
        """
        cdef Command command
        memset(&command, 0, sizeof(Command))
        command.kind = REHEAR
        command.leg = self._leg(leg)
        command.seconds = seconds
        self._send(command.leg.call.id, &command)

    def chime(self, int leg):
        """Let an advisor hear a short tone over the call, and nobody else.

        Nothing where they hear nothing (not connected, on hold). ValueError for a leg that is no advisor's, KeyError when it is unknown.
        """
        cdef Command command
        memset(&command, 0, sizeof(Command))
        command.kind = CHIME
        command.leg = self._leg(leg)
        if command.leg.role != ADVISOR:
            raise ValueError(f"leg {leg} is no advisor's")
        self._send(command.leg.call.id, &command)

    def remove_leg(self, int leg):
        """Close a leg. KeyError when it is unknown."""
        cdef Command command
        memset(&command, 0, sizeof(Command))
        command.kind = REMOVE_LEG
        command.leg = self._leg(leg)
        self._send(command.leg.call.id, &command)
        self._let_go(leg)
        self._reap()

    def remove_call(self, int call):
        """Close a call with what legs are left. KeyError when it is unknown. Its taps read on to their end."""
        cdef Command command
        memset(&command, 0, sizeof(Command))
        command.kind = REMOVE_CALL
        command.call = self._call(call)
        self._send(call, &command)
        for number, address in list(self._legs.items()):
            if (<Leg *><uintptr_t>address).call == command.call:
                self._let_go(number)
        self._leaving_calls.append((self._calls.pop(call), self._histories.pop(call, None)))
        (<Media>self._media_of.pop(call)).calls -= 1
        if call in self._rings:
            self._leaving_rings.append(self._rings.pop(call)[0])
        self._reap()

    # ── taps ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def open_tap(self, int call, double history_s=0.0, double speed=1.0):
        """A reader of the parties' own streams (`native.tap.TapReader`). All readers of a call share one ring. KeyError: unknown call.

        history_s: begin so long ago, or as far back as the call's history goes (`native.past.PastReader`). speed: play that so much
        faster, pitch kept, until it is live; 1: give it out as fast as it is read. ValueError for one outside 1 … 3.
        """
        if not 1 <= speed <= 3:
            raise ValueError(f"a speed of {speed} is not between 1 and 3")
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
            self._send(call, &command)
            self._rings[call] = [ring, 0]
        self._rings[call][1] += 1
        reader = TapReader(self._rings[call][0], lambda: self._close_tap(call))
        if history_s <= 0 or call not in self._histories or owner.began_ns == 0:
            return reader
        return PastReader(reader, self._histories[call], history_s, speed)

    def read_history(self, int call, double seconds):
        """What the parties said in the last `seconds`: (media time of the first sample [ms], int16 array (2, n): caller, advisor).

        n is less where the call is younger or less is kept; 0 where nothing is. Up to 60 ms ago. KeyError: unknown call.
        """
        cdef Call *owner = self._call(call)
        cdef HistoryRing ring = self._histories.get(call)
        cdef int16_t[:, ::1] out
        cdef int64_t begin, end
        cdef int party
        if ring is None or owner.began_ns == 0:
            return 0, np.zeros((2, 0), dtype=np.int16)
        end = max(0, (net.now_ns() - owner.began_ns) // 125000 - TAP_DELAY)
        begin = min(end, max(history_begin(ring.history), end - <int64_t>(seconds * 8000)))
        samples = np.zeros((2, end - begin), dtype=np.int16)
        out = samples
        for party in range(2):
            if end > begin:
                history_read(ring.history, party, begin, &out[party, 0], <int>(end - begin))
        return begin // 8, samples

    def _close_tap(self, int call):
        cdef Command command
        if call not in self._rings:
            return
        self._rings[call][1] -= 1
        if self._rings[call][1] == 0:
            memset(&command, 0, sizeof(Command))
            command.kind = DETACH_TAP
            command.call = self._call(call)
            self._send(call, &command)
            self._leaving_rings.append(self._rings.pop(call)[0])

    # ── what happened ────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def event_fd(self):
        """Readable (an eventfd) when `events` has something."""
        return self._event_fd

    def events(self):
        """Take the events that wait: [(name, leg, value, count, source)].

        latched (source) · silent (value: ms) · resumed · key (value: `0`-`9*#ABCD`, count: ms so far) · refused (value: reason, count) ·
        quality (value: the dict of `quality_facts`, of the last five seconds).
        """
        cdef Event event
        cdef uint64_t count
        cdef Media media
        taken = []
        net.read(self._event_fd, &count, sizeof(count))
        for media in self._media:
            while ring_pop(&media.worker.events, &event):
                value = event.value
                if event.kind == KEY:
                    value = KEYS[event.value]
                elif event.kind == REFUSED:
                    value = REFUSALS[event.value]
                elif event.kind == QUALITY:
                    value = quality_facts(&event.quality, event.value)
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
            "jitter_ms": leg.reception.jitter / max(leg.media.clock_khz, 1),
            "sent": load_relaxed(&leg.sent),
            "rtt_ms": leg.reports.round_trip_ns / 1e6 if leg.reports.round_trip_ns >= 0 else None,
            "reports_heard": leg.reports_heard,
            "remote_lost": leg.reports.told.lost if leg.reports.told_ns else None,
            "remote_jitter_ms": leg.reports.told.jitter / <double>max(leg.media.clock_khz, 1) if leg.reports.told_ns else None,
            "overlaid": load_relaxed(&leg.overlaid),
            "late": leg.late,
            "made_up_ms": leg.source.made_up // max(leg.media.khz, 1),
            "unreadable": leg.source.unreadable,
            "underruns": sum([leg.edges[slot].playout.underruns for slot in range(MAX_LEGS)]),
            "level_db": 10 * log10(leg.power / 1073741824.0) if leg.power > 0.27 else -96.0,
            "refused": {name: count for name, count in refused.items() if count},
            "source": endpoint_text(&leg.remote) if leg.locked else None,
            "paced_by_clock": bool(leg.timed),
        }

    def levels(self):
        """{leg: level of what it sends [dBFS, a sine at full scale is -3.01]} of every leg that was heard in the last 200 ms."""
        cdef Leg *leg
        cdef int64_t since = net.now_ns() - 200000000
        found = {}
        for number, address in self._legs.items():
            leg = <Leg *><uintptr_t>address
            if load_relaxed(&leg.heard_ns) > since and leg.power > 0.27:
                found[number] = 10 * log10(leg.power / 1073741824.0)
        return found

    def counters(self):
        """Figures of the media threads together: packets, wake-ups, dropped messages, legs, CPU time [s]."""
        cdef Media media
        total = dict.fromkeys(("received", "sent", "wakeups", "events_dropped", "legs", "mixing"), 0)
        for media in self._media:
            total["received"] += media.worker.received
            total["sent"] += media.worker.sent
            total["wakeups"] += media.worker.wakeups
            total["events_dropped"] += load_relaxed(&media.worker.events_dropped)
            total["legs"] += media.worker.leg_count
            total["mixing"] += media.worker.mixing_count
        return total | {"cpu_s": self.cpu_s()}

    def cpu_s(self):
        """CPU time of the media threads [s]."""
        return sum(media.cpu_s() for media in self._media)

    def legs_by_worker(self):
        """How many legs each media thread carries."""
        return [(<Media>media).legs for media in self._media]
