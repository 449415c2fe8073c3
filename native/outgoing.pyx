"""Packets on their way out of a leg, relayed or made here: numbered, protected, sent, counted.

Sequence numbers and timestamps follow the pacer's, so the far side sees its real losses and timing.
"""
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.errno cimport ECONNREFUSED, errno

from native cimport rtp, srtp
from native.includes cimport net
from native.includes.atomics cimport add_relaxed
from native.includes.systemcalls cimport give_packet
from native.rtp cimport HEADER_BYTES, Header
from native.session cimport Leg, Worker, refuse
from native.srtpkeys cimport SRTP_OK

cdef enum:
    LOW_SEQUENCES = 0x3FFF      # a mask: where a secured stream's sequence numbers begin
    NS_PER_MS = 1000000


cdef void transmit(Worker *worker, Leg *leg, const uint8_t *packet, int n) noexcept nogil:
    cdef ssize_t sent
    cdef int payload = n - HEADER_BYTES
    if leg.secure.outbound != NULL:
        if srtp.protect(&leg.secure, packet, &n, worker.sealed) != SRTP_OK:
            refuse(leg, rtp.NOT_SEALED)
            return
        packet = worker.sealed
    if leg.locked:
        sent = give_packet(leg.fd, packet, n)
    elif leg.remote.length:
        sent = net.sendto(leg.fd, packet, n, net.MSG_NOSIGNAL, &leg.remote.raw.any, leg.remote.length)
    else:
        return
    if sent < 0 and errno == ECONNREFUSED:                  # of an earlier packet, told in place of sending this one
        refuse(leg, rtp.UNREACHABLE)
        sent = give_packet(leg.fd, packet, n)
    if sent == n:
        add_relaxed(&leg.sent, 1)
        leg.sent_bytes += payload
        add_relaxed(&worker.sent, 1)
    else:
        refuse(leg, rtp.SEND_FAILED)


cdef bint anchor(Worker *worker, Leg *leg, const Header *header) noexcept nogil:
    """Fit the pacer's numbers to what was sent last; True when they had to be fitted (a new talkspurt for the far side)."""
    cdef uint32_t elapsed
    if leg.anchored and leg.anchor_ssrc == header.ssrc:
        return False
    leg.anchored = True
    leg.anchor_ssrc = header.ssrc
    leg.pace.begun = False
    if not leg.spoken:
        # A secured stream begins far from the wrap of its numbers: the far side has to guess how often they wrapped (RFC 3711 §3.3.1).
        leg.sequence_offset = <uint16_t>((leg.ssrc & LOW_SEQUENCES) - header.sequence) if leg.secure.outbound != NULL else 0
        leg.timestamp_offset = 0
        return False
    elapsed = <uint32_t>((worker.now_ns - leg.emitted_ns) * leg.media.clock_khz // NS_PER_MS)
    if elapsed < <uint32_t>leg.out_ticks:
        elapsed = leg.out_ticks
    leg.pace.begun = True
    leg.pace.at = header.timestamp
    leg.pace.there = leg.out_timestamp + elapsed
    leg.sequence_offset = <uint16_t>(leg.out_sequence + 1 - header.sequence)
    leg.timestamp_offset = leg.out_timestamp + elapsed - header.timestamp
    return True


cdef void relay_packet(Worker *worker, Leg *leg, int n, const Header *header, uint8_t payload_type, int ticks) noexcept nogil:
    """The packet itself, under this leg's numbers."""
    cdef bint joined = anchor(worker, leg, header)
    cdef uint16_t sequence = <uint16_t>(header.sequence + leg.sequence_offset)
    cdef uint32_t timestamp = header.timestamp + leg.timestamp_offset
    rtp.rewrite(worker.packet, header.marker or joined, payload_type, sequence, timestamp, leg.ssrc)
    transmit(worker, leg, worker.packet, n)
    remember(worker, leg, sequence, timestamp, ticks)


cdef void skip_packet(Leg *leg, int skipped) noexcept nogil:
    """A packet of the pacer's that this leg must not have: close the gap in its numbers (repeated and late ones make none)."""
    if leg.anchored and skipped >= 0:
        leg.sequence_offset -= 1
