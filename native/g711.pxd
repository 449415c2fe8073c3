"""ITU-T G.711 by table: bytes of either law from and to linear 16-bit samples."""
from libc.stdint cimport int16_t, uint8_t, uint32_t

cdef enum Law:
    ALAW = 0    # PCMA, static payload type 8 (RFC 3551 §4.5.14)
    ULAW = 1    # PCMU, static payload type 0

# Not more than the payload's n bytes are read and n samples written; all n >= 0 are valid.
cdef void decode(Law law, const uint8_t *payload, int16_t *samples, int n) noexcept nogil
cdef void encode(Law law, const int16_t *samples, uint8_t *payload, int n) noexcept nogil
# Mean square of every fourth sample [sample units squared], n <= 960: enough for a meter, a quarter of the reads.
# number: of the packet in its stream. Each begins with another of the first four, so that no tone is looked at in one point of its
# wave for ever: of five packets in a row the mean is within 1 dB of what it would be of all samples, and within 5 dB for a tone
# less than 20 Hz from 1, 2 or 3 kHz.
cdef float power(Law law, const uint8_t *payload, int n, int number) noexcept nogil
