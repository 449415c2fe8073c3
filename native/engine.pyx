"""The media engine as Python sees it: calls, legs, talk path, taps, figures.

Methods may be called on any Python thread (the GIL makes them one producer), return at once and never wait for the media thread.
Numbers name calls and legs; a number is never used twice.
"""
import errno
import secrets

from libc.stdint cimport int64_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from native.clock cimport now_ns
from native.codec cimport codec_open
from native.departures cimport Departures
from native.endpoint cimport endpoint_set
from native.figures cimport event_facts, is_heard, leg_figures, level_db
from native.includes cimport net
from native.includes.atomics cimport load_float, load_int, load_relaxed
from native.legmemory cimport LegMemory, claim, outfit
from native.listening cimport Listening
from native.media cimport Media
from native.negotiation cimport negotiated_codec
from native.ports cimport PortRange
from native.queue cimport ring_pop
from native.session cimport (
    ADD_LEG, ADVISOR, CALLER, CHIME, CONNECT_LEG, Call, Command, Event, Leg, MAX_LEGS, REHEAR, REMOVE_CALL, REMOVE_LEG, Role,
    SET_TALK_PATH, SUPERVISOR,
)
from native.srtp cimport Secure, secure_abandon, secure_replaced, secure_restate

from native.media import EngineBusy
from native.ports import NoFreePort
from native.srtpkeys import NAMES

__all__ = ["CallFull", "Engine", "EngineBusy", "NoFreePort"]

cdef enum:
    COMFORT_NOISE = 13                      # RFC 3551 §6; taken for silence where nothing was agreed, too

ROLES = {"caller": CALLER, "advisor": ADVISOR, "supervisor": SUPERVISOR}


class CallFull(OSError):
    """The call has its 8 legs."""


