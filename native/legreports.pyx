"""One leg's RTCP on the wire (RFC 3550 §6, symmetric as in RFC 4961; rtcp-mux: RFC 5761; SRTCP: RFC 3711 §3.4).

Each leg is a session of its own between the gateway and its far side: what is relayed is reported on both sides by the gateway itself,
under the numbers and timestamps that each side sees. A far side that is to know the whole way is sent the other one's reports in their
place, in its own numbers (RFC 3550 §7.2, RFC 7667 §3.2), and the gateway's own of a direction that it changes.
"""
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memset

from native cimport reports, rtcp, rtp, srtp
from native.codec cimport codec_tell_loss
from native.endpoint cimport Endpoint, is_unspecified, same, same_host
from native.includes cimport net
from native.includes.atomics cimport add_relaxed, store_int, store_relaxed
from native.reports cimport Sent, Stream, stream_of
from native.rtcp cimport COMPOUND_BYTES, Compound
from native.session cimport Event, Leg, MAX_LEGS, QUALITY, Worker, post, refuse
from native.srtp cimport SECURE_ROOM
from native.srtpkeys cimport SRTP_AUTH, SRTP_OK, SRTP_REPLAY, Verdict

cdef enum:
    NS_PER_MS = 1000000
    KEEP_ALIVE_TYPE = 20        # a payload type that nobody negotiates, to be passed over (RFC 6263 §4.6)


cdef void count_unreachable(Leg *leg) noexcept nogil:
    refuse(leg, rtp.UNREACHABLE)


cdef bint is_far_side(Leg *leg, const Endpoint *source) noexcept nogil:
    """From where the leg's RTP comes, or is announced to; on the RTP port itself, from that very port once it is locked."""
    if leg.media.muxed:
        return same(source, &leg.remote) if leg.locked else same_host(source, &leg.media.remote)
    return same_host(source, &leg.remote if leg.locked else &leg.media.remote) or same_host(source, &leg.rtcp_announced)


