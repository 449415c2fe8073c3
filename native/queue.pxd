"""Bounded single-producer single-consumer rings of fixed-size messages between the two planes."""
from libc.stdint cimport int64_t

cdef struct Ring:
    char *slots
    size_t size                 # of one message [bytes]
    int64_t mask                # capacity - 1; the capacity is a power of two
    int64_t head                # messages ever written; the producer's
    char pad[64]                # keeps the two ends on different cache lines
    int64_t tail                # messages ever read; the consumer's

cdef int ring_open(Ring *self, size_t size, int64_t capacity) except -1
cdef void ring_close(Ring *self) noexcept nogil
# False when full: the message is not taken.
cdef bint ring_push(Ring *self, const void *message) noexcept nogil
# False when empty.
cdef bint ring_pop(Ring *self, void *message) noexcept nogil
