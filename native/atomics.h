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

/* The same for other words: figures that one thread writes and anybody may read. */
static inline void store_relaxed(int64_t *word, int64_t value) { __atomic_store_n(word, value, __ATOMIC_RELAXED); }
static inline int load_int(const int *word) { return __atomic_load_n(word, __ATOMIC_RELAXED); }
static inline void store_int(int *word, int value) { __atomic_store_n(word, value, __ATOMIC_RELAXED); }
static inline float load_float(const float *word) { float value; __atomic_load(word, &value, __ATOMIC_RELAXED); return value; }
static inline void store_float(float *word, float value) { __atomic_store(word, &value, __ATOMIC_RELAXED); }

/* Several words that belong together, under a version that is odd while they are written. One writer, who never waits; a reader reads
   again what changed meanwhile. Each word is released and acquired: who has seen a new one sees that the version has changed. */
static inline void publish(int64_t *version, int64_t *words, const void *from, int count) {
    const int64_t *given = (const int64_t *)from;
    int64_t before = __atomic_load_n(version, __ATOMIC_RELAXED);
    __atomic_store_n(version, before + 1, __ATOMIC_RELAXED);
    for (int i = 0; i < count; i++) __atomic_store_n(&words[i], given[i], __ATOMIC_RELEASE);
    __atomic_store_n(version, before + 2, __ATOMIC_RELEASE);
}
static inline void look_up(const int64_t *version, const int64_t *words, void *into, int count) {
    int64_t *taken = (int64_t *)into, before;
    do {
        before = __atomic_load_n(version, __ATOMIC_ACQUIRE);
        for (int i = 0; i < count; i++) taken[i] = __atomic_load_n(&words[i], __ATOMIC_ACQUIRE);
    } while (before & 1 || before != __atomic_load_n(version, __ATOMIC_RELAXED));
}

/* A line of memory that will be written soon. */
static inline void prefetch(const void *address) { __builtin_prefetch(address, 1); }
#endif
