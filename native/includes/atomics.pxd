"""Words shared between the control and the media thread."""
from libc.stdint cimport int64_t

cdef extern from "atomics.h" nogil:
    int64_t load_acquire(const int64_t *word)
    void store_release(int64_t *word, int64_t value)
    int64_t load_relaxed(const int64_t *word)
    void add_relaxed(int64_t *word, int64_t value)
