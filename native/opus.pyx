"""Opus for speech at 16 kHz mono, by libopus.

We encode only what is overlaid on a stream that was coded once already, so a packet of ours has to sound like the one that came.
Measured with wide-band PESQ on speech that a phone has coded at 24 kb/s (4.08) or 32 kb/s (4.27), and µs a frame of 20 ms on one
core:

    VoIP 24 kb/s, complexity 5                      3.43  3.55    110 µs      (10: 3.56  3.73  225 µs)
    VoIP 64 kb/s, complexity 4                      3.90  4.10    130 µs
    low delay, complexity 1, 64 kb/s                3.83  4.01     29 µs
                             80 kb/s                4.00  4.15     32 µs
                             96 kb/s                4.03  4.23     34 µs

Complexity 2 takes 2 µs more, and speech that nobody has coded before keeps 4.53 to 4.58 instead of 4.48 to 4.58 (libopus as it
comes: 4.55 to 4.58). So low delay at 96 kb/s: it alone is within 0.1 of the first coding, at a third of the time, 2.5 instead of
6.5 ms late, and only while somebody overlays. Where the far side reports loss, nothing is like redundancy (5 % lost: 3.34 without,
4.23 with), which only the VoIP coder has: 64 kb/s, complexity 4 (3: 3.9 at best), 170 µs. Below 64 kb/s, by the far side's limit
(RFC 7587 §6.1, maxaveragebitrate), the VoIP coder sounds better on every line.
"""
from libc.stdint cimport int16_t, int32_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from native.includes cimport opus as libopus
from native.packed cimport bench_bytes, pack, packed_place, room_bytes, spread

cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **memory, size_t alignment, size_t size)

cdef enum:
    TEN_MS = 160
    MOST_FRAMES = 12            # of 10 ms in a packet
    LOW_DELAY_COMPLEXITY = 2
    VOIP_COMPLEXITY = 4
    LOSSY_BITS_PER_SECOND = 64000           # at most: redundancy included
    BLOCK = 1024                # compared at once [bytes]
    ALIGNMENT = 64

# Libopus takes 45 to 75 µs to make a state. These are made once, and copied (3 µs).
cdef libopus.OpusDecoder *new_decoder
cdef Packed new_encoder[2]
cdef size_t decoder_bytes, encoder_bytes, repacketizer_bytes
cdef int delays[2]


cdef uint8_t *opus_bench() except NULL:
    """An encoder's place, and behind it the repacketizer's, which keeps nothing."""
    cdef void *bench = NULL
    if posix_memalign(&bench, ALIGNMENT, bench_bytes(encoder_bytes) + repacketizer_bytes):
        raise MemoryError()
    memset(bench, 0, bench_bytes(encoder_bytes) + repacketizer_bytes)
    return <uint8_t *>bench


cdef int make_states() except -1:
    global new_decoder, decoder_bytes, encoder_bytes, repacketizer_bytes
    cdef int aim
    cdef uint8_t *bench
    cdef void *room = NULL
    cdef libopus.OpusEncoder *encoder
    cdef int32_t delay = 0
    decoder_bytes = libopus.opus_decoder_get_size(1)
    encoder_bytes = libopus.opus_encoder_get_size(1)
    repacketizer_bytes = libopus.opus_repacketizer_get_size()
    new_decoder = <libopus.OpusDecoder *>malloc(decoder_bytes)
    if new_decoder == NULL or libopus.opus_decoder_init(new_decoder, OPUS_RATE_HZ, 1) != libopus.OPUS_OK:
        raise MemoryError()
    bench = opus_bench()
    encoder = <libopus.OpusEncoder *>bench
    for aim in range(2):
        if posix_memalign(&room, ALIGNMENT, room_bytes(encoder_bytes)) or libopus.opus_encoder_init(
                encoder, OPUS_RATE_HZ, 1,
                libopus.OPUS_APPLICATION_VOIP if aim else libopus.OPUS_APPLICATION_RESTRICTED_LOWDELAY) != libopus.OPUS_OK:
            raise MemoryError()
        libopus.opus_encoder_ctl(encoder, libopus.OPUS_SET_SIGNAL_REQUEST, <int>libopus.OPUS_SIGNAL_VOICE)
        libopus.opus_encoder_ctl(encoder, libopus.OPUS_SET_BANDWIDTH_REQUEST, <int>libopus.OPUS_BANDWIDTH_WIDEBAND)
        libopus.opus_encoder_ctl(encoder, libopus.OPUS_SET_COMPLEXITY_REQUEST,
                                 <int>(VOIP_COMPLEXITY if aim else LOW_DELAY_COMPLEXITY))
        libopus.opus_encoder_ctl(encoder, libopus.OPUS_SET_DTX_REQUEST, <int>0)
        libopus.opus_encoder_ctl(encoder, libopus.OPUS_SET_INBAND_FEC_REQUEST, <int>aim)
        libopus.opus_encoder_ctl(encoder, libopus.OPUS_GET_LOOKAHEAD_REQUEST, &delay)
        delays[aim] = delay
        opus_place_encoder(&new_encoder[aim], <uint8_t *>room)
        pack(&new_encoder[aim], bench, encoder_bytes)
    free(bench)
    return 0


make_states()


cdef size_t opus_decoder_bytes() noexcept nogil:
    return decoder_bytes


cdef size_t opus_encoder_room() noexcept nogil:
    return room_bytes(encoder_bytes)


cdef void opus_place_encoder(Packed *encoder, uint8_t *room) noexcept nogil:
    packed_place(encoder, room, encoder_bytes)


