"""A codec for tests and tools, and what it costs."""
from libc.stdint cimport int16_t, uint8_t
from libc.string cimport memset

import numpy as np

from native.codec cimport (
    CODEC_MOST_BYTES, CODEC_MOST_SAMPLES, Codec, Facts, G722, Kind, L16_16000, L16_8000, OPUS, PCMA, PCMU, codec_agrees,
    codec_catch_up, codec_close, codec_decode, codec_delay, codec_encode, codec_end_decoding, codec_facts, codec_follow,
    codec_open, codec_overlay, codec_pass, codec_recover, codec_samples, codec_tell_loss, codec_ticks,
)
from native.includes cimport net
from native.opus cimport opus_bench

cdef uint8_t *bench = opus_bench()          # of whoever holds the interpreter

KINDS_BY_NAME = {"PCMA": PCMA, "PCMU": PCMU, "G722": G722, "opus": OPUS, "L16/8000": L16_8000, "L16/16000": L16_16000}


def kind_facts(name):
    """What is fixed about a codec, by its name in KINDS_BY_NAME; payload_type None: dynamic."""
    cdef const Facts *of = codec_facts(<Kind><int>KINDS_BY_NAME[name])
    return {"name": of.name.decode(), "rate_hz": of.rate_hz, "clock_hz": of.clock_hz, "channels": of.channels,
            "payload_type": of.payload_type if of.payload_type >= 0 else None}


cdef class Transcoder:
    """One leg's codec. Payloads are bytes, audio is int16 arrays at `rate_hz`. Any thread, one at a time."""

    cdef Codec *codec
    cdef readonly str name

    def __cinit__(self, str name, int bits_per_second=0):
        self.name = name
        self.codec = codec_open(<Kind><int>KINDS_BY_NAME[name], bits_per_second, bench)

    def __dealloc__(self):
        if self.codec != NULL:
            codec_close(self.codec)

    @property
    def rate_hz(self):
        return self.codec.rate_hz

    @property
    def delay(self):
        """Of a round trip [samples]."""
        return codec_delay(self.codec)

    def samples(self, const uint8_t[::1] payload):
        """Samples in a payload, or None when it is not this codec's."""
        cdef int n = codec_samples(self.codec, &payload[0] if payload.shape[0] else NULL, <int>payload.shape[0])
        return n if n >= 0 else None

    def ticks(self, int samples):
        """RTP timestamp units."""
        return codec_ticks(self.codec, samples)

    def decode(self, const uint8_t[::1] payload):
        """Samples, or None when the payload is not this codec's."""
        cdef int16_t pcm[CODEC_MOST_SAMPLES]
        cdef int bytes = <int>payload.shape[0]
        cdef int n = codec_decode(self.codec, &payload[0] if bytes else NULL, bytes, pcm, CODEC_MOST_SAMPLES)
        return np.array(<int16_t[:n]>pcm) if n > 0 else None

    def conceal(self, int n):
        """n samples for a lost packet."""
        return self.recover(b"", n)

    def recover(self, const uint8_t[::1] following, int n):
        """n samples for the packet lost right before `following`."""
        cdef int16_t pcm[CODEC_MOST_SAMPLES]
        if not 0 < n <= CODEC_MOST_SAMPLES:
            raise ValueError(f"a packet has 1 to {CODEC_MOST_SAMPLES} samples, not {n}")
        codec_recover(self.codec, &following[0] if following.shape[0] else NULL, <int>following.shape[0], pcm, n)
        return np.array(<int16_t[:n]>pcm)

    def relayed(self, const uint8_t[::1] payload):
        """A packet that passed undecoded."""
        codec_pass(self.codec, &payload[0] if payload.shape[0] else NULL, <int>payload.shape[0])

    def catch_up(self):
        """Samples of the last relayed packet, decoding as if those before it had been decoded, too; None: there was none."""
        cdef int16_t pcm[CODEC_MOST_SAMPLES]
        cdef int n = codec_catch_up(self.codec, pcm, CODEC_MOST_SAMPLES)
        return np.array(<int16_t[:n]>pcm) if n > 0 else None

    def end_decoding(self):
        codec_end_decoding(self.codec)

    def encode(self, samples, int most=CODEC_MOST_BYTES):
        """A payload of at most `most` bytes, or None when this codec has none of so many samples, or no room."""
        cdef uint8_t payload[CODEC_MOST_BYTES]
        cdef const int16_t[::1] pcm = np.ascontiguousarray(samples, dtype=np.int16)
        cdef int n = <int>pcm.shape[0]
        n = codec_encode(self.codec, &pcm[0] if n else NULL, n, payload, min(most, CODEC_MOST_BYTES))
        return <bytes>payload[:n] if n > 0 else None

    def overlay(self, Transcoder source, samples):
        """The packet that `source` decoded last with `samples` added, or None where it takes decoding."""
        cdef uint8_t payload[CODEC_MOST_BYTES]
        cdef const int16_t[::1] others = np.ascontiguousarray(samples, dtype=np.int16)
        cdef int n = <int>others.shape[0]
        n = codec_overlay(self.codec, source.codec, &others[0] if n else NULL, n, payload, CODEC_MOST_BYTES)
        return <bytes>payload[:n] if n > 0 else None

    def follow(self, Transcoder source):
        codec_follow(self.codec, source.codec, False)

    def agrees(self, Transcoder source):
        return bool(codec_agrees(self.codec, source.codec))

    def tell_loss(self, int percent):
        codec_tell_loss(self.codec, percent)


