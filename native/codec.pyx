"""One leg's codec behind one interface.

A switch over the kind, not function pointers: it takes 1.7 ns (legs of all kinds in turn: 2.7) where a pointer takes 2.1 (6.3),
and it can be read.
"""
from libc.stdint cimport int16_t, int64_t, uint8_t
from libc.stdlib cimport abs, free
from libc.string cimport memcpy, memmove, memset

from native cimport g711
from native.g722 cimport (
    g722_agrees, g722_decode, g722_decoder_reset, g722_encode, g722_encoder_reset, g722_follow, g722_overlay,
)
from native.l16 cimport l16_decode, l16_encode
from native.opus cimport (
    CLEAN_LINE, LOSSY_LINE, OPUS_BITS_PER_SECOND, OPUS_RATE_HZ, opus_begin_decoding, opus_begin_encoding, opus_decoder_bytes,
    opus_delay, opus_encoder_room, opus_give, opus_make_up, opus_place_encoder, opus_predict, opus_samples, opus_take, opus_tell_loss,
)
from native.plc cimport plc_missing, plc_received, plc_reset

cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **memory, size_t alignment, size_t size)

cdef enum:
    ALIGNMENT = 64
    PAGE = 4096
    LOSSY_FROM_PERCENT = 2      # reported loss at which redundancy pays; below 1 it goes again
    CLEAR_BITS_PER_SECOND = 64000           # below this the coder for lossy lines sounds better anyway
    LOUD_S = 5                  # in which the loudest sample counts half as much
    FIRST_CELT = 16             # configuration numbers of the low-delay coder (RFC 6716 table 2)
    PAUSE = 10                  # as loud, at most, is a talker who pauses: -20 dB
    QUIET = 100                 # or this [sample units]: -50 dB
    OPUS_FADE = 960             # made up packets of Opus fade over 60 ms [samples]
    OPUS_SILENT = 1920          # and are silent from 120 ms on
    FADE_IN = 80                # 5 ms
    QMF_DELAY = 22              # of G.722's band filters, both ends together [samples]

cdef Facts facts[<int>KINDS]
facts[<int>PCMA] = Facts(b"PCMA", 8000, 8000, 1, 8, 8)
facts[<int>PCMU] = Facts(b"PCMU", 8000, 8000, 1, 0, 8)
facts[<int>G722] = Facts(b"G722", 16000, 8000, 1, 9, 8)
facts[<int>OPUS] = Facts(b"opus", 16000, 48000, 2, -1, 0)
facts[<int>L16_8000] = Facts(b"L16", 8000, 8000, 1, -1, 16)
facts[<int>L16_16000] = Facts(b"L16", 16000, 16000, 1, -1, 32)


cdef const Facts *codec_facts(Kind kind) noexcept nogil:
    return &facts[<int>kind]


# ── memory ───────────────────────────────────────────────────────────────────────────────────────────────────────────


