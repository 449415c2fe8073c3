/* SRTP for the load (libsrtp), so that the load costs no more than it does with plain RTP: every packet is protected before the first is
 * sent, whatever comes is put aside, and is opened after the last.
 *
 * The master key and salt of leg N: byte i is 31 N + 7 i + 13, and 101 more for what the device sends (devices.py has it, too).
 */
#include <srtp2/srtp.h>

enum { SEALED_MOST = 192, SEALED_KEY = 30 };

struct sealed { uint8_t bytes[SEALED_MOST]; uint16_t length; };
struct arrival { int leg; int64_t at_ns; struct sealed packet; };

static srtp_t session(const char *suite, int leg, int devices) {
    uint8_t key[SEALED_KEY];
    for (int i = 0; i < SEALED_KEY; i++) key[i] = 31 * leg + 7 * i + 13 + (devices ? 101 : 0);
    srtp_policy_t policy; memset(&policy, 0, sizeof policy);
    if (strcmp(suite, "AES_CM_128_HMAC_SHA1_80") == 0) srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
    else if (strcmp(suite, "AEAD_AES_128_GCM") == 0) srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
    else { fprintf(stderr, "no suite %s\n", suite); exit(1); }
    policy.rtcp = policy.rtp;
    policy.ssrc.type = devices ? ssrc_any_inbound : ssrc_any_outbound;
    policy.key = key; policy.window_size = 1024;
    srtp_t made;
    if (srtp_create(&made, &policy)) { fprintf(stderr, "srtp_create failed\n"); exit(1); }
    return made;
}

static void seal(srtp_t by, struct sealed *into, const uint8_t *packet, int length) {
    memcpy(into->bytes, packet, length);
    if (srtp_protect(by, into->bytes, &length)) { fprintf(stderr, "srtp_protect failed\n"); exit(1); }
    into->length = length;
}

/* The length of the packet that was in it; 0 for what is not the device's or comes again. */
static int opened(srtp_t by, struct sealed *packet) {
    int length = packet->length;
    return srtp_unprotect(by, packet->bytes, &length) ? 0 : length;
}
