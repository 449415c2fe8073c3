"""Who listens to calls from outside the media plane: the taps' readers, and the histories that are kept."""
import functools

import numpy as np

from libc.stdint cimport int16_t, int64_t
from libc.string cimport memset

from native.clock cimport now_ns
from native.departures cimport Departures
from native.history cimport HistoryRing, history_begin, history_read
from native.includes.atomics cimport load_acquire
from native.media cimport Media
from native.session cimport ATTACH_TAP, Call, Command, DETACH_TAP, NS_PER_NARROW
from native.tap cimport TAP_DELAY, TapReader, TapRing

from native.past import PastReader


cdef class Tapped:
    """A call's ring, and its readers."""


cdef class Listening:
    """The calls that are tapped, and those whose history is kept. The control plane's thread only."""
    def __cinit__(self, Departures departures):
        self.departures = departures
        self.taps, self.histories = {}, {}

    cdef int keep_history(self, Call *call, double seconds) except -1:
        cdef HistoryRing kept = HistoryRing(seconds)
        call.history = kept.history
        self.histories[call.id] = kept
        return 0

    cdef int attach(self, Call *call, Media media) except -1:
        cdef Command command
        cdef Tapped tapped = Tapped()
        tapped.ring = TapRing()
        tapped.ring.tap.began_ns = load_acquire(&call.began_ns) or now_ns()
        tapped.call = call
        tapped.media = media
        memset(&command, 0, sizeof(Command))
        command.kind = ATTACH_TAP
        command.call = call
        command.tap = tapped.ring.tap
        media.send(&command)
        self.taps[call.id] = tapped
        return 0

    cdef object open_tap(self, Call *call, Media media, double history_s, double speed):
        cdef Tapped tapped
        cdef int number = call.id
        if not 1 <= speed <= 3:
            raise ValueError(f"a speed of {speed} is not between 1 and 3")
        if number not in self.taps:
            self.attach(call, media)
        tapped = self.taps[number]
        tapped.readers += 1
        reader = TapReader(tapped.ring, functools.partial(self.close_tap, number))
        if history_s <= 0 or number not in self.histories or load_acquire(&call.began_ns) == 0:
            return reader
        return PastReader(reader, self.histories[number], history_s, speed)

    def close_tap(self, int call):
        """One reader less; the last one closes the tap. Nothing once the call is over."""
        cdef Command command
        cdef Tapped tapped
        if call not in self.taps:
            return
        tapped = self.taps[call]
        tapped.readers -= 1
        if tapped.readers == 0:
            memset(&command, 0, sizeof(Command))
            command.kind = DETACH_TAP
            command.call = tapped.call
            tapped.media.send(&command)
            self.departures.rings.append(tapped.ring)
            del self.taps[call]

    cdef object read_history(self, Call *call, double seconds):
        cdef HistoryRing ring = self.histories.get(call.id)
        cdef int16_t[:, ::1] out
        cdef int64_t begin, end
        cdef int party
        cdef int64_t began_ns = load_acquire(&call.began_ns)
        if ring is None or began_ns == 0:
            return 0, np.zeros((2, 0), dtype=np.int16)
        end = max(0, (now_ns() - began_ns) // NS_PER_NARROW - TAP_DELAY)
        begin = min(end, max(history_begin(ring.history), end - <int64_t>(seconds * 8000)))
        samples = np.zeros((2, end - begin), dtype=np.int16)
        out = samples
        for party in range(2):
            if end > begin:
                history_read(ring.history, party, begin, &out[party, 0], <int>(end - begin))
        return begin // 8, samples

    cdef HistoryRing leave(self, int call):
        cdef Tapped tapped
        if call in self.taps:
            tapped = self.taps.pop(call)
            self.departures.rings.append(tapped.ring)
        return self.histories.pop(call, None)
