"""OpenSSL's libcrypto: AES in counter and Galois/counter mode, SHA-1, and the wiping of memory.

The low-level SHA-1 is used on purpose: its state is plain memory, so a keyed state is copied without an allocation.
OpenSSL 3's EVP_MAC allocates twice for each packet.
"""
from libc.stdint cimport uint8_t

cdef extern from *:
    """
    #define OPENSSL_SUPPRESS_DEPRECATED
    """

cdef extern from "<openssl/evp.h>" nogil:
    ctypedef struct EVP_CIPHER:
        pass
    ctypedef struct EVP_CIPHER_CTX:
        pass
    ctypedef struct ENGINE:
        pass
    enum:
        EVP_CTRL_AEAD_GET_TAG
        EVP_CTRL_AEAD_SET_TAG
    const EVP_CIPHER *EVP_aes_128_ctr()
    const EVP_CIPHER *EVP_aes_256_ctr()
    const EVP_CIPHER *EVP_aes_128_gcm()
    const EVP_CIPHER *EVP_aes_256_gcm()
    EVP_CIPHER_CTX *EVP_CIPHER_CTX_new()
    void EVP_CIPHER_CTX_free(EVP_CIPHER_CTX *context)
    int EVP_CipherInit_ex(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, ENGINE *engine, const uint8_t *key, const uint8_t *iv,
                          int encrypt)
    int EVP_CipherUpdate(EVP_CIPHER_CTX *context, uint8_t *out, int *out_bytes, const uint8_t *data, int n)
    int EVP_CipherFinal_ex(EVP_CIPHER_CTX *context, uint8_t *out, int *out_bytes)
    int EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *context, int what, int n, void *data)

cdef extern from "<openssl/sha.h>" nogil:
    ctypedef struct SHA_CTX:
        pass
    int SHA1_Init(SHA_CTX *state)
    int SHA1_Update(SHA_CTX *state, const void *data, size_t n)
    int SHA1_Final(uint8_t *digest, SHA_CTX *state)

cdef extern from "<openssl/crypto.h>" nogil:
    void OPENSSL_cleanse(void *memory, size_t n)
    int CRYPTO_memcmp(const void *a, const void *b, size_t n)
