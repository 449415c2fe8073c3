"""One packet's way through a call.

Checked (source, header, payload type), counted, then given to every listener whose pace its leg sets: first to the other party, whose
conversation it is. What a listener hears of it is either the packet itself with another header (relay) or its sound with others' added
(overlay). Sequence numbers and timestamps follow the pacer's, so the far side sees its real losses and timing.
"""
from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t
from libc.string cimport memset

from native cimport codec, reception, reports, rtcp, rtp, srtp
from native.codec cimport G722, PCMU
from native.endpoint cimport Endpoint, same
from native.includes.atomics cimport add_relaxed, store_relaxed, store_release
from native.intake cimport decode_packet, keep_as_it_is, pass_by_law, pass_coded
from native.keypad cimport hear_tones, on_key
from native.latching cimport accept_source
from native.legreports cimport on_report
from native.outgoing cimport relay_packet, skip_packet
from native.overlay cimport overlay_packet
from native.rtp cimport Header
from native.session cimport Call, Event, Leg, MAX_LEGS, RESUMED, Worker, post, refuse
from native.source cimport source_describe
from native.srtpkeys cimport SRTP_AUTH, SRTP_OK, SRTP_REPLAY, Verdict

cdef inline int ticks_in(const Leg *leg, const uint8_t *payload, int bytes) noexcept nogil:
    """RTP time of a payload; 0 where its codec cannot tell."""
    if leg.media.kind <= G722:                              # a byte a tick: RFC 3551 §4.5.2
        return bytes
    return max(0, codec.codec_ticks(leg.codec, codec.codec_samples(leg.codec, payload, bytes)))


cdef void on_audio(Worker *worker, Leg *leg, int n, const Header *header) noexcept nogil:
    cdef const uint8_t *payload = worker.packet + header.payload_offset
    cdef int bytes = header.payload_bytes, samples = 0, ticks
    cdef Call *call
    cdef Leg *listener
    cdef int slot
    cdef bint overlays = False, decoded = False
    if leg.relays_to != NULL:                               # most packets of most calls
        relay_packet(worker, leg.relays_to, n, header, leg.relays_to.media.payload_type, bytes)
        keep_as_it_is(worker, leg, payload, bytes, header)
        pass_by_law(leg, payload, bytes, header)
        return
    call = leg.call
    ticks = ticks_in(leg, payload, bytes)
    if leg.tones != NULL and leg.media.kind <= PCMU:
        hear_tones(worker, leg, worker.packet + header.payload_offset, bytes)
    elif leg.tones != NULL:
        samples = decode_packet(worker, leg, payload, bytes, header)
        decoded = True
    for slot in range(MAX_LEGS):
        listener = call.legs[slot]
        if listener != NULL and listener.pacer == leg and listener.connected and listener.media.sends:
            if listener.pure:
                relay_packet(worker, listener, n, header, listener.media.payload_type, ticks)
            else:
                overlays = True
    keep_as_it_is(worker, leg, payload, bytes, header)
    if not call.decodes:
        if leg.media.kind <= PCMU:
            pass_by_law(leg, payload, bytes, header)
        else:
            pass_coded(leg, payload, bytes, header.timestamp)
        return
    if not decoded:
        samples = decode_packet(worker, leg, payload, bytes, header)
    if not overlays:
        return
    for slot in range(MAX_LEGS):
        listener = call.legs[slot]
        if listener == NULL or listener.pacer != leg or not listener.connected or not listener.media.sends or listener.pure:
            continue
        if samples > 0:
            overlay_packet(worker, listener, leg, samples, header)
        elif listener.anchored and <int16_t><uint16_t>(header.sequence + listener.sequence_offset - listener.out_sequence) <= 0:
            add_relaxed(&listener.late, 1)


