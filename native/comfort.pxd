"""Comfort noise made from its description on the wire (RFC 3389): what a mix hears of a talker who sends no audio."""
from libc.stdint cimport int16_t, uint8_t, uint32_t

cdef enum:
    COMFORT_ORDER = 12          # reflection coefficients that are used; a describer may send more

cdef struct Comfort:
    int order
    float reflection[COMFORT_ORDER]
    float state[COMFORT_ORDER + 1]          # of the lattice
    float gain                  # of the excitation, moving towards `target` [sample units]
    float target
    uint32_t seed

cdef void comfort_reset(Comfort *self, uint32_t seed) noexcept nogil
# A payload of type 13; an empty one changes nothing.
cdef void comfort_take(Comfort *self, const uint8_t *payload, int bytes) noexcept nogil
# The next n samples, at the rate of the codec that the description belongs to; silence before the first description.
cdef void comfort_make(Comfort *self, int16_t *pcm, int n) noexcept nogil
