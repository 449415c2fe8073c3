"""Memory that the media thread has been told to let go of, until it has."""
from libc.stdint cimport uintptr_t
from libc.stdlib cimport free

from native.includes.atomics cimport load_acquire
from native.legmemory cimport LegMemory
from native.ports cimport PortRange
from native.session cimport Call, Leg
from native.srtpcontext cimport Context, context_close
from native.tap cimport TapRing


cdef class Departures:
    """What was let go of and is not free yet. The control plane's thread only."""
    def __cinit__(self):
        self.legs, self.calls, self.rings, self.keys = [], [], [], []

    cdef void reap(self, PortRange ports, LegMemory memory):
        cdef uintptr_t address
        cdef TapRing ring
        kept = []
        for address in self.legs:
            if load_acquire(&(<Leg *>address).retired):
                ports.release((<Leg *>address).port)
                memory.close(<Leg *>address)
            else:
                kept.append(address)
        self.legs = kept
        kept = []
        for address, history in self.calls:
            if load_acquire(&(<Call *><uintptr_t>address).retired) and not self.legs:
                free(<Call *><uintptr_t>address)
            else:
                kept.append((address, history))
        self.calls = kept
        kept = []
        for ring in self.rings:
            if not load_acquire(&ring.tap.detached):
                kept.append(ring)
        self.rings = kept
        kept = []
        for address in self.keys:
            if load_acquire(&(<Context *>address).retired):
                context_close(<Context *>address)
            else:
                kept.append(address)
        self.keys = kept
