"""One direction of a leg's secure media: packets in and out under one master key (RFC 3711 §3.3, §3.4; GCM: RFC 7714 §8, §9).

A packet costs one cipher run and, outside GCM, one HMAC whose keyed states are copied. It allocates nothing, a new ssrc included.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

from native.includes cimport libcrypto as crypto
from native.includes.atomics cimport store_release
from native.replay cimport estimate, is_fresh, note, rtcp_is_fresh, rtcp_note
from native.rtp cimport HEADER_BYTES, get16, get32, put32
from native.srtp2 cimport library_close, library_open, library_protect, library_unprotect
from native.srtpkeys cimport (
    DIGEST_BYTES, FINGERPRINT, MOST_PACKET_BYTES, SRTP_AUTH, SRTP_OK, SRTP_OTHER, SRTP_REPLAY, SUITES_END, SessionKeys, Verdict,
    WORD_BYTES, authenticate, derive, derive_session, galois_open, galois_seal, keyed_close, keyed_open, run_counter, suite_of,
)

cdef enum:
    RTCP_HEADER_BYTES = 8       # these stay readable (RFC 3711 §3.4)
    RTP_INDEX_BITS = 48         # as many packets may be sent under one key (RFC 3711 §9.2)
    MOST_RTCP_INDEX = 0x7FFFFFFF

cdef int64_t live = 0           # contexts; the control plane's


def live_contexts():
    """How many contexts are open in this process."""
    return live


# ── contexts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


cdef Context *new_context(int suite, bint inbound) except NULL:
    global live
    cdef Context *self
    if not 0 <= suite < SUITES_END:
        raise ValueError(f"not a number of an SRTP suite: {suite}")
    self = <Context *>calloc(1, sizeof(Context))
    if self == NULL:
        raise MemoryError()
    live += 1
    self.suite_id = suite
    self.suite = suite_of(suite)
    self.inbound = inbound
    return self


cdef Context *context_open(int suite, bytes master, bint inbound, bytes mki, bint by_library, uint32_t ssrc) except NULL:
    cdef SessionKeys keys
    cdef const uint8_t *key = master
    cdef const uint8_t *identifier = mki
    cdef Context *self = new_context(suite, inbound)
    try:
        if len(master) != self.suite.key_bytes + self.suite.salt_bytes:
            raise ValueError(f"an SRTP master key and salt of {len(master)} bytes does not fit its suite")
        if len(mki) > MOST_MKI_BYTES:
            raise ValueError(f"an MKI of {len(mki)} bytes is longer than {<int>MOST_MKI_BYTES}")
        self.mki_bytes = <int>len(mki)
        memcpy(self.mki, identifier, self.mki_bytes)
        derive(self.suite, key, FINGERPRINT, self.fingerprint, FINGERPRINT_BYTES)
        if by_library:
            self.library = library_open(suite, key, inbound, identifier, self.mki_bytes, ssrc)
        else:
            derive_session(self.suite, key, False, &keys)
            keyed_open(&self.rtp, self.suite, suite, &keys, not inbound)
            derive_session(self.suite, key, True, &keys)
            keyed_open(&self.rtcp, self.suite, suite, &keys, not inbound)
    except BaseException:
        context_close(self)
        raise
    finally:
        crypto.OPENSSL_cleanse(&keys, sizeof(SessionKeys))
    return self


cdef Context *context_of_session_keys(int suite, const SessionKeys *keys, bint inbound) except NULL:
    cdef Context *self = new_context(suite, inbound)
    try:
        keyed_open(&self.rtp, self.suite, suite, keys, not inbound)
        keyed_open(&self.rtcp, self.suite, suite, keys, not inbound)
    except BaseException:
        context_close(self)
        raise
    return self


cdef void context_close(Context *self) noexcept nogil:
    global live
    if self == NULL:
        return
    keyed_close(&self.rtp)
    keyed_close(&self.rtcp)
    if self.library != NULL:
        library_close(self.library)
    crypto.OPENSSL_cleanse(self, sizeof(Context))
    free(self)
    live -= 1


cdef bint context_fits(const Context *self, int suite, bytes master, bytes mki) except -1:
    """Whether this is the context of that very key, so that its counters must go on."""
    cdef uint8_t fingerprint[FINGERPRINT_BYTES]
    cdef const uint8_t *key = master
    if self == NULL or self.suite_id != suite or self.mki[:self.mki_bytes] != mki:
        return False
    if len(master) != self.suite.key_bytes + self.suite.salt_bytes:
        return False
    derive(self.suite, key, FINGERPRINT, fingerprint, FINGERPRINT_BYTES)
    return crypto.CRYPTO_memcmp(fingerprint, self.fingerprint, FINGERPRINT_BYTES) == 0


cdef void retire(Context *self) noexcept nogil:
    if self != NULL:
        store_release(&self.retired, 1)


# ── streams ──────────────────────────────────────────────────────────────────────────────────────────────────────────


cdef Stream *find(Context *self, uint32_t ssrc) noexcept nogil:
    cdef int i
    for i in range(STREAMS):
        if self.streams[i].used and self.streams[i].ssrc == ssrc:
            return &self.streams[i]
    return NULL


cdef Stream *claim(Context *self, uint32_t ssrc) noexcept nogil:
    """A place for a new ssrc. NULL: outbound and full, where forgetting a stream would use its keystream again."""
    cdef Stream *oldest = NULL
    cdef int i
    for i in range(STREAMS):
        if not self.streams[i].used:
            oldest = &self.streams[i]
            break
        if oldest == NULL or self.streams[i].heard < oldest.heard:
            oldest = &self.streams[i]
    if oldest.used and not self.inbound:
        return NULL
    memset(oldest, 0, sizeof(Stream))
    oldest.used = True
    oldest.ssrc = ssrc
    return oldest


cdef int64_t index_of(Context *self, uint32_t ssrc, uint16_t sequence) noexcept nogil:
    cdef Stream *stream = find(self, ssrc)
    if stream == NULL or not stream.rtp.started:
        return NO_HINT
    return estimate(&stream.rtp, sequence)


cdef bint has_rolled_over(const Context *self) noexcept nogil:
    cdef int i
    for i in range(STREAMS):
        if self.streams[i].used and self.streams[i].rtp.highest >> 16:
            return True
    return False


cdef inline void touch(Context *self, Stream *stream) noexcept nogil:
    self.clock += 1
    stream.heard = self.clock


# ── RTP ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


cdef inline int header_end(const uint8_t *packet, int n) noexcept nogil:
    """Bytes before what is encrypted: header, CSRCs, extension (RFC 3711 §3.1). -1: not RTP."""
    cdef int end
    if n < HEADER_BYTES or n > MOST_PACKET_BYTES or packet[0] >> 6 != 2:
        return -1
    end = HEADER_BYTES + 4 * (packet[0] & 15)
    if packet[0] & 0x10:
        if end + 4 > n:
            return -1
        end += 4 + 4 * get16(packet + end + 2)
    return end if end <= n else -1


cdef Verdict open_at(Context *self, int64_t index, uint8_t *packet, int start, int end, const uint8_t *tag) noexcept nogil:
    """Check and decrypt a packet whose encrypted part stands from start to end, taking it for that index."""
    cdef uint8_t digest[DIGEST_BYTES]
    cdef uint8_t rollovers[WORD_BYTES]
    cdef uint32_t ssrc = get32(packet + 8)
    if self.suite.aead:
        return galois_open(&self.rtp, ssrc, index, packet, start, NULL, packet + start, end - start, tag)
    put32(rollovers, <uint32_t>(index >> 16))
    authenticate(&self.rtp, packet, end, rollovers, digest)
    if crypto.CRYPTO_memcmp(digest, tag, self.suite.tag_bytes):
        return SRTP_AUTH
    return SRTP_OK if run_counter(&self.rtp, ssrc, index, packet + start, end - start, packet + start) else SRTP_OTHER


cdef Verdict open_first(Context *self, int64_t hint, int64_t *index, uint8_t *packet, int start, int end,
                        const uint8_t *tag) noexcept nogil:
    """A stream's first packet: its rollover counter is not known, and zero most of the time.

    One where the stream began shortly before its sequence numbers wrapped and its first packets were lost or came before the keys.
    The one of the stream before where a re-keying peer goes on counting (RFC 3711 §3.3.1), as some do and some do not.
    """
    cdef uint16_t sequence = get16(packet + 2)
    cdef Verdict verdict
    index[0] = sequence
    verdict = open_at(self, index[0], packet, start, end, tag)
    if verdict == SRTP_AUTH and hint > 0xFFFF:
        index[0] = hint
        verdict = open_at(self, hint, packet, start, end, tag)
    if verdict == SRTP_AUTH and sequence < 0x8000 and hint >> 16 != 1:
        index[0] = 0x10000 | sequence
        verdict = open_at(self, index[0], packet, start, end, tag)
    return verdict


cdef Verdict open_rtp(Context *self, uint8_t *packet, int *n, int64_t hint) noexcept nogil:
    cdef int tag_bytes = self.suite.tag_bytes
    cdef int start = header_end(packet, n[0])
    cdef int end = n[0] - tag_bytes - self.mki_bytes
    cdef const uint8_t *tag
    cdef const uint8_t *mki
    cdef Stream *stream
    cdef Verdict verdict
    cdef int64_t index
    if self.library != NULL:
        return library_unprotect(self.library, packet, n, False, self.mki_bytes != 0)
    if start < 0 or start > end:
        return SRTP_OTHER
    tag = packet + (end if self.suite.aead else end + self.mki_bytes)
    mki = packet + (end + tag_bytes if self.suite.aead else end)
    if memcmp(mki, self.mki, self.mki_bytes):
        return SRTP_AUTH
    stream = find(self, get32(packet + 8))
    if stream != NULL and stream.rtp.started:
        index = estimate(&stream.rtp, get16(packet + 2))
        if not is_fresh(&stream.rtp, index):
            return SRTP_REPLAY
        verdict = open_at(self, index, packet, start, end, tag)
    else:
        verdict = open_first(self, hint, &index, packet, start, end, tag)
    if verdict != SRTP_OK:
        return verdict
    if stream == NULL:
        stream = claim(self, get32(packet + 8))
    note(&stream.rtp, index)
    touch(self, stream)
    n[0] = end
    return SRTP_OK


cdef Verdict seal_rtp(Context *self, const uint8_t *packet, int *n, uint8_t *sealed) noexcept nogil:
    cdef uint8_t digest[DIGEST_BYTES]
    cdef uint8_t rollovers[WORD_BYTES]
    cdef int start = header_end(packet, n[0]), end = n[0]
    cdef uint32_t ssrc
    cdef int64_t index
    cdef Stream *stream
    if self.library != NULL:
        return library_protect(self.library, packet, n, sealed, False)
    if start < 0:
        return SRTP_OTHER
    ssrc = get32(packet + 8)
    stream = find(self, ssrc)
    if stream == NULL:
        stream = claim(self, ssrc)
    if stream == NULL:
        return SRTP_OTHER
    index = estimate(&stream.rtp, get16(packet + 2))
    if index >> RTP_INDEX_BITS:
        return SRTP_OTHER
    if not is_fresh(&stream.rtp, index):                    # the same keystream over another payload would give both away
        return SRTP_REPLAY
    if stream.rtp.started and index - stream.rtp.highest > 0x8000:          # from before the first: the far side would lose count
        return SRTP_REPLAY
    if packet != sealed:
        memcpy(sealed, packet, start)
    if self.suite.aead:
        if not galois_seal(&self.rtp, ssrc, index, packet, start, NULL, packet + start, end - start, sealed + start, sealed + end):
            return SRTP_OTHER
    else:
        if not run_counter(&self.rtp, ssrc, index, packet + start, end - start, sealed + start):
            return SRTP_OTHER
        put32(rollovers, <uint32_t>(index >> 16))
        authenticate(&self.rtp, sealed, end, rollovers, digest)
        memcpy(sealed + end, digest, self.suite.tag_bytes)
    note(&stream.rtp, index)
    touch(self, stream)
    n[0] = end + self.suite.tag_bytes
    return SRTP_OK


# ── RTCP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


cdef Verdict open_rtcp(Context *self, uint8_t *packet, int *n) noexcept nogil:
    """What follows the packet: AES-CM: E and index, MKI, tag (RFC 3711 §3.4); GCM: tag, E and index, MKI (RFC 7714 §9.2)."""
    cdef int tag_bytes = self.suite.rtcp_tag_bytes
    cdef int end = n[0] - tag_bytes - WORD_BYTES - self.mki_bytes
    cdef uint8_t digest[DIGEST_BYTES]
    cdef const uint8_t *word
    cdef const uint8_t *tag
    cdef Stream *stream
    cdef Verdict verdict
    cdef uint32_t ssrc
    cdef int64_t index
    cdef bint encrypted
    if self.library != NULL:
        return library_unprotect(self.library, packet, n, True, self.mki_bytes != 0)
    if end < RTCP_HEADER_BYTES or n[0] > MOST_PACKET_BYTES or packet[0] >> 6 != 2:
        return SRTP_OTHER
    word = packet + (end + tag_bytes if self.suite.aead else end)
    tag = packet + (end if self.suite.aead else end + WORD_BYTES + self.mki_bytes)
    if memcmp(word + WORD_BYTES, self.mki, self.mki_bytes):
        return SRTP_AUTH
    encrypted = word[0] >> 7
    index = get32(word) & MOST_RTCP_INDEX
    ssrc = get32(packet + 4)
    stream = find(self, ssrc)
    if stream != NULL and not rtcp_is_fresh(&stream.rtcp, index):
        return SRTP_REPLAY
    if self.suite.aead:
        verdict = galois_open(&self.rtcp, ssrc, index, packet, RTCP_HEADER_BYTES if encrypted else end, word,
                              packet + RTCP_HEADER_BYTES, end - RTCP_HEADER_BYTES if encrypted else 0, tag)
        if verdict != SRTP_OK:
            return verdict
    else:
        authenticate(&self.rtcp, packet, end, word, digest)
        if crypto.CRYPTO_memcmp(digest, tag, tag_bytes):
            return SRTP_AUTH
        if encrypted and not run_counter(&self.rtcp, ssrc, index, packet + RTCP_HEADER_BYTES, end - RTCP_HEADER_BYTES,
                                         packet + RTCP_HEADER_BYTES):
            return SRTP_OTHER
    if stream == NULL:
        stream = claim(self, ssrc)
    rtcp_note(&stream.rtcp, index)
    touch(self, stream)
    n[0] = end
    return SRTP_OK


cdef Verdict seal_rtcp(Context *self, const uint8_t *packet, int *n, uint8_t *sealed) noexcept nogil:
    cdef uint8_t digest[DIGEST_BYTES]
    cdef uint8_t word[WORD_BYTES]
    cdef int end = n[0]
    cdef uint32_t ssrc
    cdef Stream *stream
    if self.library != NULL:
        return library_protect(self.library, packet, n, sealed, True)
    if end < RTCP_HEADER_BYTES or end > MOST_PACKET_BYTES or packet[0] >> 6 != 2:
        return SRTP_OTHER
    ssrc = get32(packet + 4)
    stream = find(self, ssrc)
    if stream == NULL:
        stream = claim(self, ssrc)
    if stream == NULL or stream.rtcp_index > MOST_RTCP_INDEX:
        return SRTP_OTHER
    put32(word, <uint32_t>stream.rtcp_index)
    word[0] |= 0x80                                         # encrypted
    if packet != sealed:
        memcpy(sealed, packet, RTCP_HEADER_BYTES)
    if self.suite.aead:
        if not galois_seal(&self.rtcp, ssrc, stream.rtcp_index, packet, RTCP_HEADER_BYTES, word, packet + RTCP_HEADER_BYTES,
                           end - RTCP_HEADER_BYTES, sealed + RTCP_HEADER_BYTES, sealed + end):
            return SRTP_OTHER
        memcpy(sealed + end + self.suite.rtcp_tag_bytes, word, WORD_BYTES)
    else:
        if not run_counter(&self.rtcp, ssrc, stream.rtcp_index, packet + RTCP_HEADER_BYTES, end - RTCP_HEADER_BYTES,
                           sealed + RTCP_HEADER_BYTES):
            return SRTP_OTHER
        authenticate(&self.rtcp, sealed, end, word, digest)
        memcpy(sealed + end, word, WORD_BYTES)
        memcpy(sealed + end + WORD_BYTES, digest, self.suite.rtcp_tag_bytes)
    stream.rtcp_index += 1
    touch(self, stream)
    n[0] = end + self.suite.rtcp_tag_bytes + WORD_BYTES
    return SRTP_OK