cdef inline size_t padded(size_t size) noexcept nogil:
    return (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


cdef Codec *codec_open(Kind kind, int bits_per_second, uint8_t *bench) except NULL:
    cdef size_t head = padded(sizeof(Codec)), decoder = 0, encoder = 0, more = padded(sizeof(Plc))
    cdef Codec *self
    cdef char *place = NULL
    if kind == G722:
        decoder, encoder = padded(sizeof(G722Decoder)), padded(sizeof(G722Encoder))
    elif kind == OPUS:
        # What an encoder needs is on pages of its own: not every leg has one, and most of its room is never touched.
        decoder, encoder, more = padded(opus_decoder_bytes()), opus_encoder_room(), padded(LAST_SAMPLES * sizeof(int16_t))
        decoder += (PAGE - (head + decoder) % PAGE) % PAGE
    if posix_memalign(<void **>&place, PAGE if kind == OPUS else ALIGNMENT, head + decoder + encoder + more):
        raise MemoryError()
    memset(place, 0, sizeof(Codec))
    self = <Codec *>place
    self.kind = kind
    self.rate_hz = facts[<int>kind].rate_hz
    self.clock_khz = facts[<int>kind].clock_hz // 1000
    self.bits_per_second = bits_per_second if bits_per_second > 0 else OPUS_BITS_PER_SECOND
    self.aim = wanted_aim(self)
    self.bench = bench
    if kind == OPUS:
        self.opus_decoder = (place + head)
        self.said = <int16_t *>(place + head + decoder)
        opus_place_encoder(&self.opus_encoder, <uint8_t *>(place + head + decoder + more))
    else:
        self.g722_decoder = <G722Decoder *>(place + head)
        self.g722_encoder = <G722Encoder *>(place + head + decoder)
        self.plc = <Plc *>(place + head + decoder + encoder)
    return self


cdef void codec_close(Codec *self) noexcept nogil:
    free(self)


# ── the stream from this leg ─────────────────────────────────────────────────────────────────────────────────────────


cdef void begin_decoding(Codec *self) noexcept nogil:
    self.decoding = True
    if self.kind == OPUS:
        opus_begin_decoding(self.opus_decoder)
        memset(self.heard, 0, sizeof(self.heard))
        self.loud = self.level = self.missing = 0
    else:
        plc_reset(self.plc, self.rate_hz)
        if self.kind == G722:
            g722_decoder_reset(self.g722_decoder)


cdef void remember(Codec *self, const int16_t *pcm, int n) noexcept nogil:
    """Note how a stream of Opus sounds: what came last, and whether its talker pauses."""
    cdef int i, level = 0
    if n >= LAST_SAMPLES:
        memcpy(self.heard, pcm + n - LAST_SAMPLES, sizeof(self.heard))
    else:
        memmove(self.heard, self.heard + n, (LAST_SAMPLES - n) * sizeof(int16_t))
        memcpy(self.heard + LAST_SAMPLES - n, pcm, n * sizeof(int16_t))
    for i in range(n):
        level = max(level, abs(pcm[i]))
    self.level = level
    self.loud = max(level, self.loud - self.loud * n // (LOUD_S * OPUS_RATE_HZ))


cdef void fade_out(Codec *self, int16_t *pcm, int n) noexcept nogil:
    """libopus goes on for long with what it makes up (-1 dB after 200 ms): take it away."""
    cdef int i, left
    for i in range(n):
        left = OPUS_SILENT - self.missing
        if left < OPUS_FADE:
            pcm[i] = <int16_t>(pcm[i] * left // OPUS_FADE) if left > 0 else 0
        self.missing += left > 0


cdef void fade_in(Codec *self, int16_t *pcm, int n) noexcept nogil:
    """From as loud as the last made up sample was."""
    cdef int i, gain = max(0, min(OPUS_SILENT - self.missing, OPUS_FADE))
    self.missing = 0
    for i in range(min(n, FADE_IN)):
        pcm[i] = <int16_t>(<int64_t>pcm[i] * (gain * (FADE_IN - i) + OPUS_FADE * i) // (OPUS_FADE * FADE_IN))


cdef void codec_end_decoding(Codec *self) noexcept nogil:
    self.decoding = False
    self.kept = self.kept_bytes = 0


cdef int codec_samples(const Codec *self, const uint8_t *payload, int bytes) noexcept nogil:
    cdef int samples = bytes
    if bytes <= 0:
        return -1
    if self.kind == OPUS:
        return opus_samples(payload, bytes)
    if self.kind == G722:
        samples = 2 * bytes
    elif self.kind >= L16_8000:
        if bytes & 1:
            return -1
        samples = bytes // 2
    return samples if samples <= CODEC_MOST_SAMPLES else -1


cdef int codec_decode(Codec *self, const uint8_t *payload, int bytes, int16_t *pcm, int most) noexcept nogil:
    cdef int samples = codec_samples(self, payload, bytes)
    if samples < 0 or samples > most:
        return -1
    if not self.decoding:
        begin_decoding(self)
    if self.kind == OPUS:
        samples = opus_take(self.opus_decoder, payload, bytes, pcm, most)
        if samples > 0:
            self.celt = payload[0] >> 3 >= FIRST_CELT
            if self.missing > OPUS_SILENT - OPUS_FADE:
                fade_in(self, pcm, samples)
            self.missing = 0
            remember(self, pcm, samples)
        return samples
    if self.kind == G722:
        g722_decode(self.g722_decoder, payload, pcm, bytes)
    else:
        codec_plain(self, payload, pcm, samples)
    plc_received(self.plc, pcm, samples)
    return samples


cdef void codec_plain(const Codec *self, const uint8_t *payload, int16_t *pcm, int samples) noexcept nogil:
    if self.kind <= PCMU:
        g711.decode(<g711.Law>self.kind, payload, pcm, samples)
    else:
        l16_decode(payload, pcm, samples)


cdef void codec_conceal(Codec *self, int16_t *pcm, int n) noexcept nogil:
    codec_recover(self, NULL, 0, pcm, n)


cdef void codec_recover(Codec *self, const uint8_t *following, int bytes, int16_t *pcm, int n) noexcept nogil:
    if not self.decoding:
        begin_decoding(self)
    if self.kind == OPUS:
        opus_make_up(self.opus_decoder, following, bytes, pcm, n)
        fade_out(self, pcm, n)
        remember(self, pcm, n)
    else:
        plc_missing(self.plc, pcm, n)
        if self.kind == G722:
            self.g722_decoder.pairs = 0             # there are no sub-bands to lay anything over


cdef float codec_power(const int16_t *pcm, int n) noexcept nogil:
    cdef long total = 0
    cdef int i
    for i in range(n):
        total += pcm[i] * pcm[i]
    return <float>total / n if n else 0


cdef void codec_forget(Codec *self) noexcept nogil:
    if self.kind != OPUS and self.decoding:
        plc_reset(self.plc, self.rate_hz)


cdef void codec_pass(Codec *self, const uint8_t *payload, int bytes) noexcept nogil:
    cdef int i, first = 0, dropped = 0
    if self.kind != G722 and self.kind != OPUS:     # without memory: the last one is enough
        self.kept = self.kept_bytes = 0
    if bytes > KEPT_BYTES:                          # what was before it is of no use either
        self.kept = self.kept_bytes = 0
        self.decoding = False
    if bytes <= 0 or bytes > KEPT_BYTES:
        return
    while self.kept - first == KEPT_PACKETS or self.kept_bytes - dropped + bytes > KEPT_BYTES:
        dropped += self.kept_sizes[first]
        first += 1
    if first:
        self.decoding = False                       # it no longer goes on where the decoder stood
        memmove(self.kept_payloads, self.kept_payloads + dropped, self.kept_bytes - dropped)
        self.kept_bytes -= dropped
        self.kept -= first
        for i in range(self.kept):
            self.kept_sizes[i] = self.kept_sizes[i + first]
    memcpy(self.kept_payloads + self.kept_bytes, payload, bytes)
    self.kept_sizes[self.kept] = bytes
    self.kept += 1
    self.kept_bytes += bytes


cdef int codec_catch_up(Codec *self, int16_t *pcm, int most) noexcept nogil:
    cdef int i, place = 0, samples = 0
    for i in range(self.kept):
        samples = max(0, codec_decode(self, self.kept_payloads + place, self.kept_sizes[i], pcm, most))
        place += self.kept_sizes[i]
    self.kept = self.kept_bytes = 0
    return samples


# ── the stream to this leg ───────────────────────────────────────────────────────────────────────────────────────────


cdef void begin_encoding(Codec *self) noexcept nogil:
    cdef uint8_t unsent[LAST_SAMPLES]
    self.encoding = True
    if self.kind == OPUS:
        opus_begin_encoding(&self.opus_encoder, self.bench, self.aim, self.bits_per_second, self.loss_percent)
        # What came before flows over into its first packet, which may yet not be told as a difference to what the far decoder
        # never got. Without both, 31 of 45 changes from relaying clicked.
        if not self.spoken:
            memset(self.said, 0, sizeof(self.heard))
            self.spoken = True
        opus_give(&self.opus_encoder, self.bench, self.said, LAST_SAMPLES, unsent, sizeof(unsent))
        opus_predict(&self.opus_encoder, self.bench, False)
        self.leans = False
    elif self.kind == G722:
        g722_encoder_reset(self.g722_encoder)


cdef int codec_encode(Codec *self, const int16_t *pcm, int n, uint8_t *payload, int most) noexcept nogil:
    cdef int bytes
    if n <= 0 or n > CODEC_MOST_SAMPLES:
        return -1
    if not self.encoding:
        begin_encoding(self)
    if self.kind == OPUS:
        if n >= LAST_SAMPLES:
            memcpy(self.said, pcm + n - LAST_SAMPLES, sizeof(self.heard))
        bytes = opus_give(&self.opus_encoder, self.bench, pcm, n, payload, most)
        if not self.leans:
            self.leans = True
            opus_predict(&self.opus_encoder, self.bench, True)
        return bytes
    if self.kind == G722:
        if n & 1 or n // 2 > most:
            return -1
        g722_encode(self.g722_encoder, pcm, payload, n // 2)
        return n // 2
    if self.kind <= PCMU:
        if n > most:
            return -1
        g711.encode(<g711.Law>self.kind, pcm, payload, n)
        return n
    if 2 * n > most:
        return -1
    l16_encode(pcm, payload, n)
    return 2 * n


cdef int codec_overlay(Codec *self, const Codec *source, const int16_t *others, int n, uint8_t *payload,
                       int most) noexcept nogil:
    if self.kind != G722 or source.kind != G722 or not source.decoding:
        return -1
    if n <= 0 or source.g722_decoder.pairs * 2 != n or n // 2 > most:
        return -1
    if not self.encoding:
        begin_encoding(self)
    return g722_overlay(self.g722_encoder, source.g722_decoder, others, payload)


cdef void codec_follow(Codec *self, const Codec *source, bint ahead) noexcept nogil:
    self.encoding = False
    self.aim = wanted_aim(self)
    if self.kind != source.kind or not source.decoding:
        return
    if self.kind == OPUS:
        self.spoken = True
        if ahead:                                   # what is not to be heard would flow over into it
            memset(self.said, 0, sizeof(self.heard))
        else:
            memcpy(self.said, source.heard, sizeof(self.heard))
    elif self.kind == G722:
        begin_encoding(self)
        g722_follow(self.g722_encoder, source.g722_decoder, ahead)


cdef void codec_restart(Codec *self, int bits_per_second) noexcept nogil:
    codec_end_decoding(self)
    self.encoding = False
    self.bits_per_second = bits_per_second if bits_per_second > 0 else OPUS_BITS_PER_SECOND
    self.aim = wanted_aim(self)


cdef bint codec_makes(const Codec *self, int n, int most) noexcept nogil:
    if self.kind == OPUS:
        return n > 0 and n <= CODEC_MOST_SAMPLES and (n % 160 == 0 or n == 80 or n == 40)
    if self.kind >= L16_8000 and 2 * n > most:
        return False
    return n > 0 and n <= CODEC_MOST_SAMPLES and not (self.kind == G722 and n & 1)


cdef bint codec_agrees(Codec *self, const Codec *source) noexcept nogil:
    if self.kind != source.kind:
        return False
    if not self.encoding or not source.decoding:
        return True
    if self.kind == OPUS:
        if source.celt and self.aim == LOSSY_LINE:
            # A far decoder that changes between the coders takes the new one's first packets for louder ones: change on our own.
            self.aim = CLEAN_LINE
            self.encoding = False
            return False
        return source.level < QUIET or source.level < source.loud // PAUSE
    return self.kind != G722 or g722_agrees(self.g722_encoder, source.g722_decoder)


cdef OpusAim wanted_aim(const Codec *self) noexcept nogil:
    if self.bits_per_second < CLEAR_BITS_PER_SECOND or self.loss_percent >= LOSSY_FROM_PERCENT:
        return LOSSY_LINE
    return self.aim if self.loss_percent > 0 else CLEAN_LINE


cdef void codec_tell_loss(Codec *self, int percent) noexcept nogil:
    cdef OpusAim before = self.aim
    self.loss_percent = percent
    if self.kind != OPUS:
        return
    self.aim = wanted_aim(self)
    if self.aim != before:
        self.encoding = False                       # the next packet is the other coder's first
    elif self.encoding:
        opus_tell_loss(&self.opus_encoder, self.bench, percent)


cdef int codec_delay(const Codec *self) noexcept nogil:
    if self.kind == OPUS:
        return opus_delay(self.aim)
    return QMF_DELAY if self.kind == G722 else 0
