"""SRTP by libsrtp2."""
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy, memset

from native.includes cimport srtp2 as lib
from native.includes.srtp2 cimport srtp_crypto_policy_t, srtp_err_status_t, srtp_master_key_t, srtp_policy_t, srtp_t
from native.replay cimport WINDOW
from native.srtpkeys cimport (
    AEAD_AES_128_GCM, AEAD_AES_256_GCM, AES_256_CM_HMAC_SHA1_32, AES_256_CM_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32,
    MOST_PACKET_BYTES, SRTP_AUTH, SRTP_OK, SRTP_OTHER, SRTP_REPLAY, Verdict,
)

cdef enum:
    LEAST_BYTES = 12            # which the library does not always look at by itself


cdef void set_policy(int suite, srtp_crypto_policy_t *rtp, srtp_crypto_policy_t *rtcp) noexcept nogil:
    if suite == AEAD_AES_128_GCM:
        lib.srtp_crypto_policy_set_aes_gcm_128_16_auth(rtp)
        lib.srtp_crypto_policy_set_aes_gcm_128_16_auth(rtcp)
    elif suite == AEAD_AES_256_GCM:
        lib.srtp_crypto_policy_set_aes_gcm_256_16_auth(rtp)
        lib.srtp_crypto_policy_set_aes_gcm_256_16_auth(rtcp)
    elif suite == AES_256_CM_HMAC_SHA1_80 or suite == AES_256_CM_HMAC_SHA1_32:
        lib.srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(rtcp)
        lib.srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(rtp)
        if suite == AES_256_CM_HMAC_SHA1_32:
            lib.srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(rtp)
    else:
        lib.srtp_crypto_policy_set_rtcp_default(rtcp)
        lib.srtp_crypto_policy_set_rtp_default(rtp)
        if suite == AES_CM_128_HMAC_SHA1_32:
            lib.srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(rtp)


cdef srtp_t library_open(int suite, const uint8_t *master, bint inbound, const uint8_t *mki, int mki_bytes,
                         uint32_t ssrc) except NULL:
    cdef srtp_policy_t policy
    cdef srtp_master_key_t key
    cdef srtp_master_key_t *keys = &key
    cdef srtp_t session = NULL
    cdef srtp_err_status_t status
    memset(&policy, 0, sizeof(srtp_policy_t))
    set_policy(suite, &policy.rtp, &policy.rtcp)
    key.key = <unsigned char *>master
    key.mki_id = <unsigned char *>mki
    key.mki_size = mki_bytes
    if mki_bytes:
        policy.keys = &keys
        policy.num_master_keys = 1
    else:
        policy.key = <unsigned char *>master
    policy.window_size = WINDOW
    if inbound:
        policy.ssrc.type = lib.ssrc_any_inbound
    elif ssrc:
        policy.ssrc.type = lib.ssrc_specific
        policy.ssrc.value = ssrc
    else:
        policy.ssrc.type = lib.ssrc_any_outbound
    with nogil:                                             # on NSS this takes 2 ms
        status = lib.srtp_create(&session, &policy)
        if status != lib.srtp_err_status_ok:                # not started yet, or PJSIP has shut it down meanwhile
            lib.srtp_init()
            status = lib.srtp_create(&session, &policy)
    if status != lib.srtp_err_status_ok:
        raise RuntimeError(f"libsrtp2 does not support SRTP suite {suite} (its error {<int>status})")
    return session


cdef void library_close(srtp_t self) noexcept nogil:
    lib.srtp_dealloc(self)                                  # wipes its keys


cdef Verdict verdict_of(lib.srtp_err_status_t status) noexcept nogil:
    if status == lib.srtp_err_status_ok:
        return SRTP_OK
    if status == lib.srtp_err_status_replay_fail or status == lib.srtp_err_status_replay_old:
        return SRTP_REPLAY
    if status == lib.srtp_err_status_auth_fail or status == lib.srtp_err_status_bad_mki:
        return SRTP_AUTH
    return SRTP_OTHER


cdef Verdict library_unprotect(srtp_t self, uint8_t *packet, int *n, bint rtcp, bint with_mki) noexcept nogil:
    """Beside the packet first: with GCM the library may spoil what it refuses."""
    cdef uint8_t plain[MOST_PACKET_BYTES]
    cdef int bytes_left = n[0]
    cdef Verdict verdict
    if bytes_left < LEAST_BYTES or bytes_left > MOST_PACKET_BYTES:
        return SRTP_OTHER
    memcpy(plain, packet, bytes_left)
    if rtcp:
        verdict = verdict_of(lib.srtp_unprotect_rtcp_mki(self, plain, &bytes_left, with_mki))
    else:
        verdict = verdict_of(lib.srtp_unprotect_mki(self, plain, &bytes_left, with_mki))
    if verdict == SRTP_OK:
        memcpy(packet, plain, bytes_left)
        n[0] = bytes_left
    return verdict


cdef Verdict library_protect(srtp_t self, const uint8_t *packet, int *n, uint8_t *sealed, bint rtcp) noexcept nogil:
    cdef int length = n[0]
    cdef Verdict verdict
    if length < LEAST_BYTES or length > MOST_PACKET_BYTES:
        return SRTP_OTHER
    if packet != sealed:
        memcpy(sealed, packet, length)
    if rtcp:
        verdict = verdict_of(lib.srtp_protect_rtcp(self, sealed, &length))
    else:
        verdict = verdict_of(lib.srtp_protect(self, sealed, &length))
    if verdict == SRTP_OK:
        n[0] = length
    return verdict
