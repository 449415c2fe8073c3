"""Secure RTP and RTCP of one leg (RFC 3711; AES-256: RFC 6188; GCM: RFC 7714).

Re-keying (a re-INVITE with another key): a new context is opened beside the old one, the media thread goes over between two
packets, and what comes under the old key is heard until the first packet under the new one. A key that stays keeps its context:
to begin its counters anew would use its keystream twice.
"""
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from native.includes.atomics cimport load_acquire
from native.includes.libcrypto cimport OPENSSL_cleanse
from native.includes.net cimport now_ns
from native.rtp cimport HEADER_BYTES, get16, get32, put16
from native.srtpcontext cimport (
    Context, NO_HINT, context_close, context_fits, context_of_session_keys, context_open, has_rolled_over, index_of, open_rtcp,
    open_rtp, retire, seal_rtcp, seal_rtp,
)
from native.srtpkeys cimport AUTH_KEY_BYTES, MOST_PACKET_BYTES, SALT_BYTES, SRTP_AUTH, SRTP_OK, SessionKeys, Verdict

from native.srtpkeys import MASTER_BYTES, NAMES, VERDICTS

cdef enum:
    BATCH = 1000                # packets of one measurement


# ── control plane ────────────────────────────────────────────────────────────────────────────────────────────────────


cdef int secure_restate(Secure *self, const Secure *stated, int suite, bytes local, bytes remote, bytes mki=b"",
                        bint by_library=False, uint32_t ssrc=0) except -1:
    memset(self, 0, sizeof(Secure))
    try:
        if context_fits(stated.inbound, suite, remote, mki):
            self.inbound = stated.inbound
        else:
            self.inbound = context_open(suite, remote, True, mki, by_library, 0)
        if context_fits(stated.outbound, suite, local, b""):
            self.outbound = stated.outbound
        else:
            self.outbound = context_open(suite, local, False, b"", by_library, ssrc)
    except BaseException:
        secure_abandon(self, stated)
        raise
    return 0


cdef int secure_open(Secure *self, int suite, bytes local, bytes remote, bytes mki=b"", bint by_library=False,
                     uint32_t ssrc=0) except -1:
    cdef Secure nothing
    memset(&nothing, 0, sizeof(Secure))
    return secure_restate(self, &nothing, suite, local, remote, mki, by_library, ssrc)


cdef void secure_abandon(Secure *self, const Secure *stated) noexcept nogil:
    if self.inbound != stated.inbound:
        context_close(self.inbound)
    if self.outbound != stated.outbound:
        context_close(self.outbound)
    memset(self, 0, sizeof(Secure))


cdef list secure_replaced(const Secure *self, const Secure *fresh):
    replaced = []
    if self.inbound != NULL and self.inbound != fresh.inbound:
        replaced.append(<uintptr_t>self.inbound)
    if self.outbound != NULL and self.outbound != fresh.outbound:
        replaced.append(<uintptr_t>self.outbound)
    return replaced


cdef void secure_close(Secure *self) noexcept nogil:
    context_close(self.inbound)
    context_close(self.former)
    context_close(self.outbound)
    memset(self, 0, sizeof(Secure))


# ── media thread ─────────────────────────────────────────────────────────────────────────────────────────────────────


cdef bint secure_swap(Secure *self, const Secure *fresh) noexcept nogil:
    cdef bint ambiguous = False
    if self.inbound != fresh.inbound:
        retire(self.former)
        self.former = self.inbound
        self.inbound = fresh.inbound
    if self.outbound != fresh.outbound:
        if self.outbound != NULL and fresh.outbound != NULL:
            ambiguous = has_rolled_over(self.outbound)
        retire(self.outbound)
        self.outbound = fresh.outbound
    return ambiguous


cdef void secure_retire(Secure *self) noexcept nogil:
    retire(self.inbound)
    retire(self.former)
    retire(self.outbound)
    memset(self, 0, sizeof(Secure))


cdef inline Verdict open_under(Context *context, uint8_t *packet, int *n, bint rtcp, int64_t hint) noexcept nogil:
    return open_rtcp(context, packet, n) if rtcp else open_rtp(context, packet, n, hint)


cdef Verdict open_beside_former(Secure *self, uint8_t *packet, int *n, bint rtcp) noexcept nogil:
    """After a change of keys, before the first packet under the new ones (or the first plain one)."""
    cdef Verdict verdict = SRTP_AUTH, before
    cdef int64_t hint = NO_HINT
    if self.inbound != NULL:
        if not rtcp and n[0] >= HEADER_BYTES:
            hint = index_of(self.former, get32(packet + 8), get16(packet + 2))
        verdict = open_under(self.inbound, packet, n, rtcp, hint)
    if verdict != SRTP_OK:
        before = open_under(self.former, packet, n, rtcp, NO_HINT)
        if before == SRTP_OK or self.inbound != NULL:
            return before if before == SRTP_OK else verdict
    retire(self.former)
    self.former = NULL
    return SRTP_OK


