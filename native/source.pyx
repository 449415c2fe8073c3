"""What one leg says, decoded at the rates that its listeners need."""
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t
from libc.stdlib cimport free
from libc.string cimport memset

import numpy as np

from native.codec cimport (
    CODEC_MOST_BYTES, CODEC_MOST_SAMPLES, Codec, G722, Kind, OPUS, codec_catch_up, codec_clock_khz, codec_close, codec_decode,
    codec_encode, codec_end_decoding, codec_forget, codec_open, codec_plain, codec_recover, codec_samples,
)
from native.comfort cimport comfort_make, comfort_reset, comfort_take
from native.includes.atomics cimport add_relaxed
from native.opus cimport opus_bench
from native.playout cimport (
    LONGEST_GAP_MS, Playout, Voice, playout_open, playout_read, voice_append, voice_gap, voice_late, voice_open, voice_samples, voice_write,
)
from native.resample cimport resample, resample_close, resample_open, resample_reset

from native.transcoder import KINDS_BY_NAME

cdef enum:
    VEIL_MS = 60                # no concealment looks further back
    MEMORY_MS = 10              # of any codec or resampler
    BEGAN_ANEW_S = 1            # further back than that no packet is late


cdef inline bint has_memory(const Codec *codec) noexcept nogil:
    return codec.kind == G722 or codec.kind == OPUS


cdef void give(Source *self, Codec *codec, uint32_t timestamp, uint32_t ssrc, const int16_t *pcm, int n, int64_t now_ns) noexcept nogil:
    """Samples in order, into the voice of each rate."""
    cdef int16_t other[2 * CODEC_MOST_SAMPLES]
    cdef int rate = own_rate(codec), made
    voice_write(&self.voices[rate], timestamp, ssrc, codec_clock_khz(codec), pcm, n, now_ns)
    if self.both:
        if rate == NARROW:
            made = resample(&self.up, pcm, n, other)
        else:
            made = resample(&self.down, pcm, n & ~1, other)
        voice_append(&self.voices[1 - rate], other, made, now_ns)


cdef void source_describe(Source *self, const uint8_t *payload, int bytes, uint32_t timestamp) noexcept nogil:
    if not self.comforts:
        comfort_reset(&self.comfort, timestamp)
        self.comforted = False
    comfort_take(&self.comfort, payload, bytes)
    self.comforts = True
    self.described_at = timestamp


