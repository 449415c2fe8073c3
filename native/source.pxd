"""What one leg says, decoded: a voice at its codec's rate and, where somebody needs it, one at the other rate.

A leg of 8 kHz is heard at 16 kHz by listeners of wideband codecs, a leg of 16 kHz at 8 kHz by the others and by taps. The second
voice is made once, as packets come, not by each listener.
"""
from libc.stdint cimport int16_t, int64_t, uint8_t, uint32_t

from native.codec cimport Codec, codec_clock_khz
from native.comfort cimport Comfort
from native.playout cimport Voice
from native.resample cimport Resampler

cdef enum:
    NARROW = 0                  # the voice at 8 kHz
    WIDE = 1                    # at 16 kHz

cdef struct Source:
    Voice voices[2]             # by NARROW, WIDE; of one that nobody can hear, the ring is NULL
    Resampler up                # 8 to 16 kHz
    Resampler down
    bint both                   # somebody needs the other rate, too
    Comfort comfort             # its silence, as described last
    bint comforts               # it has described its silence, and said nothing since
    bint comforted              # some of it was made
    uint32_t described_at       # timestamp of the description
    int veil                    # of real sound, still to come before anything may be made up of it [ms]
    int last                    # in the packet taken last [samples of its codec]
    bint blended                # its begin, with what was made up for a lost one before it
    int64_t made_up             # for lost packets [samples of the codec]
    int64_t unreadable          # [packets] that the codec could not decode

cdef inline int own_rate(const Codec *codec) noexcept nogil:
    return WIDE if codec.rate_hz > 8000 else NARROW

# A packet that is to be heard. pcm gets its samples at the codec's rate, room for CODEC_MOST_SAMPLES. Returns their number; 0: it
# adds nothing (late for a codec that goes by order, or unreadable). What was lost before it is made up.
cdef int source_take(Source *self, Codec *codec, const uint8_t *payload, int bytes, uint32_t timestamp, uint32_t ssrc, int64_t now_ns,
                     int16_t *pcm) noexcept nogil
# The packet that was relayed last, for a voice that begins in the middle of a stream (see codec_catch_up).
cdef void source_prime(Source *self, Codec *codec, uint32_t timestamp, uint32_t ssrc, int64_t at_ns, int16_t *pcm) noexcept nogil
# It describes its silence (RFC 3389).
cdef void source_describe(Source *self, const uint8_t *payload, int bytes, uint32_t timestamp) noexcept nogil
# Have its described silence heard where n samples of the voice at this rate, from `cursor` on, are not there.
cdef void source_comfort(Source *self, const Codec *codec, int rate, int64_t cursor, int n, int64_t now_ns) noexcept nogil
# A way from here to a listener has opened: nothing is made up from what was said before.
cdef void source_veil(Source *self, Codec *codec) noexcept nogil
# Keep the voice of the other rate, too, or no longer.
cdef void source_serve(Source *self, Codec *codec, bint both) noexcept nogil
# The codec has changed: what comes is another stream.
cdef void source_restart(Source *self) noexcept nogil
# Samples, at this rate, in which what was said before a moment still sounds after it.
cdef int source_memory(const Source *self, const Codec *codec, int rate) noexcept nogil
