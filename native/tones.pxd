"""Keys that a phone sends as tones in its audio (ITU-T Q.23), told as they are heard."""
from libc.stdint cimport int16_t

from native.includes.spandsp cimport dtmf_rx_state_t

cdef struct Tones:
    dtmf_rx_state_t *receiver

# NULL: no memory. Control plane.
cdef Tones *tones_open() noexcept
cdef void tones_close(Tones *self) noexcept
# Listen to n samples at 8 kHz; returns the event code (RFC 4733 §3.2) of a key that was recognised in them, -1: none.
cdef int tones_hear(Tones *self, const int16_t *pcm, int n) noexcept nogil
# A recognised key is sounding now.
cdef bint tones_sounding(Tones *self) noexcept nogil