cdef inline Verdict open_any(Secure *self, uint8_t *packet, int *n, bint rtcp) noexcept nogil:
    if self.former != NULL:
        return open_beside_former(self, packet, n, rtcp)
    if self.inbound == NULL:
        return SRTP_OK
    return open_under(self.inbound, packet, n, rtcp, NO_HINT)


cdef Verdict unprotect(Secure *self, uint8_t *packet, int *n) noexcept nogil:
    return open_any(self, packet, n, False)


cdef Verdict unprotect_rtcp(Secure *self, uint8_t *packet, int *n) noexcept nogil:
    return open_any(self, packet, n, True)


cdef Verdict protect(Secure *self, const uint8_t *packet, int *n, uint8_t *sealed) noexcept nogil:
    if self.outbound != NULL:
        return seal_rtp(self.outbound, packet, n, sealed)
    if packet != sealed:
        memcpy(sealed, packet, n[0])
    return SRTP_OK


cdef Verdict protect_rtcp(Secure *self, const uint8_t *packet, int *n, uint8_t *sealed) noexcept nogil:
    if self.outbound != NULL:
        return seal_rtcp(self.outbound, packet, n, sealed)
    if packet != sealed:
        memcpy(sealed, packet, n[0])
    return SRTP_OK


# ── Python's face, for tests and benchmarks ──────────────────────────────────────────────────────────────────────────


def supported(bint by_library=False):
    """Names of the suites that libcrypto (or libsrtp2, whose start takes some 50 ms) can really do on this machine."""
    cdef Secure trial
    names = []
    for name, suite in NAMES.items():
        try:
            secure_open(&trial, suite, bytes(MASTER_BYTES[name]), bytes(MASTER_BYTES[name]), b"", by_library)
        except RuntimeError:
            continue
        secure_close(&trial)
        names.append(name)
    return tuple(names)


SUITES_SUPPORTED = supported()
"""The suites that may be offered, by the names that SDP gives them."""


