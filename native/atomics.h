/* Acquire/release access to the few words that two threads share; Cython has no word for it. */
#ifndef GATEWAY_ATOMICS_H
#define GATEWAY_ATOMICS_H
#include <stdint.h>

static inline int64_t load_acquire(const int64_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }
static inline void store_release(int64_t *word, int64_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }
static inline int64_t load_relaxed(const int64_t *word) { return __atomic_load_n(word, __ATOMIC_RELAXED); }
static inline void add_relaxed(int64_t *word, int64_t value) {
    /* one writer: a plain add whose halves cannot be seen apart */
    __atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) + value, __ATOMIC_RELAXED);
}
#endif
