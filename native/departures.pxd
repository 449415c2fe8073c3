"""Memory that the media thread has been told to let go of, until it has."""
from native.legmemory cimport LegMemory
from native.ports cimport PortRange

cdef class Departures:
    cdef list legs                          # addresses
    cdef list calls                         # (address, HistoryRing or None)
    cdef list rings                         # TapRing
    cdef list keys                          # addresses of srtpcontext.Context

    # Free what the media thread has let go of, and release its legs' ports.
    cdef void reap(self, PortRange ports, LegMemory memory)
