"""spandsp: keys in the audio (ITU-T Q.23, Q.24)."""
from libc.stdint cimport int16_t

cdef extern from "<spandsp.h>" nogil:
    ctypedef struct dtmf_rx_state_t:
        pass
    ctypedef void (*digits_rx_callback_t)(void *user, const char *digits, int n)
    dtmf_rx_state_t *dtmf_rx_init(dtmf_rx_state_t *state, digits_rx_callback_t callback, void *user)
    int dtmf_rx(dtmf_rx_state_t *state, const int16_t *pcm, int n)
    int dtmf_rx_status(dtmf_rx_state_t *state)
    size_t dtmf_rx_get(dtmf_rx_state_t *state, char *digits, int most)
    int dtmf_rx_free(dtmf_rx_state_t *state)
