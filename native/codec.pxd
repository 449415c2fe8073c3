"""One leg's codec behind one interface, whatever it is: decoder, concealment, encoder.

A codec is one block of memory, taken on the control thread; from then on nothing is allocated. Decoder and encoder begin at their
first use, by the media thread: until then their memory is not even touched, so that a call that is only relayed does not pay for
them.
"""
from libc.stdint cimport int16_t, uint8_t

from native.g722 cimport G722Decoder, G722Encoder
from native.opus cimport OpusAim
from native.packed cimport Packed
from native.plc cimport Plc

cdef enum Kind:
    PCMA = 0                    # the first two are the laws of g711
    PCMU = 1
    G722 = 2
    OPUS = 3
    L16_8000 = 4
    L16_16000 = 5
    KINDS

cdef struct Facts:
    const char *name            # encoding name in SDP
    int rate_hz                 # of the samples that it is decoded to and encoded from; a kilohertz is a whole number of them
    int clock_hz                # of RTP timestamps; not the sample rate (RFC 3551 §4.5.2, RFC 7587 §4.1)
    int channels                # that the rtpmap names
    int payload_type            # static one; -1: dynamic
    int bytes_per_ms            # of payload; 0: it varies

cdef enum:
    CODEC_MOST_SAMPLES = 1920   # of one packet: 120 ms at 16 kHz
    CODEC_MOST_BYTES = 3840     # that any of them makes of it
    KEPT_PACKETS = 8
    KEPT_BYTES = 1280           # all eight of G.722 at 20 ms
    LAST_SAMPLES = 320          # 20 ms of Opus

cdef struct Codec:
    Kind kind
    int rate_hz
    int clock_khz               # RTP ticks per millisecond
    bint decoding               # the decoder has begun
    bint encoding               # the encoder has begun
    # all but Opus
    Plc *plc
    # G.722
    G722Decoder *g722_decoder
    G722Encoder *g722_encoder
    # Opus
    void *opus_decoder
    Packed opus_encoder
    uint8_t *bench              # where the encoder is spread while it works: the media thread's
    int bits_per_second         # at most, towards this leg
    int loss_percent            # of what we send, as the far side reports it
    OpusAim aim
    int16_t heard[LAST_SAMPLES]             # decoded last
    int16_t *said               # as many: encoded last, or relayed right before the first that is
    bint spoken                 # `said` holds something
    bint leans                  # the encoder's next packet may lean on the one before it: the far decoder has that
    bint celt                   # the last packet was of the low-delay coder
    int missing                 # made up since the last packet [samples]
    int level                   # largest sample of the last packet
    int loud                    # of those in the last seconds
    # what was relayed, so that decoding can begin in the middle of a stream
    int kept                    # [packets]
    int kept_bytes
    int kept_sizes[KEPT_PACKETS]
    uint8_t kept_payloads[KEPT_BYTES]

cdef const Facts *codec_facts(Kind kind) noexcept nogil

# ── control thread ──
# bits_per_second: 0, or the most that the far side wants (Opus only). bench: of the thread that will use it (see native.opus).
# MemoryError.
cdef Codec *codec_open(Kind kind, int bits_per_second, uint8_t *bench) except NULL
cdef void codec_close(Codec *self) noexcept nogil

