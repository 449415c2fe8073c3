"""Crypto suites of SRTP, their session keys and transforms (RFC 3711 §4; AES-256: RFC 6188; GCM: RFC 7714), on libcrypto.

Keys are derived once: a key derivation rate other than zero (RFC 3711 §4.3.1) is not offered and not accepted.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from native.includes cimport libcrypto as crypto
from native.rtp cimport get16, get32, put16, put32

VERDICTS = {SRTP_AUTH: "srtp_auth", SRTP_REPLAY: "srtp_replay", SRTP_OTHER: "srtp_other"}
"""Counter names by verdict; the same in metrics, logs and console."""

cdef Suite[<int>SUITES_END] table
#                              key salt tag rtcp-tag aead
table[<int>AES_CM_128_HMAC_SHA1_80] = Suite(16, 14, 10, 10, False)
table[<int>AES_CM_128_HMAC_SHA1_32] = Suite(16, 14, 4, 10, False)        # the short tag is RTP's alone (RFC 4568 §6.2.2)
table[<int>AES_256_CM_HMAC_SHA1_80] = Suite(32, 14, 10, 10, False)
table[<int>AES_256_CM_HMAC_SHA1_32] = Suite(32, 14, 4, 10, False)
table[<int>AEAD_AES_128_GCM] = Suite(16, 12, 16, 16, True)
table[<int>AEAD_AES_256_GCM] = Suite(32, 12, 16, 16, True)

NAMES = {
    "AES_CM_128_HMAC_SHA1_80": <int>AES_CM_128_HMAC_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": AES_CM_128_HMAC_SHA1_32,
    "AES_256_CM_HMAC_SHA1_80": AES_256_CM_HMAC_SHA1_80,
    "AES_256_CM_HMAC_SHA1_32": AES_256_CM_HMAC_SHA1_32,
    "AEAD_AES_128_GCM": AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": AEAD_AES_256_GCM,
}
"""Numbers of the suites by the names that SDP gives them (RFC 4568, RFC 6188, RFC 7714)."""

MASTER_BYTES = {name: table[number].key_bytes + table[number].salt_bytes for name, number in NAMES.items()}
"""Bytes of a suite's master key and salt together."""


cdef const Suite *suite_of(int suite) noexcept nogil:
    return &table[suite]


cdef const crypto.EVP_CIPHER *counter_mode(const Suite *suite) noexcept nogil:
    return crypto.EVP_aes_128_ctr() if suite.key_bytes == 16 else crypto.EVP_aes_256_ctr()


cdef const crypto.EVP_CIPHER *galois_mode(const Suite *suite) noexcept nogil:
    return crypto.EVP_aes_128_gcm() if suite.key_bytes == 16 else crypto.EVP_aes_256_gcm()


cdef int derive(const Suite *suite, const uint8_t *master, int label, uint8_t *key, int n) except -1:
    cdef uint8_t iv[16]
    cdef crypto.EVP_CIPHER_CTX *cipher = crypto.EVP_CIPHER_CTX_new()
    cdef int written = 0, done
    memset(iv, 0, 16)
    memcpy(iv, master + suite.key_bytes, suite.salt_bytes)
    iv[7] ^= <uint8_t>label                                 # §4.3.1: the label stands in front of a 48-bit index, which is 0
    memset(key, 0, n)
    done = cipher != NULL and crypto.EVP_CipherInit_ex(cipher, counter_mode(suite), NULL, master, iv, 1) and \
        crypto.EVP_CipherUpdate(cipher, key, &written, key, n)
    crypto.EVP_CIPHER_CTX_free(cipher)
    if not done or written != n:
        raise RuntimeError("libcrypto refuses to derive an SRTP session key")
    return 0


cdef int derive_session(const Suite *suite, const uint8_t *master, bint rtcp, SessionKeys *keys) except -1:
    cdef int first = <int>RTCP_ENCRYPTION if rtcp else <int>RTP_ENCRYPTION
    memset(keys, 0, sizeof(SessionKeys))
    derive(suite, master, first, keys.encryption, suite.key_bytes)
    if not suite.aead:
        derive(suite, master, first + 1, keys.authentication, AUTH_KEY_BYTES)
    derive(suite, master, first + 2, keys.salt, suite.salt_bytes)
    return 0


cdef int keyed_open(Keyed *self, const Suite *suite, int suite_id, const SessionKeys *keys, bint encrypts) except -1:
    cdef const crypto.EVP_CIPHER *cipher
    cdef uint8_t pad[64]
    cdef int i
    memset(self, 0, sizeof(Keyed))
    memcpy(self.salt, keys.salt, suite.salt_bytes)
    self.cipher = crypto.EVP_CIPHER_CTX_new()
    if self.cipher == NULL:
        raise MemoryError()
    cipher = galois_mode(suite) if suite.aead else counter_mode(suite)
    if not crypto.EVP_CipherInit_ex(self.cipher, cipher, NULL, keys.encryption, NULL, encrypts or not suite.aead):
        raise RuntimeError(f"libcrypto has no cipher for SRTP suite {suite_id}")
    for i in range(64):
        pad[i] = 0x36 ^ (keys.authentication[i] if i < AUTH_KEY_BYTES else 0)
    crypto.SHA1_Init(&self.inner)
    crypto.SHA1_Update(&self.inner, pad, 64)
    for i in range(64):
        pad[i] ^= 0x36 ^ 0x5C
    crypto.SHA1_Init(&self.outer)
    crypto.SHA1_Update(&self.outer, pad, 64)
    crypto.OPENSSL_cleanse(pad, 64)
    return 0


