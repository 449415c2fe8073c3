"""ITU-T G.722 (11/88) at 64 kbit/s: 7 kHz speech as two sub-bands of ADPCM, 16,000 samples a second.

Besides samples, the decoder keeps each packet's sub-band signals, so that a voice can be laid over a stream without taking it
through the band filters again: an overlay of silence then gives the very bits that came, and nothing is delayed.
"""
from libc.stdint cimport int16_t, int32_t, uint8_t

cdef enum:
    G722_MOST_PAIRS = 960       # of one packet: 120 ms; a pair is one octet, two samples
    QMF_PAIRS = 12              # taps of each phase of the band filters
    QMF_MEMORY = QMF_PAIRS - 1

cdef struct Band:               # one sub-band's quantiser and predictor, as the Recommendation names them; sizes fit 16 bits
    int32_t nb                  # logarithmic scale factor
    int32_t det                 # scale factor
    int32_t s                   # predicted sample
    int32_t sz                  # its part from the zeros
    int32_t a1, a2              # poles
    int32_t r1, r2              # reconstructed signal, doubled and saturated
    int32_t p1, p2              # partially reconstructed signal
    int16_t b[8]                # zeros, and two lanes that stay 0
    int16_t d[8]                # quantised difference, doubled and saturated; newest first

cdef struct G722Decoder:
    Band low
    Band high
    int16_t sums[QMF_MEMORY]    # of the last pairs: low + high
    int16_t differences[QMF_MEMORY]         # low - high
    uint8_t codes[G722_MOST_PAIRS]          # the last packet
    int16_t lows[G722_MOST_PAIRS]           # and its sub-bands
    int16_t highs[G722_MOST_PAIRS]
    int pairs                   # in it
    Band low_before             # as they were before it
    Band high_before

cdef struct G722Encoder:
    Band low
    Band high
    int16_t firsts[QMF_MEMORY]  # of the last pairs of samples
    int16_t seconds[QMF_MEMORY]

cdef void g722_decoder_reset(G722Decoder *self) noexcept nogil
cdef void g722_encoder_reset(G722Encoder *self) noexcept nogil
# Any octets are valid; octets <= G722_MOST_PAIRS. Writes 2 · octets samples.
cdef void g722_decode(G722Decoder *self, const uint8_t *payload, int16_t *pcm, int octets) noexcept nogil
# pairs <= G722_MOST_PAIRS; reads 2 · pairs samples, writes as many octets as there are pairs.
cdef void g722_encode(G722Encoder *self, const int16_t *pcm, uint8_t *payload, int pairs) noexcept nogil
# The packet that `source` decoded last, with `others` (2 · source.pairs samples) added. Returns octets.
cdef int g722_overlay(G722Encoder *self, const G722Decoder *source, const int16_t *others, uint8_t *payload) noexcept nogil
# Go on where a far decoder stands that has heard what `source` has decoded; ahead: but for the last packet.
cdef void g722_follow(G722Encoder *self, const G722Decoder *source, bint ahead) noexcept nogil
# A far decoder that goes over from this encoder's packets to those that `source` decodes would notice nothing.
cdef bint g722_agrees(const G722Encoder *self, const G722Decoder *source) noexcept nogil