@cython.no_gc
cdef class Session:
    """One leg's secure media as the engine keeps it, packet by packet. `close` after use; safe twice."""

    cdef Secure secure
    cdef Secure stated                          # what was last asked for: the control plane's own copy
    cdef list _replaced
    cdef bint _by_library

    def __cinit__(self, *args, **kwargs):
        self._replaced = []

    def __init__(self, str suite, bytes local, bytes remote, bytes mki=b"", bint by_library=False, uint32_t ssrc=0):
        """suite: name in SDP. local, remote: master key and salt, ours and the far side's. mki: on every packet that comes.

        KeyError: unknown suite. ValueError: a key or MKI of a wrong length. RuntimeError: not supported on this machine.
        """
        self._by_library = by_library
        secure_open(&self.secure, NAMES[suite], local, remote, mki, by_library, ssrc)
        self.stated = self.secure

    @classmethod
    def of_session_keys(cls, str suite, bytes encryption, bytes salt, bytes authentication=b""):
        """The same session keys for all: what published test vectors begin with."""
        cdef SessionKeys keys
        cdef Session self = cls.__new__(cls)
        memset(&keys, 0, sizeof(SessionKeys))
        if len(encryption) > 32 or len(salt) > SALT_BYTES or len(authentication) > AUTH_KEY_BYTES:
            raise ValueError("a session key is too long")
        memcpy(keys.encryption, <const uint8_t *>encryption, len(encryption))
        memcpy(keys.salt, <const uint8_t *>salt, len(salt))
        memcpy(keys.authentication, <const uint8_t *>authentication, len(authentication))
        self.secure.inbound = context_of_session_keys(NAMES[suite], &keys, True)
        self.secure.outbound = context_of_session_keys(NAMES[suite], &keys, False)
        OPENSSL_cleanse(&keys, sizeof(SessionKeys))
        self.stated = self.secure
        return self

    def __dealloc__(self):
        self.close()

    def close(self):
        """Wipe and free everything."""
        secure_retire(&self.secure)
        self._replaced += secure_replaced(&self.stated, &self.secure)
        memset(&self.stated, 0, sizeof(Secure))
        self.reap()

    def rekey(self, str suite, bytes local, bytes remote, bytes mki=b""):
        """Go over to these keys; True where our packets must go on under a new ssrc. Where it raises, the old keys stay."""
        cdef Secure fresh
        secure_restate(&fresh, &self.stated, NAMES[suite], local, remote, mki, self._by_library)
        return self._go_over(&fresh)

    def go_plain(self):
        """Go over to no protection at all."""
        cdef Secure fresh
        memset(&fresh, 0, sizeof(Secure))
        return self._go_over(&fresh)

    cdef bint _go_over(self, const Secure *fresh):
        cdef bint ambiguous = secure_swap(&self.secure, fresh)
        self._replaced += secure_replaced(&self.stated, fresh)
        self.stated = fresh[0]
        return ambiguous

    def reap(self):
        """Close what is no longer used; how many contexts wait for that still."""
        cdef uintptr_t address
        kept = []
        for address in self._replaced:
            if load_acquire(&(<Context *>address).retired):
                context_close(<Context *>address)
            else:
                kept.append(address)
        self._replaced = kept
        return len(kept)

    def protect(self, bytes packet):
        """The packet as it goes out, or the name of the reason why it does not."""
        return self._seal(packet, False)

    def protect_rtcp(self, bytes packet):
        """As `protect`, for a compound (RFC 3711 §3.4)."""
        return self._seal(packet, True)

    def unprotect(self, bytes packet):
        """The plain packet, or the name of the reason why it is refused."""
        return self._open(packet, False)

    def unprotect_rtcp(self, bytes packet):
        """As `unprotect`, for a compound."""
        return self._open(packet, True)

    cdef _seal(self, bytes packet, bint rtcp):
        cdef uint8_t sealed[MOST_PACKET_BYTES + SECURE_ROOM]
        cdef const uint8_t *data = packet
        cdef int n = <int>len(packet)
        cdef Verdict verdict
        if n > MOST_PACKET_BYTES:
            raise ValueError(f"a packet of {n} bytes; at most {<int>MOST_PACKET_BYTES}")
        verdict = protect_rtcp(&self.secure, data, &n, sealed) if rtcp else protect(&self.secure, data, &n, sealed)
        return sealed[:n] if verdict == SRTP_OK else VERDICTS[verdict]

    cdef _open(self, bytes packet, bint rtcp):
        cdef uint8_t data[MOST_PACKET_BYTES]
        cdef int n = <int>len(packet)
        cdef Verdict verdict
        if n > MOST_PACKET_BYTES:
            raise ValueError(f"a packet of {n} bytes; at most {<int>MOST_PACKET_BYTES}")
        memcpy(data, <const uint8_t *>packet, n)
        verdict = unprotect_rtcp(&self.secure, data, &n) if rtcp else unprotect(&self.secure, data, &n)
        if verdict == SRTP_OK:
            return data[:n]
        if data[: len(packet)] != packet:
            raise AssertionError("a refused packet was changed")
        return VERDICTS[verdict]


def measure(Session sender, Session receiver, bytes packet, int rounds):
    """Protect and unprotect 1,000 packets `rounds` times: (ns, ns) a packet, the fastest round of each.

    Their numbers follow the packet's. RuntimeError where a packet is refused.
    """
    cdef int length = <int>len(packet), slot = length + SECURE_ROOM, sealed_bytes = 0, n = 0, i, round
    cdef uint16_t sequence
    cdef int64_t begun, ended, sealing = 0, opening = 0
    cdef Verdict verdict = SRTP_OK
    cdef const uint8_t *data = packet
    cdef uint8_t *packets = <uint8_t *>malloc(<size_t>slot * BATCH)
    if packets == NULL:
        raise MemoryError()
    sequence = get16(data + 2)
    with nogil:
        for round in range(rounds):
            for i in range(BATCH):
                memcpy(packets + i * slot, data, length)
                put16(packets + i * slot + 2, sequence)
                sequence += 1
            begun = now_ns()
            for i in range(BATCH):
                n = length
                verdict = <Verdict>(<int>verdict | <int>protect(&sender.secure, packets + i * slot, &n, packets + i * slot))
            ended = now_ns()
            sealed_bytes = n
            sealing = ended - begun if round == 0 else min(sealing, ended - begun)
            begun = now_ns()
            for i in range(BATCH):
                n = sealed_bytes
                verdict = <Verdict>(<int>verdict | <int>unprotect(&receiver.secure, packets + i * slot, &n))
            ended = now_ns()
            opening = ended - begun if round == 0 else min(opening, ended - begun)
    free(packets)
    if verdict != SRTP_OK:
        raise RuntimeError("a packet was refused")
    return sealing / BATCH, opening / BATCH