cdef void keyed_close(Keyed *self) noexcept nogil:
    crypto.EVP_CIPHER_CTX_free(self.cipher)                        # wipes its key schedule; NULL is allowed
    crypto.OPENSSL_cleanse(self, sizeof(Keyed))


# ── transforms ───────────────────────────────────────────────────────────────────────────────────────────────────────


cdef inline bint set_vector(const Keyed *self, bint aead, uint32_t ssrc, int64_t index, int encrypt) noexcept nogil:
    """Start the cipher at a packet: salt, ssrc and index together make its vector (RFC 3711 §4.1.1, RFC 7714 §8.1, §9.1)."""
    cdef uint8_t iv[16]
    cdef int at = 2 if aead else 4                          # GCM's vector has 12 bytes, AES-CM's 16
    memcpy(iv, self.salt, 16)
    put32(iv + at, get32(iv + at) ^ ssrc)
    put16(iv + at + 4, get16(iv + at + 4) ^ <uint16_t>(index >> 32))
    put32(iv + at + 6, get32(iv + at + 6) ^ <uint32_t>index)
    return crypto.EVP_CipherInit_ex(self.cipher, NULL, NULL, NULL, iv, encrypt)


cdef bint run_counter(const Keyed *self, uint32_t ssrc, int64_t index, const uint8_t *data, int n, uint8_t *out) noexcept nogil:
    cdef int written = 0
    if n == 0:
        return True
    return set_vector(self, False, ssrc, index, 1) and crypto.EVP_CipherUpdate(self.cipher, out, &written, data, n)


cdef void authenticate(const Keyed *self, const uint8_t *data, int n, const uint8_t *word, uint8_t *digest) noexcept nogil:
    cdef crypto.SHA_CTX state = self.inner
    crypto.SHA1_Update(&state, data, n)
    crypto.SHA1_Update(&state, word, WORD_BYTES)
    crypto.SHA1_Final(digest, &state)
    state = self.outer
    crypto.SHA1_Update(&state, digest, DIGEST_BYTES)
    crypto.SHA1_Final(digest, &state)


cdef bint galois_seal(const Keyed *self, uint32_t ssrc, int64_t index, const uint8_t *clear, int clear_bytes, const uint8_t *word,
                      const uint8_t *data, int n, uint8_t *out, uint8_t *tag) noexcept nogil:
    cdef int written = 0
    return set_vector(self, True, ssrc, index, 1) \
        and crypto.EVP_CipherUpdate(self.cipher, NULL, &written, clear, clear_bytes) \
        and (word == NULL or crypto.EVP_CipherUpdate(self.cipher, NULL, &written, word, WORD_BYTES)) \
        and (n == 0 or crypto.EVP_CipherUpdate(self.cipher, out, &written, data, n)) \
        and crypto.EVP_CipherFinal_ex(self.cipher, out + n, &written) \
        and crypto.EVP_CIPHER_CTX_ctrl(self.cipher, crypto.EVP_CTRL_AEAD_GET_TAG, 16, tag)


cdef Verdict galois_open(const Keyed *self, uint32_t ssrc, int64_t index, const uint8_t *clear, int clear_bytes,
                         const uint8_t *word, uint8_t *data, int n, const uint8_t *tag) noexcept nogil:
    cdef uint8_t plain[MOST_PACKET_BYTES]                  # whether the tag is right is known at the end only
    cdef int written = 0
    if not (set_vector(self, True, ssrc, index, 0)
            and crypto.EVP_CipherUpdate(self.cipher, NULL, &written, clear, clear_bytes)
            and (word == NULL or crypto.EVP_CipherUpdate(self.cipher, NULL, &written, word, WORD_BYTES))
            and (n == 0 or crypto.EVP_CipherUpdate(self.cipher, plain, &written, data, n))
            and crypto.EVP_CIPHER_CTX_ctrl(self.cipher, crypto.EVP_CTRL_AEAD_SET_TAG, 16, <void *>tag)):
        return SRTP_OTHER
    if crypto.EVP_CipherFinal_ex(self.cipher, plain + n, &written) <= 0:
        return SRTP_AUTH
    memcpy(data, plain, n)
    return SRTP_OK


def derived(str name, bytes master, int label, int n):
    """n bytes of the session key with this label (RFC 3711 §4.3.1), for tests. KeyError, ValueError where they cannot be."""
    cdef const Suite *suite = suite_of(NAMES[name])
    cdef uint8_t key[128]
    if len(master) != suite.key_bytes + suite.salt_bytes or not 0 < n <= 128:
        raise ValueError(f"{name} has a master key and salt of {MASTER_BYTES[name]} bytes, and at most 128 are derived")
    derive(suite, master, label, key, n)
    return key[:n]
