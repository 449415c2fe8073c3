"""Which source a leg listens to: symmetric RTP with a lock (RFC 7362)."""
from libc.stdint cimport int16_t, uint16_t
from libc.string cimport memset

from native.endpoint cimport Endpoint, behind_nat, same, same_host
from native.includes cimport net
from native.rtp cimport Header
from native.session cimport Event, LATCHED, Leg, Worker, post, tell_source

cdef enum:
    CANDIDATE_PACKETS = 5       # of one stream in a row that an unannounced source must send before the leg is locked to it
    UNLIKELY_PACKETS = 25       # the same where SDP named an address that can be reached
    CANDIDATE_STEP = 3          # between the numbers of two of them: some may be lost


cdef void lock(Worker *worker, Leg *leg, const Endpoint *source) noexcept nogil:
    """From now on this source alone: the kernel drops the others from this socket, its stray twin hears them."""
    cdef Event event
    leg.remote = source[0]
    leg.locked = net.connect(leg.fd, &source.raw.any, source.length) == 0
    tell_source(leg)
    memset(&event, 0, sizeof(Event))
    event.kind = LATCHED
    event.leg = leg.id
    event.source = source[0]
    post(worker, &event)


cdef void watch_candidate(Leg *leg, const Endpoint *source, const Header *header) noexcept nogil:
    """Count the packets that a source SDP did not announce has sent in a row, as one stream. Below 0 any packet counts."""
    cdef int step = <int16_t><uint16_t>(header.sequence - leg.candidate_sequence)
    if not same(source, &leg.candidate):
        leg.candidate = source[0]
        leg.candidate_packets = 0
    elif leg.candidate_packets > 0 and (header.ssrc != leg.candidate_ssrc or step <= 0 or step > CANDIDATE_STEP):
        leg.candidate_packets = 0
    leg.candidate_ssrc = header.ssrc
    leg.candidate_sequence = header.sequence
    leg.candidate_packets += 1


cdef bint accept_source(Worker *worker, Leg *leg, const Endpoint *source, const Header *header) noexcept nogil:
    """Symmetric RTP with a lock (RFC 7362): the announced host at once, another only when it keeps one stream going.

    The very address that SDP names has the leg whenever it is heard: an old source that was still sending, or a stranger that came
    first, cannot keep it out. Where a NAT hides that address another source is to be expected, under SRTP it has shown the key; else it
    must go on for long, because who has the leg hears the patient, or never gets it (`latch_nat_only`).
    """
    cdef bint likely
    if leg.locked and same(source, &leg.remote):
        return True
    if same(source, &leg.media.remote) or (not leg.locked and same_host(source, &leg.media.remote)):
        lock(worker, leg, source)
        return True
    if leg.locked or not leg.media.receives:
        return False
    likely = behind_nat(&leg.media.remote) or leg.secure.inbound != NULL
    if worker.latch_nat_only and not likely:
        return False
    watch_candidate(leg, source, header)
    if leg.candidate_packets <= (CANDIDATE_PACKETS if likely else UNLIKELY_PACKETS):
        return False
    lock(worker, leg, source)
    return True
