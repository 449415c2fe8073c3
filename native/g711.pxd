"""ITU-T G.711 by table: bytes of either law from and to linear 16-bit samples."""
from libc.stdint cimport int16_t, uint8_t, uint32_t

cdef enum Law:
    ALAW = 0    # PCMA, static payload type 8 (RFC 3551 §4.5.14)
    ULAW = 1    # PCMU, static payload type 0

# Not more than the payload's n bytes are read and n samples written; all n >= 0 are valid.
cdef void decode(Law law, const uint8_t *payload, int16_t *samples, int n) noexcept nogil
cdef void encode(Law law, const int16_t *samples, uint8_t *payload, int n) noexcept nogil
# Mean square of every fourth sample [sample units squared]: enough for a meter, a quarter of the reads.
cdef float power(Law law, const uint8_t *payload, int n) noexcept nogil
