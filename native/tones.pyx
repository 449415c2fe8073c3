"""Keys that a phone sends as tones in its audio (ITU-T Q.23).

By spandsp's receiver: Goertzel filters over blocks of 12.75 ms with twist, energy and two-in-a-row checks, which pass Bellcore's
talk-off tapes. It allocates when it is made, never while it listens; LGPL-2.1, so it may be linked.
"""
from libc.stdint cimport int16_t
from libc.stdlib cimport calloc, free

from native.includes cimport spandsp


cdef Tones *tones_open() noexcept:
    cdef Tones *self = <Tones *>calloc(1, sizeof(Tones))
    if self == NULL:
        return NULL
    self.receiver = spandsp.dtmf_rx_init(NULL, NULL, NULL)
    if self.receiver == NULL:
        free(self)
        return NULL
    return self


cdef void tones_close(Tones *self) noexcept:
    if self != NULL:
        spandsp.dtmf_rx_free(self.receiver)
        free(self)


cdef inline int event_of(int key) noexcept nogil:
    if 48 <= key <= 57:                                     # 0-9
        return key - 48
    if 65 <= key <= 68:                                     # A-D
        return key - 65 + 12
    return 10 if key == 42 else 11 if key == 35 else -1     # * #


cdef int tones_hear(Tones *self, const int16_t *pcm, int n) noexcept nogil:
    cdef char key[2]
    spandsp.dtmf_rx(self.receiver, pcm, n)
    if spandsp.dtmf_rx_get(self.receiver, key, 1) == 0:
        return -1
    return event_of(key[0])


cdef bint tones_sounding(Tones *self) noexcept nogil:
    return event_of(spandsp.dtmf_rx_status(self.receiver)) >= 0


def keys_in(samples):
    """The keys in int16 samples at 8 kHz, heard in packets of 20 ms: [(event code, sample at which it was recognised)]. For tests."""
    cdef const int16_t[::1] pcm = samples
    cdef Tones *tones = tones_open()
    cdef int at, event
    if tones == NULL:
        raise MemoryError()
    found = []
    for at in range(0, pcm.shape[0] - 159, 160):
        event = tones_hear(tones, &pcm[at], 160)
        if event >= 0:
            found.append((event, at + 160))
    tones_close(tones)
    return found
