"""L16: 16-bit linear samples in network byte order (RFC 3551 §4.5.11)."""
from libc.stdint cimport int16_t, uint16_t, uint8_t


cdef void l16_decode(const uint8_t *payload, int16_t *pcm, int n) noexcept nogil:
    cdef int i
    for i in range(n):
        pcm[i] = <int16_t><uint16_t>(payload[2 * i] << 8 | payload[2 * i + 1])


cdef void l16_encode(const int16_t *pcm, uint8_t *payload, int n) noexcept nogil:
    cdef int i
    for i in range(n):
        payload[2 * i] = <uint8_t>(<uint16_t>pcm[i] >> 8)
        payload[2 * i + 1] = <uint8_t>pcm[i]
