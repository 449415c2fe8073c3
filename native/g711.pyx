"""ITU-T G.711 by table.

Decoding is a look-up among 256 samples; encoding one of the magnitude bits that the law can tell apart (A-law 11, mu-law 13), so 2 and
8 kB that stay in the first-level cache; the sign is flipped in. The tables are made at import from the Recommendation's segments.
"""
from libc.stdint cimport int16_t, uint8_t, uint32_t

import numpy as np

cdef int16_t linear[2][256]
cdef uint32_t square[2][256]  # of samples in units of 8, the finest step: 240 of the loudest fit a word
cdef uint8_t alaw[2048]      # by a positive sample's magnitude / 16
cdef uint8_t ulaw[8193]      # by a positive sample's magnitude / 4


cdef int expand_alaw(int code):
    """G.711 table 1: segment s and step m of a code whose even bits were inverted (0x55)."""
    code ^= 0x55
    cdef int segment = (code >> 4) & 7
    cdef int step = code & 15
    cdef int magnitude = (step << 4) + 8 if segment == 0 else ((step << 4) + 0x108) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude


cdef int expand_ulaw(int code):
    """G.711 table 2: all bits inverted, bias 33 in units of a quarter of our 16-bit scale (132)."""
    code = ~code
    cdef int magnitude = ((((code & 15) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return -magnitude if code & 0x80 else magnitude


cdef int compress_alaw(int magnitude):
    """Code of a positive sample; magnitude in units of 16: 0 … 2047."""
    cdef int segment = 0
    while magnitude > 31:
        magnitude >>= 1
        segment += 1
    # left: 16 … 31 above the first two segments, which share one step size
    if segment or magnitude >= 16:
        segment += 1
    return (0x80 | segment << 4 | (magnitude & 15)) ^ 0x55


cdef int compress_ulaw(int sample):
    """Code of a positive 16-bit sample, clipped where the last segment ends."""
    cdef int magnitude = min(sample, 32635) + 0x84                      # 132 … 32767
    cdef int segment = 0
    while magnitude >> (segment + 8):
        segment += 1
    return ~(segment << 4 | ((magnitude >> (segment + 3)) & 15)) & 0xFF


cdef void make_tables():
    cdef int code, step
    for code in range(256):
        linear[<int>ALAW][code] = expand_alaw(code)
        linear[<int>ULAW][code] = expand_ulaw(code)
        square[<int>ALAW][code] = (expand_alaw(code) ** 2 + 32) // 64
        square[<int>ULAW][code] = (expand_ulaw(code) ** 2 + 32) // 64
    for step in range(2048):
        alaw[step] = compress_alaw(step)
    for step in range(8193):
        ulaw[step] = compress_ulaw(step << 2)


make_tables()


cdef void decode(Law law, const uint8_t *payload, int16_t *samples, int n) noexcept nogil:
    cdef const int16_t *table = linear[<int>law]
    cdef int i
    for i in range(n):
        samples[i] = table[payload[i]]


cdef void encode(Law law, const int16_t *samples, uint8_t *payload, int n) noexcept nogil:
    cdef int i, sign
    if law == ALAW:
        for i in range(n):
            sign = samples[i] >> 15                                     # 0 or -1; one's complement, so -1 is as near 0 as +0
            payload[i] = alaw[(samples[i] ^ sign) >> 4] ^ <uint8_t>(sign & 0x80)
    else:
        for i in range(n):
            sign = samples[i] >> 15                                     # two's complement: the steps lie evenly about 0
            payload[i] = ulaw[((samples[i] ^ sign) - sign) >> 2] ^ <uint8_t>(sign & 0x80)


cdef float power(Law law, const uint8_t *payload, int n, int number) noexcept nogil:
    # two instructions a sample: four in a row, and sums that fit a word
    cdef const uint32_t *table = square[<int>law]
    cdef int first = (number & 3) ^ (number & 3) >> 1
    cdef const uint8_t *at = payload + first
    cdef const uint8_t *end = payload + n
    cdef uint32_t total = 0
    cdef int terms = (n - first + 3) >> 2
    while at + 12 < end:
        total += table[at[0]] + table[at[4]] + table[at[8]] + table[at[12]]
        at += 16
    while at < end:
        total += table[at[0]]
        at += 4
    return <float>total * 64 / terms if terms > 0 else 0


def _law(str name) -> int:
    if name == "PCMA":
        return ALAW
    if name == "PCMU":
        return ULAW
    raise ValueError(f"not a law of G.711: {name!r} (PCMA or PCMU)")


def power_of(law: str, payload: bytes, number: int) -> float:
    """What the meter makes of a packet; see `power`. law: PCMA or PCMU, else ValueError."""
    cdef Law chosen = <Law><int>_law(law)
    cdef const uint8_t *source = payload
    return power(chosen, source, <int>len(payload), number)


def decode_array(law: str, payload: bytes):
    """Samples (int16, one per byte) of a payload. law: PCMA or PCMU, else ValueError. Any thread; blocks for n · 0.5 ns."""
    cdef Law chosen = <Law><int>_law(law)
    cdef const uint8_t[::1] source = payload
    samples = np.empty(len(payload), dtype=np.int16)
    cdef int16_t[::1] out = samples
    if len(payload):
        decode(chosen, &source[0], &out[0], <int>source.shape[0])
    return samples


def encode_array(law: str, samples) -> bytes:
    """Payload of int16 samples (any shape is read flat). law: PCMA or PCMU, else ValueError."""
    cdef Law chosen = <Law><int>_law(law)
    cdef const int16_t[::1] source = np.ascontiguousarray(samples, dtype=np.int16).ravel()
    payload = np.empty(source.shape[0], dtype=np.uint8)
    cdef uint8_t[::1] out = payload
    if source.shape[0]:
        encode(chosen, &source[0], &out[0], <int>source.shape[0])
    return payload.tobytes()
