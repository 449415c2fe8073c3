"""Legs' memory: taken and freed by the control plane, the media thread's own in between."""
from libc.stdint cimport int16_t

from native.session cimport Command, Leg

cdef class LegMemory:
    """Room for so many legs, one behind the other on few pages, and what each has at length elsewhere. Keep it while a thread may run."""

    cdef char *room
    cdef int16_t *rings                     # of the legs' voices at 8 kHz: untouched where nobody needs them
    cdef list free                          # places in it

    # A leg with nothing in it yet, hearing tones where that is asked for. MemoryError.
    cdef Leg *open(self, bint hears_tones) except NULL
    # With all that it has been given; its sockets are closed by whoever has them.
    cdef int close(self, Leg *leg) except -1

# Before a leg's first codec, of this rate, is told: the memory that its voice will need is claimed here, not by the media thread.
cdef void claim(Leg *leg, int rate) noexcept
# Give each leg of a call in which 16 kHz is spoken the memory to speak at both rates; at 8 kHz alone none needs more. MemoryError.
# members: addresses of the call's legs.
cdef int outfit(list members, Command *command) except -1
