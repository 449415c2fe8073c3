"""L16: 16-bit linear samples in network byte order (RFC 3551 §4.5.11)."""
from libc.stdint cimport int16_t, uint8_t

cdef void l16_decode(const uint8_t *payload, int16_t *pcm, int n) noexcept nogil
cdef void l16_encode(const int16_t *pcm, uint8_t *payload, int n) noexcept nogil
