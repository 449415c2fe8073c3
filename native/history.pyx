"""The last half minute of each call.

A-law goes in as it came (a copy); mu-law by a table. The ring is filled with silence when it is made: so its pages are there before a
packet comes, and nothing of an earlier call can be heard in it.
"""
from libc.stdint cimport int16_t, int64_t, uint32_t, uint8_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from native.g711 cimport ALAW, ULAW, decode, encode
from native.includes.atomics cimport load_acquire, store_release
from native.timeline cimport place

cdef enum:
    SILENCE = 0xD5              # A-law of the smallest sample
    BYTES_A_SECOND = 8000       # of one party

cdef uint8_t alaw_of_ulaw[256]


cdef void make_table():
    cdef uint8_t code
    cdef int16_t sample
    cdef int value
    for value in range(256):
        code = <uint8_t>value
        decode(ULAW, &code, &sample, 1)
        encode(ALAW, &sample, &alaw_of_ulaw[value], 1)


make_table()


cdef inline void put(History *self, Past *into, int64_t position, Law law, const uint8_t *payload, int n) noexcept nogil:
    """n codes to their place, in two pieces where the ring ends between them."""
    cdef int64_t at = position % self.capacity
    cdef int i, first = <int>min(<int64_t>n, self.capacity - at)
    if law == ALAW:
        memcpy(into.codes + at, payload, first)
        memcpy(into.codes, payload + first, n - first)
        return
    for i in range(first):
        into.codes[at + i] = alaw_of_ulaw[payload[i]]
    for i in range(first, n):
        into.codes[i - first] = alaw_of_ulaw[payload[i]]


cdef void be_silent(History *self, Past *into, int64_t position, int64_t n) noexcept nogil:
    cdef int64_t at = position % self.capacity
    cdef int64_t first = min(n, self.capacity - at)
    memset(into.codes + at, SILENCE, first)
    memset(into.codes, SILENCE, n - first)


cdef void history_write(History *self, int party, Law law, uint32_t timestamp, uint32_t ssrc, const uint8_t *payload, int n,
                        int64_t arrival) noexcept nogil:
    cdef Past *into = &self.parties[party]
    cdef int64_t position = place(&into.timeline, timestamp, ssrc, n, arrival)
    cdef int64_t skipped = max(-position, into.written - self.capacity - position)     # before the call, or long overwritten
    if skipped > 0:
        if skipped >= n:
            return
        position += skipped
        payload += skipped
        n -= <int>skipped
    if position > into.written:
        skipped = min(position - into.written, self.capacity)
        be_silent(self, into, position - skipped, skipped)
    put(self, into, position, law, payload, n)
    if position + n > into.written:
        store_release(&into.written, position + n)


cdef void history_read(const History *self, int party, int64_t position, int16_t *pcm, int n) noexcept nogil:
    cdef const Past *past = &self.parties[party]
    cdef int64_t written = load_acquire(&past.written)
    cdef int64_t at, end = min(position + n, written)
    cdef int i
    cdef int64_t begin = max(position, max(<int64_t>0, written - self.capacity))
    if begin >= end:
        memset(pcm, 0, n * sizeof(int16_t))
        return
    memset(pcm, 0, (begin - position) * sizeof(int16_t))
    memset(pcm + (end - position), 0, (position + n - end) * sizeof(int16_t))
    while begin < end:                                      # in two pieces where the ring ends between them
        at = begin % self.capacity
        i = <int>min(end - begin, self.capacity - at)
        decode(ALAW, past.codes + at, pcm + (begin - position), i)
        begin += i


cdef int64_t history_begin(const History *self) noexcept nogil:
    cdef int64_t newest = max(load_acquire(&self.parties[0].written), load_acquire(&self.parties[1].written))
    return max(<int64_t>0, newest - self.capacity + SPARE)


cdef class HistoryRing:
    """Owns a call's history; kept alive by the engine until the media thread has let go, and by its readers."""

    def __cinit__(self, double seconds):
        """seconds: how much is kept, above 0. Raises MemoryError."""
        cdef int party
        cdef uint8_t *codes
        cdef int64_t capacity = <int64_t>(seconds * BYTES_A_SECOND) + SPARE
        self.history = <History *>calloc(1, sizeof(History))
        codes = <uint8_t *>malloc(PARTIES * capacity)
        if self.history == NULL or codes == NULL:
            free(codes)
            raise MemoryError()
        memset(codes, SILENCE, PARTIES * capacity)
        self.history.capacity = capacity
        for party in range(PARTIES):
            self.history.parties[party].codes = codes + party * capacity

    def __dealloc__(self):
        if self.history != NULL:
            free(self.history.parties[0].codes)
        free(self.history)

    @property
    def size_bytes(self):
        return sizeof(History) + PARTIES * self.history.capacity