# ── the stream from this leg ──
# Samples that a payload holds; -1: it is not this codec's, or longer than CODEC_MOST_SAMPLES. Looks at its first bytes only.
cdef int codec_samples(const Codec *self, const uint8_t *payload, int bytes) noexcept nogil
# Samples written to pcm, at most `most`; -1: not a payload of this codec, nothing has changed. Each packet once, in order.
cdef int codec_decode(Codec *self, const uint8_t *payload, int bytes, int16_t *pcm, int most) noexcept nogil
# The payload's own samples, changing nothing: no blending after a loss. Of G.711 and L16 only; their codec_samples are written.
cdef void codec_plain(const Codec *self, const uint8_t *payload, int16_t *pcm, int samples) noexcept nogil
# n samples, n <= CODEC_MOST_SAMPLES, for a packet that is lost.
cdef void codec_conceal(Codec *self, int16_t *pcm, int n) noexcept nogil
# The same for the packet right before `following`, which is at hand and may describe it (Opus); decode `following` afterwards.
cdef void codec_recover(Codec *self, const uint8_t *following, int bytes, int16_t *pcm, int n) noexcept nogil
# A packet that is relayed and not decoded: keep it for codec_catch_up.
cdef void codec_pass(Codec *self, const uint8_t *payload, int bytes) noexcept nogil
# Mean square [sample units squared].
cdef float codec_power(const int16_t *pcm, int n) noexcept nogil
# Go on decoding as if the kept packets had been (anew where some were passed that are no longer kept): writes
# the last one's samples, returns their number; 0: there was none.
cdef int codec_catch_up(Codec *self, int16_t *pcm, int most) noexcept nogil
# Make nothing up from what was decoded until now. What Opus keeps for it cannot be reached: call codec_recover for it no sooner than
# after 60 ms of sound.
cdef void codec_forget(Codec *self) noexcept nogil
# The stream begins anew (another SSRC), or is relayed from now on: the next decode starts fresh.
cdef void codec_end_decoding(Codec *self) noexcept nogil

# ── the stream to this leg ──
# Bytes written; -1: a codec that has no packets of n samples, or `most` is too small.
cdef int codec_encode(Codec *self, const int16_t *pcm, int n, uint8_t *payload, int most) noexcept nogil
# The packet that `source` decoded last with `others` (n samples) added, where both codecs can do it without decoding (G.722): no
# delay, and with silence the very bytes that came. Returns bytes; -1: not possible for this pair or packet: add the samples and
# use codec_encode. Once a packet of `source`.
cdef int codec_overlay(Codec *self, const Codec *source, const int16_t *others, int n, uint8_t *payload,
                       int most) noexcept nogil
# Before the first packet that is made instead of relayed, and before `source` decodes that one: the far decoder has heard what
# `source` (caught up) has. Without it: the far decoder has heard nothing yet. ahead: `source` has decoded that one already.
cdef void codec_follow(Codec *self, const Codec *source, bint ahead) noexcept nogil
# May packets of `source` be relayed again without the far decoder noticing? Ask once a packet; while False, go on overlaying:
# G.722 comes to agree by an overlay of silence, within about a second; Opus agrees in the talker's next pause. After some seconds
# relay anyway.
cdef bint codec_agrees(Codec *self, const Codec *source) noexcept nogil
# What the far side reports of loss (RTCP RR); changes how Opus protects itself.
cdef void codec_tell_loss(Codec *self, int percent) noexcept nogil
# Both streams begin anew, under another limit (see codec_open).
cdef void codec_restart(Codec *self, int bits_per_second) noexcept nogil
# Has it packets of n samples, of at most so many bytes?
cdef bint codec_makes(const Codec *self, int n, int most) noexcept nogil
# Samples by which encoding here and decoding there delay.
cdef int codec_delay(const Codec *self) noexcept nogil

cdef inline int codec_clock_khz(const Codec *self) noexcept nogil:
    return self.clock_khz

cdef inline int codec_ticks(const Codec *self, int samples) noexcept nogil:
    """RTP timestamp units of so many samples."""
    cdef const Facts *facts = codec_facts(self.kind)
    return samples * (facts.clock_hz // 8000) // (facts.rate_hz // 8000)

cdef inline int codec_ticks_samples(const Codec *self, int ticks) noexcept nogil:
    """Samples of so many RTP timestamp units."""
    cdef const Facts *facts = codec_facts(self.kind)
    return ticks * (facts.rate_hz // 8000) // (facts.clock_hz // 8000)