cdef void on_no_sound(Worker *worker, Leg *leg, int n, const Header *header, int skipped) noexcept nogil:
    """Silence described (RFC 3389), an empty keep-alive (RFC 6263): passed where the packet itself is; in a mix it is made, and the clock
    keeps it flowing. A description also goes to who hears this leg alone in another codec, never to whom it was not agreed with.
    """
    cdef Leg *listener
    cdef bint described = header.payload_bytes != 0
    cdef int slot
    if described:
        source_describe(leg.source, worker.packet + header.payload_offset, header.payload_bytes, header.timestamp)
    for slot in range(MAX_LEGS):
        listener = leg.call.legs[slot]
        if listener == NULL or listener.pacer != leg or not listener.connected or not listener.media.sends:
            continue
        if described and listener.media.takes_noise and not listener.mixes and listener.media.clock_khz == leg.media.clock_khz:
            relay_packet(worker, listener, n, header, <uint8_t>listener.media.noise_payload_type, 0)
        elif not described and listener.pure:
            relay_packet(worker, listener, n, header, listener.media.payload_type, 0)
        else:
            skip_packet(listener, skipped)


cdef void fit_again(Leg *leg) noexcept nogil:
    """This leg's numbers began anew: whoever it paces goes on behind what was sent."""
    cdef int slot
    for slot in range(MAX_LEGS):
        if leg.call.legs[slot] != NULL and leg.call.legs[slot].pacer == leg:
            leg.call.legs[slot].anchored = False


cdef void hear(Worker *worker, Leg *leg) noexcept nogil:
    cdef Event event
    if leg.heard_ns == 0 and leg.call.began_ns == 0:
        store_release(&leg.call.began_ns, worker.now_ns)
    if leg.silent:
        leg.silent = False
        memset(&event, 0, sizeof(Event))
        event.kind = RESUMED
        event.leg = leg.id
        post(worker, &event)
    store_relaxed(&leg.heard_ns, worker.now_ns)


cdef rtp.Refusal open_packet(Leg *leg, uint8_t *packet, int *n, Header *header) noexcept nogil:
    """Take the protection off a secured leg's packet, in place, then read its header."""
    cdef Verdict verdict
    if (leg.secure.inbound != NULL or leg.secure.former != NULL) and not rtcp.is_rtcp(packet, n[0]):
        verdict = srtp.unprotect(&leg.secure, packet, n)
        if verdict != SRTP_OK:
            return rtp.UNAUTHENTIC if verdict == SRTP_AUTH else rtp.REPLAYED if verdict == SRTP_REPLAY else rtp.UNREADABLE
    return rtp.parse(packet, n[0], header)


cdef void on_packet(Worker *worker, Leg *leg, int n, const Endpoint *source) noexcept nogil:
    cdef Header header
    cdef rtp.Refusal refusal
    cdef bint key, noise
    cdef int skipped
    cdef int64_t restarts
    if not leg.connected:
        refuse(leg, rtp.NOT_CONNECTED)
        return
    if leg.media.muxed and rtcp.is_rtcp(worker.packet, n):
        on_report(worker, leg, n, source)
        return
    if leg.locked and source != NULL and not same(source, &leg.remote) and not same(source, &leg.media.remote):
        leg.last_foreign = source[0]
        refuse(leg, rtp.FOREIGN_SOURCE)
        return
    refusal = open_packet(leg, worker.packet, &n, &header)
    if refusal != rtp.ACCEPTED:
        refuse(leg, refusal)
        return
    key = header.payload_type == leg.media.event_payload_type
    noise = header.payload_type == leg.media.noise_payload_type
    if header.payload_type != leg.media.payload_type and not key and not noise:
        refuse(leg, rtp.PAYLOAD_TYPE)
        return
    if header.payload_bytes > leg.media.most_bytes:
        refuse(leg, rtp.TOO_LONG)
        return
    if source != NULL and not accept_source(worker, leg, source, &header):
        leg.last_foreign = source[0]
        refuse(leg, rtp.FOREIGN_SOURCE)
        return
    if not leg.media.receives:
        refuse(leg, rtp.NOT_EXPECTED)
        return
    hear(worker, leg)
    restarts = leg.reception.restarts
    skipped = reception.receive(&leg.reception, header.sequence, header.timestamp, header.ssrc, header.payload_bytes, worker.now_ns,
                                leg.media.clock_khz)
    if leg.reception.restarts != restarts:
        fit_again(leg)
        reports.restarted(&leg.reports, &leg.reception)
    if key:
        on_key(worker, leg, n, &header, skipped)
    elif noise or header.payload_bytes == 0:
        on_no_sound(worker, leg, n, &header, skipped)
    else:
        on_audio(worker, leg, n, &header)
