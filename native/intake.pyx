"""What becomes of a leg's sound besides being passed on: decoded, metered, kept for the call's tap and history."""
from libc.stdint cimport int16_t, int64_t, uint8_t, uint32_t

from native cimport codec, g711, playout, rtp, tap
from native.codec cimport CODEC_MOST_SAMPLES, PCMU
from native.history cimport history_write
from native.keypad cimport hear_decoded_tones
from native.rtp cimport Header
from native.session cimport Call, KEPT_SAMPLES, Leg, SUPERVISOR, Worker, call_time
from native.source cimport NARROW, WIDE, source_take


cdef void pass_coded(Leg *leg, const uint8_t *payload, int bytes, uint32_t timestamp) noexcept nogil:
    codec.codec_pass(leg.codec, payload, bytes)
    leg.last_bytes = bytes
    leg.last_timestamp = timestamp


cdef void tell_listeners(Worker *worker, Leg *leg, const uint8_t *payload, int samples, const Header *header) noexcept nogil:
    """A decoded packet into the call's tap and history: of a wideband leg its narrow voice, and into the tap the wide one, too."""
    cdef const playout.Voice *voice = &leg.source.voices[<int>NARROW]
    cdef const playout.Voice *other = &leg.source.voices[<int>WIDE]
    cdef uint8_t codes[KEPT_SAMPLES]
    cdef int16_t wide[CODEC_MOST_SAMPLES]
    cdef Call *call = leg.call
    cdef int n = samples * 8 // leg.media.khz
    cdef uint32_t timestamp = rtp.rescale(&leg.tap_time, header.timestamp, leg.media.clock_khz, 8)
    if leg.media.rate != NARROW or leg.muffled:
        playout.voice_copy(voice, voice.end - n, worker.pcm, n)
    elif leg.source.blended:                                # they have what came, and silence for what did not
        codec.codec_plain(leg.codec, payload, worker.pcm, n)
    if call.tap != NULL:
        if leg.media.rate == WIDE:
            playout.voice_copy(other, other.end - 2 * n, wide, 2 * n)
        tap.tap_write(call.tap, <int>leg.role, timestamp, header.ssrc, worker.pcm, wide if leg.media.rate == WIDE else NULL, n,
                      worker.now_ns)
    if call.history != NULL and leg.media.kind > PCMU:
        g711.encode(g711.ALAW, worker.pcm, codes, n)
        history_write(call.history, <int>leg.role, g711.ALAW, timestamp, header.ssrc, codes, n, call_time(worker, call))


cdef int decode_packet(Worker *worker, Leg *leg, const uint8_t *payload, int bytes, const Header *header) noexcept nogil:
    """Into the leg's voices and the tap. Returns the samples that came new at their end.

    A late packet of a wideband codec is in no narrow voice, so neither in the tap: it stays the silence that stands there.
    """
    cdef int64_t before = leg.source.voices[leg.media.rate].end
    cdef int samples = source_take(leg.source, leg.codec, payload, bytes, header.timestamp, header.ssrc, worker.now_ns, worker.pcm)
    cdef bint late = leg.source.voices[leg.media.rate].end <= before
    leg.last_bytes = 0
    if samples > 0:
        meter(leg, codec.codec_power(worker.pcm, samples), samples // leg.media.khz)
        if leg.tones != NULL and leg.media.kind > PCMU:
            hear_decoded_tones(worker, leg, samples)
        if leg.role != SUPERVISOR and (leg.call.tap != NULL or leg.call.history != NULL) and not (late and leg.media.rate == WIDE):
            tell_listeners(worker, leg, payload, samples, header)
    return 0 if late else samples
