"""Words shared between the control and the media thread."""
from libc.stdint cimport int64_t

cdef extern from "atomics.h" nogil:
    int64_t load_acquire(const int64_t *word)
    void store_release(int64_t *word, int64_t value)
    int64_t load_relaxed(const int64_t *word)
    void add_relaxed(int64_t *word, int64_t value)
    void store_relaxed(int64_t *word, int64_t value)
    # int or bint
    int load_int(const void *word)
    void store_int(void *word, int value)
    float load_float(const float *word)
    void store_float(float *word, float value)
    # `count` words of 64 bits from and to memory that is aligned for them
    void publish(int64_t *version, int64_t *words, const void *source, int count)
    void look_up(const int64_t *version, const int64_t *words, void *into, int count)
    void prefetch(const void *address)
