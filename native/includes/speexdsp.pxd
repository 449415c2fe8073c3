"""libspeexdsp: the resampler."""
from libc.stdint cimport int16_t, uint32_t

cdef extern from "<speex/speex_resampler.h>" nogil:
    ctypedef struct SpeexResamplerState:
        pass
    SpeexResamplerState *speex_resampler_init(uint32_t channels, uint32_t in_hz, uint32_t out_hz, int quality, int *error)
    void speex_resampler_destroy(SpeexResamplerState *state)
    int speex_resampler_process_int(SpeexResamplerState *state, uint32_t channel, const int16_t *pcm, uint32_t *taken, int16_t *out,
                                    uint32_t *given)
    int speex_resampler_get_input_latency(SpeexResamplerState *state)
    int speex_resampler_get_output_latency(SpeexResamplerState *state)
    int speex_resampler_reset_mem(SpeexResamplerState *state)
