"""Legs' memory: taken and freed by the control plane, the media thread's own in between."""
import base64
import secrets

from libc.stdint cimport int16_t, uint8_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from native.clock cimport now_ns
from native.codec cimport KINDS, codec_close
from native.playout cimport voice_open, voice_samples
from native.reports cimport begin as reports_begin
from native.resample cimport resample_close, resample_open
from native.session cimport Command, LINE, Leg, Sounds
from native.source cimport NARROW, WIDE
from native.tones cimport tones_close, tones_open

cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **memory, size_t alignment, size_t size)

cdef extern from "<sys/mman.h>" nogil:
    enum:
        MADV_HUGEPAGE
    int madvise(void *memory, size_t size, int advice)


cdef enum:
    STRIDE = (sizeof(Leg) + LINE - 1) // LINE * LINE
    PAGE = 4096
    HUGE_PAGE = 2097152


cdef class LegMemory:
    """Room for `capacity` legs, taken once. The control plane's thread only."""
    def __cinit__(self, int capacity):
        cdef size_t size = (<size_t>capacity * STRIDE + HUGE_PAGE - 1) // HUGE_PAGE * HUGE_PAGE
        if posix_memalign(<void **>&self.room, HUGE_PAGE, size):
            raise MemoryError()
        if posix_memalign(<void **>&self.rings, PAGE, <size_t>capacity * voice_samples(8) * sizeof(int16_t)):
            raise MemoryError()
        madvise(self.room, size, MADV_HUGEPAGE)             # where it is refused they are small: slower, no error
        self.free = list(range(capacity - 1, -1, -1))

    def __dealloc__(self):
        free(self.room)
        free(self.rings)

    cdef Leg *open(self, bint hears_tones) except NULL:
        cdef bytes cname = base64.b64encode(secrets.token_bytes(12))
        cdef Sounds *sounds
        cdef Leg *leg
        cdef int place
        if not self.free:
            raise MemoryError()
        sounds = <Sounds *>calloc(1, sizeof(Sounds))
        if sounds == NULL:
            raise MemoryError()
        place = self.free.pop()
        leg = <Leg *>(self.room + <size_t>place * STRIDE)
        memset(leg, 0, sizeof(Leg))
        leg.last_payload = sounds.last_payload
        leg.tail = sounds.tail
        leg.edges = sounds.edges
        leg.source = &sounds.source
        leg.sounds = sounds
        if hears_tones:
            leg.tones = tones_open()
            if leg.tones == NULL:
                self.close(leg)
                raise MemoryError()
        leg.ssrc = secrets.randbits(32)
        leg.mixing_index = -1
        leg.given_rate = -1
        leg.round_trip_ns = -1
        voice_open(&leg.source.voices[<int>NARROW], self.rings + <size_t>place * voice_samples(8), 8)
        voice_open(&leg.source.voices[<int>WIDE], NULL, 16)
        reports_begin(&leg.reports, secrets.randbits(64), <const uint8_t *>cname, now_ns())
        return leg

    cdef int close(self, Leg *leg) except -1:
        cdef int kind
        for kind in range(<int>KINDS):
            if leg.codecs[kind] != NULL:
                codec_close(leg.codecs[kind])
        free(leg.given.wide)
        resample_close(&leg.given.up)
        resample_close(&leg.given.down)
        tones_close(leg.tones)
        free(leg.sounds)
        self.free.append((<char *>leg - self.room) // <Py_ssize_t>STRIDE)
        return 0


def lines():
    """Which cache line of a leg's memory holds the first byte of what, for tests."""
    cdef Leg *leg = NULL
    return {
        "call": <uintptr_t>&leg.call // LINE,
        "role": <uintptr_t>&leg.role // LINE,
        "ssrc": <uintptr_t>&leg.ssrc // LINE,
        "last_timestamp": <uintptr_t>&leg.last_timestamp // LINE,
        "reception": <uintptr_t>&leg.reception // LINE,
        "reception.restarts": <uintptr_t>&leg.reception.restarts // LINE,
        "secure": <uintptr_t>&leg.secure // LINE,
        "media.muxed": <uintptr_t>&leg.media.muxed // LINE,
    }


cdef void claim(Leg *leg, int rate) noexcept:
    if leg.given_rate < 0 and rate == NARROW:
        memset(leg.source.voices[<int>NARROW].pcm, 0, voice_samples(8) * sizeof(int16_t))


cdef int outfit(list members, Command *command) except -1:
    cdef uintptr_t address
    cdef Leg *leg
    cdef bint wide = False
    for address in members:
        wide |= (<Leg *>address).given_rate == WIDE
    if not wide:
        return 0
    for address in members:
        leg = <Leg *>address
        if leg.given_rate < 0:
            continue
        if leg.given.wide == NULL:
            leg.given.wide = <int16_t *>calloc(voice_samples(16), sizeof(int16_t))
            if leg.given.wide == NULL:
                raise MemoryError()
        if leg.given_rate == NARROW and leg.given.up.state == NULL:
            resample_open(&leg.given.up, 8000, 16000)
        if leg.given_rate == WIDE and leg.given.down.state == NULL:
            resample_open(&leg.given.down, 16000, 8000)
        command.gifts[leg.slot] = leg.given
    return 0
