"""Memory that is mostly zeros, kept without them.

Of an encoder of libopus 43 kB are reserved and 7 to 11 are ever anything but zero, scattered over it (another coder's, a second channel's,
an analysis that is not done). So it is spread on a bench, of which there is one to a thread, for as long as a packet takes, and packed up
again: what would be on eight pages is on two. Both ways together take 0.6 µs.
"""
from libc.stdint cimport uint8_t, uint64_t

cdef struct Packed:
    uint64_t *kept              # by unit of 64 bytes: it is not zero
    uint8_t *units              # those, one behind the other

# Bytes of a bench for memory of `size` bytes, and of the room in which it is packed at its fullest. Both begin at multiples of 64.
cdef size_t bench_bytes(size_t size) noexcept nogil
cdef size_t room_bytes(size_t size) noexcept nogil
cdef void packed_place(Packed *self, uint8_t *room, size_t size) noexcept nogil
# Take it off a bench, and leave zeros.
cdef void pack(Packed *self, uint8_t *bench, size_t size) noexcept nogil
# Lay it on a bench that is all zeros.
cdef void spread(const Packed *self, uint8_t *bench, size_t size) noexcept nogil
