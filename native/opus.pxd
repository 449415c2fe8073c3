"""Opus for speech at 16 kHz mono (RFC 6716, RFC 7587), in memory that the caller gives.

Encoders are kept packed, and spread on a bench while libopus is at them. A bench is of one thread, and all zeros but for then: nothing of
one call is there when the next one's turn comes. Decoders are `void *` here, so that who uses them needs no header of libopus.
"""
from libc.stdint cimport int16_t, uint8_t

from native.packed cimport Packed

cdef enum:
    OPUS_RATE_HZ = 16000
    OPUS_MOST_SAMPLES = 1920    # of one packet: 120 ms
    OPUS_BITS_PER_SECOND = 96000            # towards far sides that set no limit; see opus.pyx

cdef enum OpusAim:
    CLEAN_LINE = 0              # best sound, 2.5 ms of delay, for lines that lose next to nothing
    LOSSY_LINE = 1              # each packet describes the one before it, too (LBRR); 6.5 ms

# Control thread: a bench; free() it. MemoryError.
cdef uint8_t *opus_bench() except NULL
cdef size_t opus_decoder_bytes() noexcept nogil
# Room for an encoder at its fullest: three in four of its pages are never touched.
cdef size_t opus_encoder_room() noexcept nogil
cdef void opus_place_encoder(Packed *encoder, uint8_t *room) noexcept nogil
# Make a decoder, an encoder, that has heard nothing yet; allocates nothing, takes some microseconds.
cdef void opus_begin_decoding(void *decoder) noexcept nogil
cdef void opus_begin_encoding(Packed *encoder, uint8_t *bench, OpusAim aim, int bits_per_second, int loss_percent) noexcept nogil
# Do the next packets need the ones before them? They do at first.
cdef void opus_predict(Packed *encoder, uint8_t *bench, bint predicts) noexcept nogil
cdef void opus_tell_loss(Packed *encoder, uint8_t *bench, int loss_percent) noexcept nogil
# Samples at 16 kHz in a payload; -1: it is none of Opus.
cdef int opus_samples(const uint8_t *payload, int bytes) noexcept nogil
# Samples written, -1: not a payload of Opus, or longer than `most`.
cdef int opus_take(void *decoder, const uint8_t *payload, int bytes, int16_t *pcm, int most) noexcept nogil
# n samples (any number up to OPUS_MOST_SAMPLES) for a lost packet: from `following`, the packet behind it, where that describes it;
# NULL: not at hand.
cdef void opus_make_up(void *decoder, const uint8_t *following, int bytes, int16_t *pcm, int n) noexcept nogil
# One packet of n samples: 2.5, 5 or a multiple of 10 ms. Bytes written, -1: not such a number, or no room.
cdef int opus_give(Packed *encoder, uint8_t *bench, const int16_t *pcm, int n, uint8_t *payload, int most) noexcept nogil
# Samples by which a round trip delays.
cdef int opus_delay(OpusAim aim) noexcept nogil
