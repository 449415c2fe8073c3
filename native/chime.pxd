"""A short, quiet tone for one listener, laid over what they hear: somebody has joined."""
from libc.stdint cimport int32_t

cdef struct Chime:              # all zero: silent
    int left                    # still to come [samples at 16 kHz]

cdef inline bint chiming(const Chime *self) noexcept nogil:
    return self.left > 0

# Begin; one that sounds already sounds on, so that nothing jumps.
cdef void chime_begin(Chime *self) noexcept nogil
# Add the next n samples at `khz` (8 or 16) to a sum.
cdef void chime_add(Chime *self, int32_t *total, int n, int khz) noexcept nogil
