"""Crypto suites of SRTP, their session keys, and what these do to bytes (RFC 3711 §4, RFC 6188, RFC 7714)."""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from native.includes.libcrypto cimport EVP_CIPHER_CTX, SHA_CTX

cdef enum SuiteId:
    AES_CM_128_HMAC_SHA1_80
    AES_CM_128_HMAC_SHA1_32
    AES_256_CM_HMAC_SHA1_80
    AES_256_CM_HMAC_SHA1_32
    AEAD_AES_128_GCM
    AEAD_AES_256_GCM
    SUITES_END

cdef enum Verdict:              # on a packet; the names are in `srtpkeys.VERDICTS`
    SRTP_OK = 0
    SRTP_AUTH                   # not made with the key that was negotiated, or changed on its way
    SRTP_REPLAY                 # seen before, or older than the window; outbound: this number was used
    SRTP_OTHER                  # too short, too long, no RTP, or libcrypto refused

cdef enum:
    AUTH_KEY_BYTES = 20
    DIGEST_BYTES = 20
    WORD_BYTES = 4              # rollover counter, or RTCP's E bit and index
    SALT_BYTES = 14             # RFC 7714's 12 are filled up with zeros
    MOST_PACKET_BYTES = 2048

cdef enum Label:                # RFC 3711 §4.3.1
    RTP_ENCRYPTION = 0
    RTP_AUTHENTICATION
    RTP_SALT
    RTCP_ENCRYPTION
    RTCP_AUTHENTICATION
    RTCP_SALT
    FINGERPRINT = 0xFF          # ours: tells two master keys apart without keeping them

cdef struct Suite:
    int key_bytes
    int salt_bytes
    int tag_bytes               # behind an RTP packet
    int rtcp_tag_bytes
    bint aead                   # GCM: one operation encrypts and authenticates

cdef struct SessionKeys:        # of RTP or RTCP, as derived; wipe after use
    uint8_t encryption[32]
    uint8_t authentication[AUTH_KEY_BYTES]
    uint8_t salt[SALT_BYTES]

cdef struct Keyed:              # the same, ready for packets
    EVP_CIPHER_CTX *cipher
    SHA_CTX inner               # SHA-1 after the inner padded key (RFC 2104)
    SHA_CTX outer
    uint8_t salt[16]            # the last two bytes are zero

cdef const Suite *suite_of(int suite) noexcept nogil
# n bytes of the key with this label from a master key and salt. RuntimeError where libcrypto fails.
cdef int derive(const Suite *suite, const uint8_t *master, int label, uint8_t *key, int n) except -1
cdef int derive_session(const Suite *suite, const uint8_t *master, bint rtcp, SessionKeys *keys) except -1
# Allocates; all that packets need. Then `keyed_close`, which wipes; also where this raises RuntimeError.
cdef int keyed_open(Keyed *self, const Suite *suite, int suite_id, const SessionKeys *keys, bint encrypts) except -1
cdef void keyed_close(Keyed *self) noexcept nogil

# AES in counter mode over n bytes, which encrypts and decrypts; `data` may be `out`. False: libcrypto failed.
cdef bint run_counter(const Keyed *self, uint32_t ssrc, int64_t index, const uint8_t *data, int n, uint8_t *out) noexcept nogil
# HMAC-SHA1 (RFC 2104) over n bytes and the word behind them.
cdef void authenticate(const Keyed *self, const uint8_t *data, int n, const uint8_t *word, uint8_t *digest) noexcept nogil
# AES-GCM. `clear` and `word` (NULL: none) are authenticated only. n <= MOST_PACKET_BYTES.
cdef bint galois_seal(const Keyed *self, uint32_t ssrc, int64_t index, const uint8_t *clear, int clear_bytes, const uint8_t *word,
                      const uint8_t *data, int n, uint8_t *out, uint8_t *tag) noexcept nogil
# In place; nothing is changed unless SRTP_OK.
cdef Verdict galois_open(const Keyed *self, uint32_t ssrc, int64_t index, const uint8_t *clear, int clear_bytes,
                         const uint8_t *word, uint8_t *data, int n, const uint8_t *tag) noexcept nogil
