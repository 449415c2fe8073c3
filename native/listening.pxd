"""Who listens to calls from outside the media plane: the taps' readers, and the histories that are kept."""
from native.departures cimport Departures
from native.history cimport HistoryRing
from native.media cimport Media
from native.session cimport Call
from native.tap cimport TapRing

cdef class Tapped:                          # one call's tap
    cdef TapRing ring
    cdef int readers
    cdef Call *call
    cdef Media media

cdef class Listening:
    cdef Departures departures
    cdef dict taps                          # call number → Tapped
    cdef dict histories                     # call number → HistoryRing

    # Keep so much of a new call. MemoryError.
    cdef int keep_history(self, Call *call, double seconds) except -1
    cdef int attach(self, Call *call, Media media) except -1
    # A reader of the call's own tap, which all of them share, or from `history_s` ago on.
    cdef object open_tap(self, Call *call, Media media, double history_s, double speed)
    cdef object read_history(self, Call *call, double seconds)
    # The call is over, the media thread knows it: returns its history, to be kept until that has let go.
    cdef HistoryRing leave(self, int call)