cdef int opus_delay(OpusAim aim) noexcept nogil:
    return delays[<int>aim]


cdef inline libopus.OpusEncoder *spread_encoder(const Packed *encoder, uint8_t *bench) noexcept nogil:
    spread(encoder, bench, encoder_bytes)
    return <libopus.OpusEncoder *>bench


cdef void opus_begin_decoding(void *decoder) noexcept nogil:
    """Only what differs is written: what a decoder never uses (another coder's) stays unclaimed."""
    cdef char *state = <char *>decoder
    cdef const char *new = <const char *>new_decoder
    cdef size_t at = 0, length
    while at < decoder_bytes:
        length = min(decoder_bytes - at, <size_t>BLOCK)
        if memcmp(state + at, new + at, length) != 0:
            memcpy(state + at, new + at, length)
        at += length


cdef void opus_begin_encoding(Packed *encoder, uint8_t *bench, OpusAim aim, int bits_per_second, int loss_percent) noexcept nogil:
    if aim == LOSSY_LINE:
        bits_per_second = min(bits_per_second, <int>LOSSY_BITS_PER_SECOND)
    libopus.opus_encoder_ctl(spread_encoder(&new_encoder[<int>aim], bench), libopus.OPUS_SET_BITRATE_REQUEST, bits_per_second)
    pack(encoder, bench, encoder_bytes)
    opus_tell_loss(encoder, bench, loss_percent)


cdef void opus_predict(Packed *encoder, uint8_t *bench, bint predicts) noexcept nogil:
    libopus.opus_encoder_ctl(spread_encoder(encoder, bench), libopus.OPUS_SET_PREDICTION_DISABLED_REQUEST, <int>(not predicts))
    pack(encoder, bench, encoder_bytes)


cdef void opus_tell_loss(Packed *encoder, uint8_t *bench, int loss_percent) noexcept nogil:
    loss_percent = max(0, min(loss_percent, 100))
    libopus.opus_encoder_ctl(spread_encoder(encoder, bench), libopus.OPUS_SET_PACKET_LOSS_PERC_REQUEST, loss_percent)
    pack(encoder, bench, encoder_bytes)


cdef int opus_samples(const uint8_t *payload, int bytes) noexcept nogil:
    cdef int samples = libopus.opus_packet_get_nb_samples(payload, bytes, OPUS_RATE_HZ)
    return samples if 0 < samples <= OPUS_MOST_SAMPLES else -1


cdef int opus_take(void *decoder, const uint8_t *payload, int bytes, int16_t *pcm, int most) noexcept nogil:
    cdef int samples = opus_samples(payload, bytes)
    if samples < 0 or samples > most:
        return -1
    samples = libopus.opus_decode(<libopus.OpusDecoder *>decoder, payload, bytes, pcm, samples, 0)
    return samples if samples > 0 else -1


cdef void opus_make_up(void *decoder, const uint8_t *following, int bytes, int16_t *pcm, int n) noexcept nogil:
    cdef int16_t whole[OPUS_MOST_SAMPLES]
    cdef int step = TEN_MS // 4             # libopus makes up multiples of 2.5 ms
    cdef int asked = min((n + step - 1) // step * step, <int>OPUS_MOST_SAMPLES)
    cdef int i, made = -1
    if following != NULL and opus_samples(following, bytes) > 0:
        made = libopus.opus_decode(<libopus.OpusDecoder *>decoder, following, bytes, whole, asked, 1)
    if made < n:
        made = libopus.opus_decode(<libopus.OpusDecoder *>decoder, NULL, 0, whole, asked, 0)
    for i in range(n):
        pcm[i] = whole[i] if i < made else 0


cdef int give_many(libopus.OpusEncoder *encoder, libopus.OpusRepacketizer *repacketizer, const int16_t *pcm, int n,
                   uint8_t *payload, int most) noexcept nogil:
    """Packet times that Opus has no frame for (30, 50 ms): frames of 10 ms in one packet (RFC 6716 §3.2.5)."""
    cdef uint8_t frames[MOST_FRAMES][256]
    cdef int i, bytes
    libopus.opus_repacketizer_init(repacketizer)
    for i in range(n // TEN_MS):
        bytes = libopus.opus_encode(encoder, pcm + i * TEN_MS, TEN_MS, frames[i], sizeof(frames[i]))
        if bytes < 0 or libopus.opus_repacketizer_cat(repacketizer, frames[i], bytes) != libopus.OPUS_OK:
            return -1
    return libopus.opus_repacketizer_out(repacketizer, payload, most)


cdef int opus_give(Packed *encoder, uint8_t *bench, const int16_t *pcm, int n, uint8_t *payload, int most) noexcept nogil:
    cdef bint whole = n == TEN_MS // 4 or n == TEN_MS // 2 or n == TEN_MS or n == 2 * TEN_MS or n == 4 * TEN_MS or n == 6 * TEN_MS
    cdef libopus.OpusEncoder *state
    cdef int bytes
    if not whole and (n <= 0 or n % TEN_MS != 0 or n > OPUS_MOST_SAMPLES):
        return -1
    state = spread_encoder(encoder, bench)
    if whole:
        bytes = libopus.opus_encode(state, pcm, n, payload, most)
    else:
        bytes = give_many(state, <libopus.OpusRepacketizer *>(bench + bench_bytes(encoder_bytes)), pcm, n, payload, most)
    pack(encoder, bench, encoder_bytes)
    return bytes if bytes > 0 else -1
