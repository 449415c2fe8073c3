"""Memory that is mostly zeros, kept without them."""
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy, memset

cdef enum:
    UNIT = 64                   # bytes that are kept or left out together
    GROUP = 4                   # units looked at together first: most are zeros
    UNIT_WORDS = UNIT // sizeof(uint64_t)
    WORD = 64 * UNIT            # bytes that one word of `kept` is about


cdef inline size_t words(size_t size) noexcept nogil:
    return (size + WORD - 1) // WORD


cdef size_t bench_bytes(size_t size) noexcept nogil:
    return words(size) * WORD


cdef size_t room_bytes(size_t size) noexcept nogil:
    return (words(size) * sizeof(uint64_t) + UNIT - 1) // UNIT * UNIT + bench_bytes(size)


cdef void packed_place(Packed *self, uint8_t *room, size_t size) noexcept nogil:
    self.kept = <uint64_t *>room
    self.units = room + room_bytes(size) - bench_bytes(size)


cdef inline bint anything(const uint8_t *units, int count) noexcept nogil:
    cdef const uint64_t *word = <const uint64_t *>units
    cdef uint64_t all_of_them = 0
    cdef int i
    for i in range(count * UNIT_WORDS):
        all_of_them |= word[i]
    return all_of_them != 0


cdef void pack(Packed *self, uint8_t *bench, size_t size) noexcept nogil:
    cdef uint8_t *to = self.units
    cdef uint8_t *unit
    cdef size_t word
    cdef uint64_t kept
    cdef int group, i
    for word in range(words(size)):
        kept = 0
        for group in range(64 // GROUP):
            unit = bench + word * WORD + group * GROUP * UNIT
            if not anything(unit, GROUP):
                continue
            for i in range(GROUP):
                if anything(unit, 1):
                    kept |= <uint64_t>1 << (group * GROUP + i)
                    memcpy(to, unit, UNIT)
                    memset(unit, 0, UNIT)
                    to += UNIT
                unit += UNIT
        self.kept[word] = kept


cdef void spread(const Packed *self, uint8_t *bench, size_t size) noexcept nogil:
    cdef const uint8_t *units = self.units
    cdef uint8_t *to
    cdef size_t word
    cdef uint64_t kept
    for word in range(words(size)):
        kept = self.kept[word]
        to = bench + word * WORD
        while kept:
            if kept & 1:
                memcpy(to, units, UNIT)
                units += UNIT
            kept >>= 1
            to += UNIT
