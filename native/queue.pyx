"""Bounded single-producer single-consumer rings. Wait-free at both ends; a full ring refuses, it never blocks."""
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from native.includes.atomics cimport load_acquire, store_release


cdef int ring_open(Ring *self, size_t size, int64_t capacity) except -1:
    if capacity & (capacity - 1):
        raise ValueError(f"a ring's capacity must be a power of two, not {capacity}")
    self.slots = <char *>calloc(capacity, size)
    if self.slots == NULL:
        raise MemoryError()
    self.size = size
    self.mask = capacity - 1
    self.head = self.tail = 0
    return 0


cdef void ring_close(Ring *self) noexcept nogil:
    free(self.slots)
    self.slots = NULL


cdef bint ring_push(Ring *self, const void *message) noexcept nogil:
    cdef int64_t head = self.head
    if head - load_acquire(&self.tail) > self.mask:
        return False
    memcpy(self.slots + (head & self.mask) * self.size, message, self.size)
    store_release(&self.head, head + 1)
    return True


cdef bint ring_pop(Ring *self, void *message) noexcept nogil:
    cdef int64_t tail = self.tail
    if tail == load_acquire(&self.head):
        return False
    memcpy(message, self.slots + (tail & self.mask) * self.size, self.size)
    store_release(&self.tail, tail + 1)
    return True