cdef class Engine:
    """Media threads with their sockets. `start` before, `stop` after; both once.

    A call's legs are all on one thread, so they need no locks; a new call goes to the thread with the fewest legs.
    """

    cdef list _media                        # [Media]
    cdef int _event_fd
    cdef dict _calls                        # number → address of Call
    cdef dict _legs                         # number → address of Leg
    cdef dict _media_of                     # call number → Media
    cdef Departures _departures
    cdef Listening _listening
    cdef double _history_s
    cdef PortRange _ports
    cdef LegMemory _memory
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
        self._memory = LegMemory(most_legs)
        self._calls, self._legs, self._media_of = {}, {}, {}
        self._departures = Departures()
        self._listening = Listening(self._departures)
        self._history_s = history_s
        self._event_fd = net.eventfd(0, net.EFD_NONBLOCK | net.EFD_CLOEXEC)
        if self._event_fd < 0:
            raise OSError(errno.EMFILE, "no file descriptor left for the media engine")
        pins = cpus or [None] * workers
        self._media = [Media(self._memory, most_legs, rtp_timeout_ms, self._event_fd, cpu, latch_nat_only, rtcp, keepalive_s) for cpu in pins]

    def __dealloc__(self):
        if self._event_fd >= 0:
            net.close(self._event_fd)

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self):
        cdef Media media
        for index, media in enumerate(self._media):
            media.start(f"media-{index}")

    def stop(self):
        """End the media threads and every call on them. Blocks for at most one round of their loops. Safe twice."""
        cdef Media media
        for call in list(self._calls):
            self.remove_call(call)
        for media in self._media:
            media.stop()
        for media in self._media:
            media.join()
        self._reap()

    cdef Media _least_loaded(self):
        return min(self._media, key=lambda media: (<Media>media).legs + 2 * (<Media>media).calls)

    cdef void _reap(self):
        self._departures.reap(self._ports, self._memory)

    # ── calls and legs ───────────────────────────────────────────────────────────────────────────────────────────────

    cdef int _send(self, int call, Command *command) except -1:
        return (<Media>self._media_of[call]).send(command)

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
        if self._history_s > 0:
            try:
                self._listening.keep_history(call, self._history_s)
            except BaseException:
                free(call)
                raise
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
        cdef Role part = <Role><int>ROLES[role]
        cdef Call *owner = self._call(call)
        self._reap()
        taken = {(<Leg *><uintptr_t>address).slot for address in self._legs.values() if (<Leg *><uintptr_t>address).call == owner}
        while slot in taken:
            slot += 1
        if slot >= MAX_LEGS:
            raise CallFull(errno.EUSERS, f"a call carries at most {MAX_LEGS} legs: two parties and {MAX_LEGS - 2} supervisors")
        if len(self._legs) + len(self._departures.legs) >= self._capacity:
            raise NoFreePort(errno.EADDRNOTAVAIL, f"the engine has room for {self._capacity} legs")
        leg = self._memory.open(hears_tones)
        try:
            port = self._ports.open(&fd, &stray, &rtcp)
        except BaseException:
            self._memory.close(leg)
            raise
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
        memset(&command, 0, sizeof(Command))
        command.kind = ADD_LEG
        command.leg = leg
        try:
            self._send(call, &command)
        except BaseException:
            net.close(fd)
            net.close(stray)
            net.close(rtcp)
            self._ports.release(port)
            self._memory.close(leg)
            raise
        self._legs[leg.id] = <uintptr_t>leg
        (<Media>self._media_of[call]).legs += 1
        return leg.id, port

    def connect(self, int leg, str codec, int payload_type, int event_payload_type, str host, int port, int ptime_ms=20, bint sends=True,
                bint receives=True, int event_clock_hz=8000, int bits_per_second=0, rtcp=None, bint rtcp_mux=False, noise_payload_type=None,
                bint relays_reports=False, str suite=None,
                bytes local_key=b"", bytes remote_key=b"", bytes mki=b""):
        """Set what SDP negotiated. codec: one of CODECS. event_payload_type -1: no telephone-event. sends/receives: the gateway's own
        direction. bits_per_second: the most that the far side wants (Opus), 0: as is good.

        rtcp: (IP address, port) that reports go to; None: the port above. rtcp_mux: they share the RTP port.
        noise_payload_type: of comfort noise, which is passed on to this leg; None: it is not. relays_reports: its far side is sent what
        the other one reports, while it hears that one's packets untouched.
        suite: SRTP by its name in SDP; None: plain RTP. local_key, remote_key: master key and salt under which we and the far side
        send; mki: on every packet of the far side's. A key that stays goes on, another one is gone over to between two packets.
        Memory for all that this codec may need beside the call's others is taken here.
        Raises MemoryError, KeyError (unknown leg, codec or suite), ValueError (not an address, ptime outside 10 … 120 ms, a key of a
        wrong length) and RuntimeError (a suite that this machine cannot do).
        """
        cdef Command command
        cdef Leg *chosen = self._leg(leg)
        cdef int kind
        memset(&command, 0, sizeof(Command))
        command.kind = CONNECT_LEG
        command.leg = chosen
        negotiated_codec(&command.media, codec, payload_type, ptime_ms, bits_per_second)
        command.media.event_payload_type = event_payload_type
        command.media.event_clock_khz = event_clock_hz // 1000
        command.media.sends = sends
        command.media.receives = receives
        endpoint_set(&command.media.remote, host, port)
        if rtcp is not None:
            endpoint_set(&command.rtcp, rtcp[0], rtcp[1])
        command.media.muxed = rtcp_mux
        command.media.noise_payload_type = COMFORT_NOISE if noise_payload_type is None else noise_payload_type
        command.media.takes_noise = noise_payload_type is not None
        command.media.relays_reports = relays_reports
        kind = <int>command.media.kind
        if chosen.codecs[kind] == NULL:
            chosen.codecs[kind] = codec_open(command.media.kind, bits_per_second, (<Media>self._media_of[chosen.call.id]).bench)
        command.codec = chosen.codecs[kind]
        claim(chosen, command.media.rate)
        chosen.given_rate = command.media.rate
        chosen.given_khz = command.media.khz
        chosen.given_clock_khz = command.media.clock_khz
        outfit([address for address in self._legs.values() if (<Leg *><uintptr_t>address).call == chosen.call], &command)
        if suite is not None:
            secure_restate(&command.secure, &chosen.stated, <int>NAMES[suite], local_key, remote_key, mki)
        command.ssrc = secrets.randbits(32)
        try:
            self._send(chosen.call.id, &command)
        except BaseException:
            secure_abandon(&command.secure, &chosen.stated)
            raise
        self._departures.keys += secure_replaced(&chosen.stated, &command.secure)
        chosen.stated = command.secure
        if self._departures.keys:
            self._reap()

    cdef void _let_go(self, int leg):
        """The media thread has been told that this leg is over."""
        cdef Secure nothing
        cdef Leg *gone = self._leg(leg)
        memset(&nothing, 0, sizeof(Secure))
        (<Media>self._media_of[gone.call.id]).legs -= 1
        self._departures.keys += secure_replaced(&gone.stated, &nothing)
        self._departures.legs.append(self._legs.pop(leg))

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
        self._departures.calls.append((self._calls.pop(call), self._listening.leave(call)))
        (<Media>self._media_of.pop(call)).calls -= 1
        self._reap()

    # ── taps ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def open_tap(self, int call, double history_s=0.0, double speed=1.0):
        """A reader of the parties' own streams (`native.tap.TapReader`). All readers of a call share one ring. KeyError: unknown call.

        history_s: begin so long ago, or as far back as the call's history goes (`native.past.PastReader`). speed: play that so much
        faster, pitch kept, until it is live; 1: give it out as fast as it is read. ValueError for one outside 1 … 3.
        """
        cdef Call *owner = self._call(call)
        self._reap()
        return self._listening.open_tap(owner, self._media_of[call], history_s, speed)

    def read_history(self, int call, double seconds):
        """What the parties said in the last `seconds`: (media time of the first sample [ms], int16 array (2, n): caller, advisor).

        n is less where the call is younger or less is kept; 0 where nothing is. Up to 60 ms ago. KeyError: unknown call.
        """
        return self._listening.read_history(self._call(call), seconds)

    # ── what happened ────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def event_fd(self):
        """Readable (an eventfd) when `events` has something."""
        return self._event_fd

    def events(self):
        """Take the events that wait: [(name, leg, value, count, source)].

        latched (source) · silent (value: ms) · resumed · key (value: `0`-`9*#ABCD`, count: ms so far) · refused (value: reason, count) ·
        quality (value: the dict of `figures.quality_facts`, of the last five seconds).
        """
        cdef Event event
        cdef uint64_t count
        cdef Media media
        taken = []
        net.read(self._event_fd, &count, sizeof(count))
        for media in self._media:
            while ring_pop(&media.worker.events, &event):
                taken.append(event_facts(&event))
        return taken

    def stats(self, int number):
        """One leg's figures as a dict; KeyError when it is unknown. Counters are the media thread's own, at most a packet old."""
        return leg_figures(self._leg(number))

    def levels(self):
        """{leg: level of what it sends [dBFS, a sine at full scale is -3.01]} of every leg that was heard in the last 200 ms."""
        cdef Leg *leg
        cdef float power
        cdef int64_t since = now_ns() - 200000000
        found = {}
        for number, address in self._legs.items():
            leg = <Leg *><uintptr_t>address
            power = load_float(&leg.power)
            if load_relaxed(&leg.heard_ns) > since and is_heard(power):
                found[number] = level_db(power)
        return found

    def counters(self):
        """Figures of the media threads together: packets, wake-ups, dropped messages, legs, CPU time [s]."""
        cdef Media media
        total = dict.fromkeys(("received", "sent", "wakeups", "events_dropped", "legs", "mixing"), 0)
        for media in self._media:
            total["received"] += load_relaxed(&media.worker.received)
            total["sent"] += load_relaxed(&media.worker.sent)
            total["wakeups"] += load_relaxed(&media.worker.wakeups)
            total["events_dropped"] += load_relaxed(&media.worker.events_dropped)
            total["legs"] += load_int(&media.worker.leg_count)
            total["mixing"] += load_int(&media.worker.mixing_count)
        return total | {"cpu_s": self.cpu_s()}

    def cpu_s(self):
        """CPU time of the media threads [s]."""
        return sum(media.cpu_s() for media in self._media)

    @property
    def scheduling(self):
        """How each media thread goes before others: "real-time", "nice" or "ordinary" (`native.media.take_priority`); None before `start`."""
        return [(<Media>media).scheduling for media in self._media]

    def legs_by_worker(self):
        """How many legs each media thread carries."""
        return [(<Media>media).legs for media in self._media]
