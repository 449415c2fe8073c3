"""One packet's way through a call.

Checked (source, header, payload type), counted, then given to every listener whose pace its leg sets: first to the other party, whose
conversation it is. What a listener hears of it is either the packet itself with another header (relay) or its sound with others' added
(overlay). Sequence numbers and timestamps follow the pacer's, so the far side sees its real losses and timing.
"""
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from native cimport dtmf, g711, mix, playout, reception, rtcp, rtp, srtp, tap
from native.endpoint cimport Endpoint, same, same_host
from native.history cimport history_write
from native.includes cimport net
from native.includes.atomics cimport add_relaxed
from native.rtp cimport HEADER_BYTES, Header, MOST_SAMPLES
from native.session cimport (
    Call, Edge, Event, KEY, LATCHED, Leg, MAX_LEGS, REFUSED, RESUMED, SILENT, SUPERVISOR, Worker, post,
)
from native.srtpkeys cimport SRTP_AUTH, SRTP_OK, SRTP_REPLAY, Verdict
from native.talkpath cimport hush, plan_call
from native.tones cimport tones_hear, tones_sounding

cdef enum:
    NS_PER_SAMPLE = 125000      # at 8 kHz
    COMFORT_NOISE = 13          # RFC 3389
    CONCEALED_MOST = 3          # packets lost in a row whose place an overlay still fills
    CANDIDATE_PACKETS = 3       # that an unannounced source must send before the leg is locked to it
    LOW_SEQUENCES = 0x3FFF      # a mask: where a secured stream's sequence numbers begin
    LATE_NS = 30000000          # how much later than due the pacer may be before the clock stands in
    PACER_BACK = 5              # packets after which the pacer has the pace again
    TICK_BURST = 5              # frames the clock makes up for at once
    TAIL_NS = 100000000         # a fade that nobody played within this is over
    BOTH_WAYS_NS = 400000000    # a key that came as telephone-event is not heard again as a tone within this
    REPORT_NS = 1000000000      # between two reports of one refusal on one leg


cdef inline void refuse(Leg *leg, rtp.Refusal reason) noexcept nogil:
    add_relaxed(&leg.refused[<int>reason], 1)
    leg.refusals += 1


# ── sending ──────────────────────────────────────────────────────────────────────────────────────────────────────────


cdef void transmit(Worker *worker, Leg *leg, const uint8_t *packet, int n) noexcept nogil:
    cdef ssize_t sent
    if leg.secure.outbound != NULL:
        if srtp.protect(&leg.secure, packet, &n, worker.sealed) != SRTP_OK:
            refuse(leg, rtp.NOT_SEALED)
            return
        packet = worker.sealed
    if leg.locked:
        sent = net.send(leg.fd, packet, n, net.MSG_NOSIGNAL)
    elif leg.remote.length:
        sent = net.sendto(leg.fd, packet, n, net.MSG_NOSIGNAL, &leg.remote.raw.any, leg.remote.length)
    else:
        return
    if sent == n:
        add_relaxed(&leg.sent, 1)
        worker.sent += 1
    else:
        refuse(leg, rtp.SEND_FAILED)


cdef inline void remember(Worker *worker, Leg *leg, uint16_t sequence, uint32_t timestamp, int samples) noexcept nogil:
    """Note the newest packet sent, for whoever sets the pace next."""
    if not leg.spoken or <int16_t><uint16_t>(sequence - leg.out_sequence) > 0:
        leg.out_sequence = sequence
        leg.out_timestamp = timestamp
        leg.out_samples = samples
    leg.spoken = True
    leg.emitted_ns = worker.now_ns