cdef void expect_loss(Leg *leg, int fraction_lost) noexcept nogil:
    """Of what we send to it. At once where it is more than before, by a quarter a report where it is less: a clean interval may be chance."""
    cdef int percent = (fraction_lost * 100 + 128) >> 8
    codec_tell_loss(leg.codec, max(percent, leg.codec.loss_percent * 3 // 4))


cdef bint find_target(Leg *leg, Endpoint *target) noexcept nogil:
    """Where reports go: whence they come, else where SDP says. False: nowhere, because a NAT hides it or the leg has no address."""
    if leg.rtcp_remote.length:
        target[0] = leg.rtcp_remote
        return True
    if leg.locked and not same_host(&leg.remote, &leg.media.remote):
        return False
    if leg.rtcp_announced.length:
        target[0] = leg.rtcp_announced
        return True
    if is_unspecified(&leg.media.remote):
        return False
    target[0] = leg.media.remote
    target.raw.v4.sin_port = net.htons(<uint16_t>(net.ntohs(target.raw.v4.sin_port) + 1))
    return True


cdef void send_report(Leg *leg, const uint8_t *packet, int n) noexcept nogil:
    cdef uint8_t sealed[COMPOUND_BYTES + SECURE_ROOM]
    cdef Endpoint target
    cdef int fd = leg.rtcp_fd
    if srtp.protect_rtcp(&leg.secure, packet, &n, sealed) != SRTP_OK:
        return
    if leg.media.muxed:
        fd = leg.fd
        target = leg.remote
        if leg.locked:
            net.send(fd, sealed, n, net.MSG_NOSIGNAL)
            return
        if target.length == 0:
            return
    elif not find_target(leg, &target):
        return
    net.sendto(fd, sealed, n, net.MSG_NOSIGNAL, &target.raw.any, target.length)


cdef inline Sent what_was_sent(const Leg *leg) noexcept nogil:
    cdef Sent sent
    sent.ssrc = leg.ssrc
    sent.packets = leg.sent - leg.sent_before
    sent.octets = leg.sent_bytes
    sent.timestamp = leg.out_timestamp
    sent.at_ns = leg.emitted_ns
    sent.clock_hz = 1000 * leg.media.clock_khz
    return sent


cdef inline Stream heard_by(const Leg *listener, const Leg *source) noexcept nogil:
    cdef bint relayed = (listener.pure and listener.pacer == source and listener.anchored
                         and listener.anchor_ssrc == source.reception.ssrc)
    return stream_of(&source.reception, relayed, listener.ssrc, listener.sequence_offset, listener.timestamp_offset)


cdef void pass_on(Worker *worker, Leg *leg, const Compound *compound) noexcept nogil:
    """To the far side of whoever hears this leg's packets, or is heard by it, untouched, and is to know the whole way."""
    cdef uint8_t packet[COMPOUND_BYTES]
    cdef Stream onward, backward
    cdef Sent sent
    cdef Leg *other
    cdef int slot, n
    for slot in range(MAX_LEGS):
        other = leg.call.legs[slot]
        if other == NULL or other == leg or not other.connected or not other.media.relays_reports or not worker.reports:
            continue
        onward = heard_by(other, leg)
        backward = heard_by(leg, other)
        if onward.relayed or backward.relayed:
            sent = what_was_sent(other)
            n = reports.relay(&leg.reports, &other.reports, compound, &onward, &backward, &other.reception, &sent, worker.now_ns,
                              rtcp.wall_ns(), packet)
            if n:
                send_report(other, packet, n)


cdef void on_report(Worker *worker, Leg *leg, int n, const Endpoint *source) noexcept nogil:
    cdef Compound compound
    cdef Verdict verdict
    if not leg.connected:
        refuse(leg, rtp.NOT_CONNECTED)
        return
    if source != NULL and not is_far_side(leg, source):
        leg.last_foreign = source[0]
        refuse(leg, rtp.FOREIGN_SOURCE)
        return
    if leg.secure.inbound != NULL or leg.secure.former != NULL:
        verdict = srtp.unprotect_rtcp(&leg.secure, worker.packet, &n)
        if verdict != SRTP_OK:
            refuse(leg, rtp.UNAUTHENTIC if verdict == SRTP_AUTH else rtp.REPLAYED if verdict == SRTP_REPLAY else rtp.UNREADABLE)
            return
    if not rtcp.parse(worker.packet, n, leg.ssrc, &compound):
        refuse(leg, rtp.BAD_REPORT)
        return
    if compound.ssrc != leg.ssrc:
        pass_on(worker, leg, &compound)
    if not reports.hear(&leg.reports, &compound, leg.ssrc, worker.now_ns):
        refuse(leg, rtp.BAD_REPORT)
        return
    add_relaxed(&leg.reports_heard, 1)
    store_relaxed(&leg.round_trip_ns, leg.reports.round_trip_ns)
    store_relaxed(&leg.told_lost, leg.reports.told.lost)
    store_relaxed(&leg.told_jitter, leg.reports.told.jitter)
    store_int(&leg.told, leg.reports.told_ns != 0)
    if compound.about_us and leg.codec != NULL:
        expect_loss(leg, compound.block.fraction_lost)
    if source != NULL and not leg.media.muxed:
        leg.rtcp_remote = source[0]


cdef void tell_quality(Worker *worker, Leg *leg) noexcept nogil:
    cdef Event event
    memset(&event, 0, sizeof(Event))
    event.kind = QUALITY
    event.leg = leg.id
    event.value = leg.media.clock_khz
    reports.measure(&leg.reports, &leg.reception, worker.now_ns, &event.quality)
    if event.quality.expected > 0 or event.quality.told:
        post(worker, &event)


cdef void sweep_reports(Worker *worker, Leg *leg) noexcept nogil:
    cdef uint8_t packet[COMPOUND_BYTES]
    cdef Sent sent
    if not leg.connected or worker.now_ns < leg.look_ns:
        return
    if worker.reports and reports.due(&leg.reports, worker.now_ns):
        sent = what_was_sent(leg)
        send_report(leg, packet, reports.report(&leg.reports, &leg.reception, &sent, worker.now_ns, rtcp.wall_ns(), packet))
    if leg.measure_ns == 0:
        leg.measure_ns = worker.now_ns + MEASURE_NS
    elif worker.now_ns >= leg.measure_ns:
        leg.measure_ns += MEASURE_NS
        tell_quality(worker, leg)
    if worker.keepalive_ns and leg.media.receives and worker.now_ns - leg.emitted_ns > worker.keepalive_ns:
        keep_alive(worker, leg)
    leg.look_ns = leg.measure_ns
    if worker.reports and leg.reports.due_ns < leg.look_ns:
        leg.look_ns = leg.reports.due_ns
    if worker.keepalive_ns and leg.emitted_ns + worker.keepalive_ns < leg.look_ns:
        leg.look_ns = leg.emitted_ns + worker.keepalive_ns


cdef void say_goodbye(Worker *worker, Leg *leg) noexcept nogil:
    cdef uint8_t packet[COMPOUND_BYTES]
    cdef Sent sent
    cdef int n
    if not worker.reports or not leg.connected or leg.reports.due_ns == 0:
        return
    sent = what_was_sent(leg)
    n = reports.leave(&leg.reports, &leg.reception, &sent, worker.now_ns, rtcp.wall_ns(), packet)
    if n:
        send_report(leg, packet, n)


cdef void keep_alive(Worker *worker, Leg *leg) noexcept nogil:
    cdef uint8_t packet[rtp.HEADER_BYTES + SECURE_ROOM]
    cdef int n = rtp.HEADER_BYTES
    cdef int64_t elapsed = (worker.now_ns - leg.emitted_ns) * leg.media.clock_khz // NS_PER_MS if leg.spoken else 0
    if not leg.spoken:
        leg.out_sequence = <uint16_t>(leg.ssrc & 0x3FFF)
    leg.out_sequence += 1
    leg.out_timestamp += <uint32_t>elapsed
    leg.out_ticks = 0
    leg.spoken = True
    leg.anchored = False                                    # whoever is relayed next is fitted in behind
    leg.emitted_ns = worker.now_ns
    packet[0] = 0x80
    rtp.rewrite(packet, False, KEEP_ALIVE_TYPE, leg.out_sequence, leg.out_timestamp, leg.ssrc)
    if srtp.protect(&leg.secure, packet, &n, packet) != SRTP_OK:
        return
    if leg.locked:
        net.send(leg.fd, packet, n, net.MSG_NOSIGNAL)
    elif leg.remote.length:
        net.sendto(leg.fd, packet, n, net.MSG_NOSIGNAL, &leg.remote.raw.any, leg.remote.length)