cdef double cpu_ns() noexcept nogil:
    cdef net.timespec time
    net.clock_gettime(net.CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1e9 + time.tv_nsec


def measure(Transcoder encoder, Transcoder decoder, samples, int rounds):
    """Mean CPU time for a frame of 20 ms [ns]: encode, decode, make up a lost one, lay silence over (0: not possible).

    Both must be of one codec; samples (int16): a whole number of frames, given `rounds` times.
    """
    cdef const int16_t[::1] pcm = np.ascontiguousarray(samples, dtype=np.int16)
    cdef int frame = encoder.codec.rate_hz // 50, frames = <int>pcm.shape[0] // frame, _, i
    cdef uint8_t[:, ::1] payloads = np.zeros((frames, CODEC_MOST_BYTES), dtype=np.uint8)
    cdef int[::1] sizes = np.zeros(frames, dtype=np.intc)
    cdef int16_t out[CODEC_MOST_SAMPLES]
    cdef int16_t silence[CODEC_MOST_SAMPLES]
    cdef uint8_t payload[CODEC_MOST_BYTES]
    cdef double spent[4]
    cdef double begun
    cdef bint overlays = False
    memset(spent, 0, sizeof(spent))
    memset(silence, 0, sizeof(silence))
    for _ in range(rounds):
        begun = cpu_ns()
        for i in range(frames):
            sizes[i] = codec_encode(encoder.codec, &pcm[i * frame], frame, &payloads[i, 0], CODEC_MOST_BYTES)
        spent[0] += cpu_ns() - begun
        begun = cpu_ns()
        for i in range(frames):
            codec_decode(decoder.codec, &payloads[i, 0], sizes[i], out, CODEC_MOST_SAMPLES)
        spent[1] += cpu_ns() - begun
        for i in range(frames):
            codec_decode(decoder.codec, &payloads[i, 0], sizes[i], out, CODEC_MOST_SAMPLES)
            begun = cpu_ns()
            overlays = codec_overlay(encoder.codec, decoder.codec, silence, frame, payload, CODEC_MOST_BYTES) > 0
            spent[3] += cpu_ns() - begun
            begun = cpu_ns()
            codec_recover(decoder.codec, &payloads[i, 0], sizes[i], out, frame)
            spent[2] += cpu_ns() - begun
    return tuple([value / rounds / frames for value in spent[:3]] + [spent[3] / rounds / frames if overlays else 0.0])
