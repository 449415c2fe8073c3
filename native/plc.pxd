"""What a listener is given for a lost packet: the talker's last pitch cycle, repeated and fading (after G.711 Appendix I)."""
from libc.stdint cimport int16_t

cdef enum:
    PLC_MOST_RATE_KHZ = 16
    PLC_HISTORY_MS = 35         # the span that is compared, and the longest pitch before it
    PLC_HISTORY = PLC_HISTORY_MS * PLC_MOST_RATE_KHZ

cdef struct Plc:
    int khz                     # samples per millisecond, 8 or 16
    int missing                 # made up since the last packet [samples]
    int pitch                   # of what is made up [samples]
    int place                   # in the cycle [samples]
    int16_t heard[PLC_HISTORY]  # what was given last, made up or not: the first PLC_HISTORY_MS · khz of the array, oldest first
    int16_t real[PLC_HISTORY]   # the same when the loss began

# rate_hz: 8,000 or 16,000.
cdef void plc_reset(Plc *self, int rate_hz) noexcept nogil
# n samples that were received, in order. After a loss their begin is blended with what was made up.
cdef void plc_received(Plc *self, int16_t *pcm, int n) noexcept nogil
# n samples for a packet that was not. Silence after 50 ms of it.
cdef void plc_missing(Plc *self, int16_t *pcm, int n) noexcept nogil
