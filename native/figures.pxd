"""Figures of legs and events of the media threads, in Python's words."""
from native.session cimport Event, Leg

cdef enum:
    FULL_SCALE = 1073741824     # mean square of a square wave at full scale [sample units squared]

cdef inline bint is_heard(float power) noexcept nogil:
    """Is there a level to speak of, at -96 dB or above?"""
    return power > 0.27

# (name, leg, value, count, source); see `Engine.events`.
cdef tuple event_facts(const Event *event)
# Counters are the media thread's own, at most a packet old.
cdef dict leg_figures(const Leg *leg)
# Of a mean square in sample units [dBFS, a sine at full scale is -3.01]; -96 where nothing is heard.
cdef double level_db(float power)
