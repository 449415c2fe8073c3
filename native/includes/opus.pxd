"""libopus. All state lies in memory that the caller gives; a copy of it by memcpy is a second one (opus.h)."""
from libc.stdint cimport int16_t, int32_t, uint8_t

cdef extern from "<opus.h>" nogil:
    ctypedef struct OpusEncoder:
        pass
    ctypedef struct OpusDecoder:
        pass
    ctypedef struct OpusRepacketizer:
        pass
    enum:
        OPUS_OK
        OPUS_APPLICATION_VOIP
        OPUS_APPLICATION_RESTRICTED_LOWDELAY
        OPUS_BANDWIDTH_WIDEBAND
        OPUS_SIGNAL_VOICE
        OPUS_SET_BITRATE_REQUEST
        OPUS_SET_BANDWIDTH_REQUEST
        OPUS_SET_COMPLEXITY_REQUEST
        OPUS_SET_DTX_REQUEST
        OPUS_SET_INBAND_FEC_REQUEST
        OPUS_SET_PACKET_LOSS_PERC_REQUEST
        OPUS_SET_PREDICTION_DISABLED_REQUEST
        OPUS_SET_SIGNAL_REQUEST
        OPUS_GET_LOOKAHEAD_REQUEST
    int opus_encoder_get_size(int channels)
    int opus_encoder_init(OpusEncoder *encoder, int32_t rate_hz, int channels, int application)
    int opus_encoder_ctl(OpusEncoder *encoder, int request, ...)
    int32_t opus_encode(OpusEncoder *encoder, const int16_t *pcm, int frame_size, uint8_t *payload, int32_t most)
    int opus_decoder_get_size(int channels)
    int opus_decoder_init(OpusDecoder *decoder, int32_t rate_hz, int channels)
    int opus_decode(OpusDecoder *decoder, const uint8_t *payload, int32_t bytes, int16_t *pcm, int frame_size, int fec)
    int opus_packet_get_nb_samples(const uint8_t *payload, int32_t bytes, int32_t rate_hz)
    int opus_repacketizer_get_size()
    OpusRepacketizer *opus_repacketizer_init(OpusRepacketizer *repacketizer)
    int opus_repacketizer_cat(OpusRepacketizer *repacketizer, const uint8_t *payload, int32_t bytes)
    int32_t opus_repacketizer_out(OpusRepacketizer *repacketizer, uint8_t *payload, int32_t most)
