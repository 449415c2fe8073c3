"""libsrtp2 (Cisco), as the system ships it."""
from libc.stdint cimport uint32_t

cdef extern from "<srtp2/srtp.h>" nogil:
    ctypedef struct srtp_ctx_t:
        pass
    ctypedef srtp_ctx_t *srtp_t
    ctypedef enum srtp_err_status_t:
        srtp_err_status_ok
        srtp_err_status_init_fail
        srtp_err_status_auth_fail
        srtp_err_status_replay_fail
        srtp_err_status_replay_old
        srtp_err_status_fail
        srtp_err_status_bad_mki
    ctypedef enum srtp_ssrc_type_t:
        ssrc_specific
        ssrc_any_inbound
        ssrc_any_outbound
    ctypedef struct srtp_ssrc_t:
        srtp_ssrc_type_t type
        unsigned int value
    ctypedef struct srtp_crypto_policy_t:
        int cipher_key_len
    ctypedef struct srtp_master_key_t:
        unsigned char *key
        unsigned char *mki_id
        unsigned int mki_size
    ctypedef struct srtp_policy_t:
        srtp_ssrc_t ssrc
        srtp_crypto_policy_t rtp
        srtp_crypto_policy_t rtcp
        unsigned char *key
        srtp_master_key_t **keys
        unsigned long num_master_keys
        unsigned long window_size
        int allow_repeat_tx
    srtp_err_status_t srtp_init()
    srtp_err_status_t srtp_create(srtp_t *session, const srtp_policy_t *policy)
    srtp_err_status_t srtp_dealloc(srtp_t session)
    srtp_err_status_t srtp_protect(srtp_t session, void *packet, int *n)
    srtp_err_status_t srtp_unprotect_mki(srtp_t session, void *packet, int *n, unsigned int use_mki)
    srtp_err_status_t srtp_protect_rtcp(srtp_t session, void *packet, int *n)
    srtp_err_status_t srtp_unprotect_rtcp_mki(srtp_t session, void *packet, int *n, unsigned int use_mki)
    void srtp_crypto_policy_set_rtp_default(srtp_crypto_policy_t *policy)
    void srtp_crypto_policy_set_rtcp_default(srtp_crypto_policy_t *policy)
    void srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(srtp_crypto_policy_t *policy)
    void srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(srtp_crypto_policy_t *policy)
    void srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(srtp_crypto_policy_t *policy)
    void srtp_crypto_policy_set_aes_gcm_128_16_auth(srtp_crypto_policy_t *policy)
    void srtp_crypto_policy_set_aes_gcm_256_16_auth(srtp_crypto_policy_t *policy)