cdef void source_comfort(Source *self, const Codec *codec, int rate, int64_t cursor, int n, int64_t now_ns) noexcept nogil:
    cdef int16_t pcm[CODEC_MOST_SAMPLES]
    cdef int16_t other[2 * CODEC_MOST_SAMPLES]
    cdef int own = own_rate(codec)
    cdef int64_t missing = cursor + n - self.voices[rate].end
    cdef int made
    if not self.comforts or missing <= 0 or (rate != own and not self.both):
        return
    made = <int>min((missing * self.voices[own].khz + self.voices[rate].khz - 1) // self.voices[rate].khz, <int64_t>CODEC_MOST_SAMPLES)
    made = (made + 1) & ~1
    comfort_make(&self.comfort, pcm, made)
    voice_append(&self.voices[own], pcm, made, now_ns)
    if self.both:
        made = resample(&self.up if own == NARROW else &self.down, pcm, made, other)
        voice_append(&self.voices[1 - own], other, made, now_ns)
    self.comforted = True


cdef inline void speak_again(Source *self, Voice *own, uint32_t timestamp, uint32_t ssrc, int clock_khz) noexcept nogil:
    """A packet of sound: what was silent before it is over, and no loss. One that is late changes nothing."""
    cdef int32_t since = <int32_t>(timestamp - self.described_at)
    if not self.comforts or (since <= 0 and since > -BEGAN_ANEW_S * 1000 * clock_khz and ssrc == own.ssrc):
        return
    self.comforts = False
    if self.comforted and own.started and own.ssrc == ssrc:
        own.end_timestamp = timestamp


cdef void mend(Source *self, Codec *codec, const uint8_t *payload, int bytes, uint32_t ssrc, int gap, int packet,
               int64_t now_ns) noexcept nogil:
    """Fill what was lost before this packet; the last piece may be described in it."""
    cdef int16_t pcm[CODEC_MOST_SAMPLES]
    cdef Voice *own = &self.voices[own_rate(codec)]
    cdef Voice *other = &self.voices[1 - own_rate(codec)]
    cdef int64_t before = own.end, other_before = other.end
    cdef int left = gap, n
    while left > 0:
        n = min(left, packet)
        if self.veil > 0:
            memset(pcm, 0, n * sizeof(int16_t))
        else:
            codec_recover(codec, payload if left == n else NULL, bytes, pcm, n)
            add_relaxed(&self.made_up, n)
        give(self, codec, own.end_timestamp, ssrc, pcm, n, now_ns)
        left -= n
    own.gap_at = before
    own.gap = gap
    other.gap_at = other_before
    other.gap = <int>(other.end - other_before)


cdef int source_take(Source *self, Codec *codec, const uint8_t *payload, int bytes, uint32_t timestamp, uint32_t ssrc, int64_t now_ns,
                     int16_t *pcm) noexcept nogil:
    cdef Voice *own = &self.voices[own_rate(codec)]
    cdef Voice *other = &self.voices[1 - own_rate(codec)]
    cdef int gap = 0, n = codec_samples(codec, payload, bytes)
    cdef int64_t before = own.end, other_before = other.end
    self.blended = False
    if n <= 0:
        add_relaxed(&self.unreadable, 1)
        return 0
    speak_again(self, own, timestamp, ssrc, codec_clock_khz(codec))
    if own.started and own.ssrc == ssrc:
        gap = voice_gap(own, timestamp, codec_clock_khz(codec))
    else:
        codec_end_decoding(codec)
    if gap < 0 and has_memory(codec):
        if voice_late(own, gap, n):
            return 0
        codec_end_decoding(codec)
    elif voice_late(own, gap, n):
        codec_plain(codec, payload, pcm, n)                 # it is not what comes before the next loss
        voice_write(own, timestamp, ssrc, codec_clock_khz(codec), pcm, n, now_ns)
        return n
    elif 0 < gap <= LONGEST_GAP_MS * own.khz:
        mend(self, codec, payload, bytes, ssrc, gap, n, now_ns)
        self.blended = True
    if gap and self.veil > 0 and has_memory(codec):
        codec_end_decoding(codec)                           # it would ring on with what was said before the way opened
    n = codec_decode(codec, payload, bytes, pcm, CODEC_MOST_SAMPLES)
    if n <= 0:
        add_relaxed(&self.unreadable, 1)
        return 0
    give(self, codec, timestamp, ssrc, pcm, n, now_ns)
    own.end_before = before
    other.end_before = other_before
    self.veil = max(0, self.veil - n // own.khz)
    self.last = n
    return n


cdef void source_prime(Source *self, Codec *codec, uint32_t timestamp, uint32_t ssrc, int64_t at_ns, int16_t *pcm) noexcept nogil:
    cdef Voice *own = &self.voices[own_rate(codec)]
    cdef int n = codec_catch_up(codec, pcm, CODEC_MOST_SAMPLES)
    if n <= 0:
        return
    speak_again(self, own, timestamp, ssrc, codec_clock_khz(codec))
    if own.started and own.ssrc == ssrc and voice_gap(own, timestamp, codec_clock_khz(codec)) > 0:
        own.end_timestamp = timestamp                       # what was relayed since the voice was last kept is no loss
    give(self, codec, timestamp, ssrc, pcm, n, at_ns)
    self.last = n


cdef void source_veil(Source *self, Codec *codec) noexcept nogil:
    self.veil = VEIL_MS
    if codec != NULL:
        codec_forget(codec)


cdef void source_serve(Source *self, Codec *codec, bint both) noexcept nogil:
    cdef bint wide = own_rate(codec) == WIDE
    both = both and self.voices[NARROW if wide else WIDE].pcm != NULL
    if both and not self.both:
        resample_reset(&self.down if wide else &self.up)
    self.both = both


cdef void source_restart(Source *self) noexcept nogil:
    self.voices[NARROW].started = self.voices[WIDE].started = False
    self.comforts = False
    self.both = False


cdef int source_memory(const Source *self, const Codec *codec, int rate) noexcept nogil:
    return MEMORY_MS * self.voices[rate].khz if has_memory(codec) or rate != own_rate(codec) else 0


cdef class SourceProbe:
    """One source of any codec and one listener at each rate, for tests: what the media thread does with them. One Python thread."""

    cdef Source source
    cdef Codec *codec
    cdef Codec *coder           # the far side's
    cdef uint8_t *bench
    cdef Playout playouts[2]
    cdef int16_t[::1] narrow
    cdef int16_t[::1] wide

    def __cinit__(self, str codec):
        self.bench = opus_bench()
        self.codec = codec_open(<Kind><int>KINDS_BY_NAME[codec], 0, self.bench)
        self.coder = codec_open(<Kind><int>KINDS_BY_NAME[codec], 0, self.bench)
        self.narrow = np.zeros(voice_samples(8), dtype=np.int16)
        self.wide = np.zeros(voice_samples(16), dtype=np.int16)
        voice_open(&self.source.voices[NARROW], &self.narrow[0], 8)
        voice_open(&self.source.voices[WIDE], &self.wide[0], 16)
        resample_open(&self.source.up, 8000, 16000)
        resample_open(&self.source.down, 16000, 8000)
        source_serve(&self.source, self.codec, True)

    def __dealloc__(self):
        if self.codec != NULL:
            codec_close(self.codec)
        if self.coder != NULL:
            codec_close(self.coder)
        free(self.bench)
        resample_close(&self.source.up)
        resample_close(&self.source.down)

    def encode(self, samples):
        """A packet's payload as the far side makes it."""
        cdef uint8_t payload[CODEC_MOST_BYTES]
        cdef const int16_t[::1] pcm = samples
        cdef int length = codec_encode(self.coder, &pcm[0], <int>pcm.shape[0], payload, CODEC_MOST_BYTES)
        return <bytes>payload[:length]

    def write(self, timestamp, const uint8_t[::1] payload, double now_ms, int ssrc=1):
        """A packet that has come. Returns the samples that were added for it."""
        cdef int16_t pcm[CODEC_MOST_SAMPLES]
        return source_take(&self.source, self.codec, &payload[0], <int>payload.shape[0], <uint32_t>(timestamp & 0xFFFFFFFF), ssrc,
                           <int64_t>(now_ms * 1000000), pcm)

    def read(self, int khz, int n, double now_ms):
        """The next n samples of the listener at this rate (int16)."""
        cdef int rate = WIDE if khz == 16 else NARROW
        out = np.empty(n, dtype=np.int16)
        cdef int16_t[::1] pcm = out
        playout_read(&self.playouts[rate], &self.source.voices[rate], &pcm[0], n, <int64_t>(now_ms * 1000000))
        return out

    def open(self):
        """From now on both listeners may hear."""
        cdef int rate
        source_veil(&self.source, self.codec)
        for rate in range(2):
            playout_open(&self.playouts[rate], &self.source.voices[rate], source_memory(&self.source, self.codec, rate))

    def delay_ms(self, int khz):
        """Written and not yet read by the listener at this rate."""
        cdef int rate = WIDE if khz == 16 else NARROW
        return (self.source.voices[rate].end - self.playouts[rate].cursor) / <double>khz

    @property
    def made_up(self):
        """Samples that were made up for lost packets."""
        return self.source.made_up

    def underruns(self, int khz):
        return self.playouts[WIDE if khz == 16 else NARROW].underruns