cdef bint anchor(Worker *worker, Leg *leg, const Header *header) noexcept nogil:
    """Fit the pacer's numbers to what was sent last; True when they had to be fitted (a new talkspurt for the far side)."""
    cdef uint32_t elapsed
    if leg.anchored and leg.anchor_ssrc == header.ssrc:
        return False
    leg.anchored = True
    leg.anchor_ssrc = header.ssrc
    if not leg.spoken:
        # A secured stream begins far from the wrap of its numbers: the far side has to guess how often they wrapped (RFC 3711 §3.3.1).
        leg.sequence_offset = <uint16_t>((leg.ssrc & LOW_SEQUENCES) - header.sequence) if leg.secure.outbound != NULL else 0
        leg.timestamp_offset = 0
        return False
    elapsed = <uint32_t>((worker.now_ns - leg.emitted_ns) // NS_PER_SAMPLE)
    if elapsed < <uint32_t>leg.out_samples:
        elapsed = leg.out_samples
    leg.sequence_offset = <uint16_t>(leg.out_sequence + 1 - header.sequence)
    leg.timestamp_offset = leg.out_timestamp + elapsed - header.timestamp
    return True


cdef void relay_packet(Worker *worker, Leg *leg, int n, const Header *header, uint8_t payload_type, int samples) noexcept nogil:
    """The packet itself, under this leg's numbers."""
    cdef bint joined = anchor(worker, leg, header)
    cdef uint16_t sequence = <uint16_t>(header.sequence + leg.sequence_offset)
    cdef uint32_t timestamp = header.timestamp + leg.timestamp_offset
    rtp.rewrite(worker.packet, header.marker or joined, payload_type, sequence, timestamp, leg.ssrc)
    transmit(worker, leg, worker.packet, n)
    remember(worker, leg, sequence, timestamp, samples)


cdef void skip_packet(Leg *leg, int skipped) noexcept nogil:
    """A packet of the pacer's that this leg must not have: close the gap in its numbers (repeated and late ones make none)."""
    if leg.anchored and skipped >= 0:
        leg.sequence_offset -= 1


# ── overlay ──────────────────────────────────────────────────────────────────────────────────────────────────────────


cdef void join_playout(Worker *worker, Leg *leg, Leg *pacer, int16_t *pcm, int n) noexcept nogil:
    """The pacer takes the pace back: cross from where this leg's playout of it stood into its packet."""
    cdef int16_t tail[playout.FADE_SAMPLES]
    cdef int i, length = min(<int>playout.FADE_SAMPLES, n)
    playout.playout_read(&leg.edges[pacer.slot].playout, &pacer.voice, tail, length, worker.now_ns)
    for i in range(length):
        pcm[i] = <int16_t>((pcm[i] * i + tail[i] * (length - i)) // length)
    leg.edges[pacer.slot].playout.synced = False


cdef bint add_tail(Worker *worker, Leg *leg, int32_t *total, int n) noexcept nogil:
    """The echo of what was just closed; True while some is left."""
    cdef int i, given = mix.RAMP_SAMPLES - leg.tail_left
    if worker.now_ns - leg.tail_ns > TAIL_NS:
        leg.tail_left = 0
    n = min(n, leg.tail_left)
    for i in range(n):
        total[i] += leg.tail[given + i]
    leg.tail_left -= n
    return leg.tail_left > 0


cdef void mix_frame(Worker *worker, Leg *leg, Leg *pacer, const int16_t *pcm, int n, uint16_t sequence, uint32_t timestamp,
                    bint marker) noexcept nogil:
    """Make and send n samples as this leg hears them. pcm: the pacer's own, NULL where its packet is lost; pacer NULL: the clock's frame."""
    cdef int32_t total[MOST_SAMPLES]
    cdef int16_t voice[MOST_SAMPLES]
    cdef uint8_t packet[HEADER_BYTES + MOST_SAMPLES]
    cdef Edge *edge
    cdef Leg *source
    cdef bint ramping = False
    cdef int slot
    memset(total, 0, n * sizeof(int32_t))
    for slot in range(MAX_LEGS):
        source = leg.call.legs[slot]
        if source == NULL:
            continue
        edge = &leg.edges[slot]
        if not mix.audible(&edge.gain):
            continue
        if source == pacer:
            if pcm != NULL:
                memcpy(voice, pcm, n * sizeof(int16_t))
                if leg.crossfade:
                    leg.crossfade = False
                    join_playout(worker, leg, pacer, voice, n)
                mix.add(total, voice, n, &edge.gain)
        else:
            playout.playout_read(&edge.playout, &source.voice, voice, n, worker.now_ns)
            mix.add(total, voice, n, &edge.gain)
        ramping |= edge.gain.step != 0
    ramping |= add_tail(worker, leg, total, n)
    mix.saturate(total, voice, n)
    packet[0] = 0x80
    rtp.rewrite(packet, marker, leg.media.payload_type, sequence, timestamp, leg.ssrc)
    g711.encode(leg.media.law, voice, packet + HEADER_BYTES, n)
    transmit(worker, leg, packet, HEADER_BYTES + n)
    add_relaxed(&leg.overlaid, 1)
    remember(worker, leg, sequence, timestamp, n)
    if leg.ramping and not ramping:
        plan_call(worker, leg.call)


cdef void overlay_packet(Worker *worker, Leg *leg, Leg *pacer, const int16_t *pcm, int n, const Header *header) noexcept nogil:
    cdef bint joined
    cdef uint16_t sequence
    cdef int gap
    if leg.timed:
        leg.pacer_run += 1
        if leg.pacer_run < PACER_BACK:
            return                                          # its sound is in its voice; the clock takes it from there
        leg.timed = False
        leg.crossfade = True
        leg.anchored = False
    joined = anchor(worker, leg, header)
    sequence = <uint16_t>(header.sequence + leg.sequence_offset)
    if leg.spoken and not joined:
        gap = <int16_t><uint16_t>(sequence - leg.out_sequence) - 1
        if gap < 0 and gap > -100:
            leg.late += 1
            return
        if 0 < gap <= CONCEALED_MOST:
            while gap > 0:
                mix_frame(worker, leg, pacer, NULL, n, <uint16_t>(leg.out_sequence + 1), leg.out_timestamp + leg.out_samples, False)
                gap -= 1
    mix_frame(worker, leg, pacer, pcm, n, sequence, header.timestamp + leg.timestamp_offset, header.marker or joined)


cdef void on_tick(Worker *worker, Leg *leg) noexcept nogil:
    cdef int64_t frame_ns = <int64_t>leg.media.frame * NS_PER_SAMPLE
    cdef int64_t last_ns = <int64_t>max(leg.media.frame, leg.out_samples) * NS_PER_SAMPLE    # what the last packet held
    cdef int64_t silent_ns = worker.now_ns - leg.emitted_ns
    cdef int burst = 0
    if not leg.timed:
        if silent_ns < last_ns + LATE_NS:
            return
        leg.timed = True
        leg.pacer_run = 0
        leg.due_ns = leg.emitted_ns + last_ns
        if silent_ns > TICK_BURST * frame_ns + LATE_NS:         # a pause, which nobody wants back in one go
            leg.due_ns = worker.now_ns
            leg.out_samples = <int>min(silent_ns // NS_PER_SAMPLE, <int64_t>0x40000000) if leg.spoken else 0
        if leg.pacer != NULL:
            playout.playout_follow(&leg.edges[leg.pacer.slot].playout, &leg.pacer.voice)
    while leg.timed and worker.now_ns >= leg.due_ns:
        mix_frame(worker, leg, NULL, NULL, leg.media.frame, <uint16_t>(leg.out_sequence + 1), leg.out_timestamp + leg.out_samples, False)
        leg.due_ns += frame_ns
        burst += 1
        if burst == TICK_BURST:
            leg.due_ns = worker.now_ns + frame_ns


# ── receiving ────────────────────────────────────────────────────────────────────────────────────────────────────────


cdef void lock(Worker *worker, Leg *leg, const Endpoint *source) noexcept nogil:
    """From now on this source alone: the kernel drops the others from this socket, its stray twin hears them."""
    cdef Event event
    leg.remote = source[0]
    leg.locked = net.connect(leg.fd, &source.raw.any, source.length) == 0
    memset(&event, 0, sizeof(Event))
    event.kind = LATCHED
    event.leg = leg.id
    event.source = source[0]
    post(worker, &event)


cdef bint accept_source(Worker *worker, Leg *leg, const Endpoint *source) noexcept nogil:
    """Symmetric RTP with a lock (RFC 7362): the announced host at once, another only when it keeps sending and the announced does not.

    The very address that SDP names has the leg whenever it is heard: an old source that was still sending, or a stranger that came
    first, cannot keep it out.
    """
    if leg.locked and same(source, &leg.remote):
        return True
    if same(source, &leg.media.remote) or (not leg.locked and same_host(source, &leg.media.remote)):
        lock(worker, leg, source)
        return True
    if leg.locked:
        return False
    if not same(source, &leg.candidate):
        leg.candidate = source[0]
        leg.candidate_packets = 0
    leg.candidate_packets += 1
    if leg.candidate_packets <= CANDIDATE_PACKETS:
        return False
    lock(worker, leg, source)
    return True


cdef void say_key(Worker *worker, Leg *leg, const dtmf.KeyPress *press) noexcept nogil:
    cdef Event event
    memset(&event, 0, sizeof(Event))
    event.kind = KEY
    event.leg = leg.id
    event.value = press.event
    event.count = press.duration // 8
    post(worker, &event)


cdef void insert_key(Worker *worker, Leg *leg, int n, const Header *header) noexcept nogil:
    """A key packet into an overlaid stream, which the clock may be feeding meanwhile: next number, one timestamp for the press."""
    if header.timestamp != leg.key_in or leg.key_out == 0:      # audio may come in between: the press stays one
        leg.key_in = header.timestamp
        leg.key_out = leg.out_timestamp + leg.out_samples
    leg.anchored = False                                        # the pacer's next audio is fitted in behind
    rtp.rewrite(worker.packet, header.marker, <uint8_t>leg.media.event_payload_type, <uint16_t>(leg.out_sequence + 1), leg.key_out,
                leg.ssrc)
    transmit(worker, leg, worker.packet, n)
    leg.out_sequence += 1


cdef void on_key(Worker *worker, Leg *leg, int n, const Header *header, int skipped) noexcept nogil:
    """A telephone-event: lifted out, and passed on only between the parties and only where the leg's keys are to be passed.

    A supervisor who presses a key may mean to whisper from now on. The caller does not hear them until the control plane, which may be
    slow, has said so: it sets the talk path again after every key of theirs.
    """
    cdef dtmf.KeyPress done
    cdef bint begins = not leg.press.reported_once or leg.press.timestamp != header.timestamp
    cdef Leg *listener
    cdef int slot
    if dtmf.take(&leg.press, header.timestamp, worker.packet + header.payload_offset, header.payload_bytes, worker.now_ns, &done):
        say_key(worker, leg, &done)
    if leg.role == SUPERVISOR and begins and leg.press.timestamp == header.timestamp:
        hush(worker, leg)
    for slot in range(MAX_LEGS):
        listener = leg.call.legs[slot]
        if listener == NULL or listener.pacer != leg:
            continue
        if not leg.passes_keys or listener.role == SUPERVISOR or not listener.connected or not listener.media.sends \
                or listener.media.event_payload_type < 0:
            skip_packet(listener, skipped)
        elif listener.pure:
            relay_packet(worker, listener, n, header, <uint8_t>listener.media.event_payload_type, 0)
        else:
            insert_key(worker, listener, n, header)


cdef inline void meter(Leg *leg, const uint8_t *payload, int n) noexcept nogil:
    cdef float share = n / 800.0
    leg.power += (g711.power(leg.media.law, payload, n) - leg.power) * (share if share < 1 else 1)


cdef void hear_tones(Worker *worker, Leg *leg, uint8_t *payload, int n) noexcept nogil:
    """Keys in the audio. What is no longer than the recognition takes (25-40 ms) goes on to the others; the rest of the tone is silenced
    where the leg's keys are not to be passed, so that no far side takes it for a key.
    """
    cdef dtmf.KeyPress press
    cdef int event
    g711.decode(leg.media.law, payload, worker.pcm, n)
    event = tones_hear(leg.tones, worker.pcm, n)
    if event >= 0 and not (leg.press.reported_once and leg.press.event == event and worker.now_ns - leg.press.last_ns < BOTH_WAYS_NS):
        memset(&press, 0, sizeof(dtmf.KeyPress))
        press.event = <uint8_t>event
        press.duration = n
        say_key(worker, leg, &press)
        if leg.role == SUPERVISOR:
            hush(worker, leg)
    if not leg.passes_keys and tones_sounding(leg.tones):
        memset(worker.pcm, 0, n * sizeof(int16_t))
        g711.encode(leg.media.law, worker.pcm, payload, n)


cdef void on_audio(Worker *worker, Leg *leg, int n, const Header *header) noexcept nogil:
    cdef const uint8_t *payload = worker.packet + header.payload_offset
    cdef int samples = header.payload_bytes
    cdef Call *call = leg.call
    cdef Leg *listener
    cdef int slot
    cdef bint overlays = False
    if leg.tones != NULL:
        hear_tones(worker, leg, worker.packet + header.payload_offset, samples)
    for slot in range(MAX_LEGS):
        listener = call.legs[slot]
        if listener != NULL and listener.pacer == leg and listener.connected and listener.media.sends:
            if listener.pure:
                relay_packet(worker, listener, n, header, listener.media.payload_type, samples)
            else:
                overlays = True
    meter(leg, payload, samples)
    if call.history != NULL and leg.role != SUPERVISOR:
        history_write(call.history, <int>leg.role, leg.media.law, header.timestamp, header.ssrc, payload, samples,
                      (worker.now_ns - call.began_ns) // NS_PER_SAMPLE)
    if call.decodes:
        leg.last_samples = 0
        g711.decode(leg.media.law, payload, worker.pcm, samples)
        playout.voice_write(&leg.voice, header.timestamp, header.ssrc, worker.pcm, samples, worker.now_ns)
        if call.tap != NULL and leg.role != SUPERVISOR:
            tap.tap_write(call.tap, <int>leg.role, header.timestamp, header.ssrc, worker.pcm, samples, worker.now_ns)
    else:
        memcpy(leg.last_payload, payload, samples)
        leg.last_samples = samples
        leg.last_timestamp = header.timestamp
    if overlays:
        for slot in range(MAX_LEGS):
            listener = call.legs[slot]
            if listener != NULL and listener.pacer == leg and listener.connected and listener.media.sends and not listener.pure:
                overlay_packet(worker, listener, leg, worker.pcm, samples, header)


cdef void on_no_sound(Worker *worker, Leg *leg, int n, const Header *header, int skipped) noexcept nogil:
    """Silence described (RFC 3389), an empty keep-alive (RFC 6263): passed where the packet itself is; in a mix just silence."""
    cdef Leg *listener
    cdef int slot
    for slot in range(MAX_LEGS):
        listener = leg.call.legs[slot]
        if listener == NULL or listener.pacer != leg or not listener.connected or not listener.media.sends:
            continue
        if listener.pure:
            relay_packet(worker, listener, n, header,
                         <uint8_t>COMFORT_NOISE if header.payload_type == COMFORT_NOISE else listener.media.payload_type, 0)
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
    if leg.call.began_ns == 0:
        leg.call.began_ns = worker.now_ns
    if leg.silent:
        leg.silent = False
        memset(&event, 0, sizeof(Event))
        event.kind = RESUMED
        event.leg = leg.id
        post(worker, &event)
    leg.heard_ns = worker.now_ns


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
    if leg.locked and source != NULL and not same(source, &leg.remote) and not same(source, &leg.media.remote):
        leg.last_foreign = source[0]
        refuse(leg, rtp.FOREIGN_SOURCE)
        return
    refusal = open_packet(leg, worker.packet, &n, &header)
    if refusal != rtp.ACCEPTED:
        refuse(leg, refusal)
        return
    key = header.payload_type == leg.media.event_payload_type
    noise = header.payload_type == COMFORT_NOISE
    if header.payload_type != leg.media.payload_type and not key and not noise:
        refuse(leg, rtp.PAYLOAD_TYPE)
        return
    if header.payload_bytes > MOST_SAMPLES:
        refuse(leg, rtp.TOO_LONG)
        return
    if source != NULL and not accept_source(worker, leg, source):
        leg.last_foreign = source[0]
        refuse(leg, rtp.FOREIGN_SOURCE)
        return
    if not leg.media.receives:
        refuse(leg, rtp.NOT_EXPECTED)
        return
    hear(worker, leg)
    restarts = leg.reception.restarts
    skipped = reception.receive(&leg.reception, header.sequence, header.timestamp, header.ssrc, header.payload_bytes, worker.now_ns)
    if leg.reception.restarts != restarts:
        fit_again(leg)
    if key:
        on_key(worker, leg, n, &header, skipped)
    elif noise or header.payload_bytes == 0:
        on_no_sound(worker, leg, n, &header, skipped)
    else:
        on_audio(worker, leg, n, &header)


# ── looking around ───────────────────────────────────────────────────────────────────────────────────────────────────


cdef void report_refusals(Worker *worker, Leg *leg) noexcept nogil:
    cdef Event event
    cdef int reason
    for reason in range(1, <int>rtp.REFUSALS_END):
        if leg.refused[reason] == leg.reported[reason] or worker.now_ns - leg.reported_ns[reason] < REPORT_NS:
            continue
        memset(&event, 0, sizeof(Event))
        event.kind = REFUSED
        event.leg = leg.id
        event.value = reason
        event.count = <int>(leg.refused[reason] - leg.reported[reason])
        if reason == rtp.FOREIGN_SOURCE:
            event.source = leg.last_foreign
        leg.refusals_told += leg.refused[reason] - leg.reported[reason]
        leg.reported[reason] = leg.refused[reason]
        leg.reported_ns[reason] = worker.now_ns
        post(worker, &event)


cdef void on_sweep(Worker *worker, Leg *leg) noexcept nogil:
    cdef Event event
    cdef dtmf.KeyPress done
    if dtmf.expire(&leg.press, worker.now_ns, &done):
        say_key(worker, leg, &done)
    if leg.heard_ns and not leg.silent and worker.now_ns - leg.heard_ns > worker.rtp_timeout_ns:
        leg.silent = True
        leg.power = 0
        memset(&event, 0, sizeof(Event))
        event.kind = SILENT
        event.leg = leg.id
        event.value = <int>((worker.now_ns - leg.heard_ns) // 1000000)
        post(worker, &event)
    if leg.refusals != leg.refusals_told:
        report_refusals(worker, leg)
