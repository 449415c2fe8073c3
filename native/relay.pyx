"""One packet's way through a call.

Checked (source, header, payload type), counted, then given to every listener whose pace its leg sets: first to the other party, whose
conversation it is. What a listener hears of it is either the packet itself with another header (relay) or its sound with others' added
(overlay). Sequence numbers and timestamps follow the pacer's, so the far side sees its real losses and timing.
"""
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.errno cimport ECONNREFUSED, errno
from libc.string cimport memcpy, memset

from native cimport codec, dtmf, g711, mix, playout, reception, reports, rtcp, rtp, srtp, tap
from native.chime cimport chime_add, chime_begin, chiming
from native.codec cimport G722, PCMU
from native.endpoint cimport Endpoint, behind_nat, same, same_host
from native.legreports cimport on_report, sweep_reports
from native.history cimport history_write
from native.includes cimport net
from native.includes.atomics cimport add_relaxed
from native.rehear cimport rehear, rehear_toggle, rehearing
from native.rtp cimport HEADER_BYTES, Header, MOST_SAMPLES
from native.session cimport (
    ADVISOR, Call, Edge, Event, KEPT_SAMPLES, KEY, LATCHED, Leg, MAX_LEGS, PACKET_BYTES, REFUSED, RESUMED, SILENT, SUPERVISOR, Worker, post,
)
from native.source cimport NARROW, WIDE, source_take
from native.srtpkeys cimport SRTP_AUTH, SRTP_OK, SRTP_REPLAY, Verdict
from native.talkpath cimport hush, plan_call
from native.tones cimport tones_hear, tones_sounding

cdef enum:
    COMFORT_NOISE = 13          # RFC 3389
    CONCEALED_MOST = 3          # packets lost in a row whose place an overlay still fills
    CANDIDATE_PACKETS = 5       # of one stream in a row that an unannounced source must send before the leg is locked to it
    UNLIKELY_PACKETS = 25       # the same where SDP named an address that can be reached
    CANDIDATE_STEP = 3          # between the numbers of two of them: some may be lost
    LOW_SEQUENCES = 0x3FFF      # a mask: where a secured stream's sequence numbers begin
    NS_PER_MS = 1000000
    NS_PER_NARROW = 125000      # at 8 kHz, the rate of taps and history
    MOST_OUT = PACKET_BYTES - HEADER_BYTES  # of a payload made here [bytes]
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
    cdef int payload = n - HEADER_BYTES
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
    if sent < 0 and errno == ECONNREFUSED:                  # of an earlier packet, told in place of sending this one
        refuse(leg, rtp.UNREACHABLE)
        sent = net.send(leg.fd, packet, n, net.MSG_NOSIGNAL)
    if sent == n:
        add_relaxed(&leg.sent, 1)
        leg.sent_bytes += payload
        worker.sent += 1
    else:
        refuse(leg, rtp.SEND_FAILED)


cdef inline void remember(Worker *worker, Leg *leg, uint16_t sequence, uint32_t timestamp, int ticks) noexcept nogil:
    """Note the newest packet sent, for whoever sets the pace next."""
    if not leg.spoken or <int16_t><uint16_t>(sequence - leg.out_sequence) > 0:
        leg.out_sequence = sequence
        leg.out_timestamp = timestamp
        leg.out_ticks = ticks
    leg.spoken = True
    leg.emitted_ns = worker.now_ns


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


# ── overlay ──────────────────────────────────────────────────────────────────────────────────────────────────────────


cdef void join_playout(Worker *worker, Leg *leg, Leg *pacer, int16_t *pcm, int n) noexcept nogil:
    """The pacer takes the pace back: cross from where this leg's playout of it stood into its packet."""
    cdef int16_t tail[playout.FADE_MS * 16]
    cdef int i, length = min(<int>playout.FADE_MS * leg.media.khz, n)
    playout.playout_read(&leg.edges[pacer.slot].playout, &pacer.source.voices[leg.media.rate], tail, length, worker.now_ns)
    for i in range(length):
        pcm[i] = <int16_t>((pcm[i] * i + tail[i] * (length - i)) // length)
    leg.edges[pacer.slot].playout.synced = False


cdef bint add_tail(Worker *worker, Leg *leg, int32_t *total, int n) noexcept nogil:
    """The echo of what was just closed; True while some is left."""
    cdef int i, given = mix.RAMP_MS * leg.media.khz - leg.tail_left
    if worker.now_ns - leg.tail_ns > TAIL_NS:
        leg.tail_left = 0
    n = min(n, leg.tail_left)
    for i in range(n):
        total[i] += leg.tail[given + i]
    leg.tail_left -= n
    return leg.tail_left > 0


cdef inline bint laid_over(const Leg *leg, const Leg *pacer) noexcept nogil:
    """Can others be added to the pacer's packet without decoding it (see codec_overlay)?"""
    return (pacer != NULL and leg.media.kind == G722 and pacer.media.kind == G722 and not leg.crossfade
            and mix.steady_unity(&leg.edges[pacer.slot].gain))


cdef void pacers_frame(Worker *worker, Leg *leg, Leg *pacer, int64_t position, int16_t *pcm, int n) noexcept nogil:
    """The pacer's own n samples from `position` of its voice on: at once, through no buffer."""
    cdef const playout.Playout *heard = &leg.edges[pacer.slot].playout
    cdef int i
    playout.voice_copy(&pacer.source.voices[leg.media.rate], position, pcm, n)
    if position < heard.opened:                             # said before this leg was to hear it
        for i in range(<int>min(<int64_t>n, heard.opened - position)):
            pcm[i] = 0
    if leg.crossfade:
        leg.crossfade = False
        join_playout(worker, leg, pacer, pcm, n)


cdef int64_t past_end(const Worker *worker, const Call *call) noexcept nogil:
    """Up to here all is in the history that will be, but for what is later than a tap would wait."""
    return max(<int64_t>0, (worker.now_ns - call.began_ns) // NS_PER_NARROW - tap.TAP_DELAY)


cdef void on_rehear(Worker *worker, Leg *leg, double seconds) noexcept nogil:
    if leg.call.history != NULL and leg.call.began_ns:
        rehear_toggle(&leg.rehearing, leg.call.history, past_end(worker, leg.call), seconds)
        plan_call(worker, leg.call)


cdef void on_chime(Worker *worker, Leg *leg) noexcept nogil:
    if leg.role == ADVISOR and leg.connected and leg.media.sends:
        chime_begin(&leg.chime)
        plan_call(worker, leg.call)


cdef void mix_frame(Worker *worker, Leg *leg, Leg *pacer, int64_t position, bint whole, int n, uint16_t sequence, uint32_t timestamp,
                    bint marker) noexcept nogil:
    """Make and send n samples as this leg hears them.

    pacer: who is heard from `position` of its voice on, with `whole` in a packet just decoded; NULL: everybody by playout.
    """
    cdef int32_t total[MOST_SAMPLES]
    cdef int16_t voice[MOST_SAMPLES]
    cdef uint8_t packet[PACKET_BYTES]
    cdef Edge *edge
    cdef Leg *other
    cdef bint ramping = False
    cdef bint over = whole and laid_over(leg, pacer) and not rehearing(&leg.rehearing)
    cdef int slot, bytes = -1
    memset(total, 0, n * sizeof(int32_t))
    for slot in range(MAX_LEGS):
        other = leg.call.legs[slot]
        if other == NULL:
            continue
        edge = &leg.edges[slot]
        if not mix.audible(&edge.gain):
            continue
        if other != pacer:
            playout.playout_read(&edge.playout, &other.source.voices[leg.media.rate], voice, n, worker.now_ns)
            mix.add(total, voice, n, &edge.gain)
        elif not over:
            pacers_frame(worker, leg, pacer, position, voice, n)
            mix.add(total, voice, n, &edge.gain)
        ramping |= edge.gain.step != 0
    ramping |= add_tail(worker, leg, total, n)
    if chiming(&leg.chime):
        chime_add(&leg.chime, total, n, leg.media.khz)
        ramping |= chiming(&leg.chime)
    if over:
        mix.saturate(total, voice, n)
        bytes = codec.codec_overlay(leg.codec, pacer.codec, voice, n, packet + HEADER_BYTES, MOST_OUT)
        if bytes < 0:
            pacers_frame(worker, leg, pacer, position, voice, n)
            mix.add(total, voice, n, &leg.edges[pacer.slot].gain)
    if bytes < 0:
        mix.saturate(total, voice, n)
        if rehearing(&leg.rehearing):
            rehear(&leg.rehearing, leg.call.history, past_end(worker, leg.call), voice, n, leg.media.rate == WIDE)
            ramping |= rehearing(&leg.rehearing)
        bytes = codec.codec_encode(leg.codec, voice, n, packet + HEADER_BYTES, MOST_OUT)
    if bytes > 0:
        packet[0] = 0x80
        rtp.rewrite(packet, marker, leg.media.payload_type, sequence, timestamp, leg.ssrc)
        transmit(worker, leg, packet, HEADER_BYTES + bytes)
        add_relaxed(&leg.overlaid, 1)
    leg.made = True
    remember(worker, leg, sequence, timestamp, codec.codec_ticks(leg.codec, n))
    if leg.ramping and not ramping:
        plan_call(worker, leg.call)


cdef void cut_anew(Worker *worker, Leg *leg, Leg *pacer) noexcept nogil:
    """This leg's codec has no packets as long as the pacer's: from now on the clock makes some, of the leg's own length."""
    if not leg.repacked:
        leg.repacked = True
        plan_call(worker, leg.call)
    if not leg.timed:
        leg.timed = True
        leg.due_ns = worker.now_ns
        playout.playout_reset(&leg.edges[pacer.slot].playout, &pacer.source.voices[leg.media.rate])


cdef void overlay_packet(Worker *worker, Leg *leg, Leg *pacer, int samples, const Header *header) noexcept nogil:
    """samples: of the packet, which the pacer's voices now end with."""
    cdef const playout.Voice *voice = &pacer.source.voices[leg.media.rate]
    cdef bint joined, made_up
    cdef uint16_t sequence
    cdef uint32_t timestamp
    cdef int gap, n = samples * leg.media.khz // pacer.media.khz
    if leg.repacked or not codec.codec_makes(leg.codec, n, MOST_OUT):
        cut_anew(worker, leg, pacer)
        return                                              # its sound is in its voice; the clock takes it from there
    if leg.timed:
        leg.pacer_run += 1
        if leg.pacer_run < PACER_BACK:
            return
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
            made_up = voice.gap_at + voice.gap == voice.end - n
            while gap > 0:
                mix_frame(worker, leg, pacer, voice.end - n * (gap + 1) if made_up and n * gap <= voice.gap else voice.end, False, n,
                          <uint16_t>(leg.out_sequence + 1), leg.out_timestamp + leg.out_ticks, False)
                gap -= 1
    timestamp = header.timestamp + leg.timestamp_offset
    if leg.media.clock_khz != pacer.media.clock_khz:
        timestamp = rtp.rescale(&leg.pace, header.timestamp, pacer.media.clock_khz, leg.media.clock_khz)
    mix_frame(worker, leg, pacer, voice.end - n, True, n, sequence, timestamp, header.marker or joined)
    if leg.settle_ns and (worker.now_ns > leg.settle_ns or codec.codec_agrees(leg.codec, pacer.codec)):
        leg.made = False
        plan_call(worker, leg.call)


cdef void on_tick(Worker *worker, Leg *leg) noexcept nogil:
    cdef int64_t frame_ns = <int64_t>leg.media.frame * NS_PER_MS // leg.media.khz
    cdef int64_t last_ns = max(frame_ns, <int64_t>leg.out_ticks * NS_PER_MS // leg.media.clock_khz)     # what the last packet held
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
            leg.out_ticks = <int>min(silent_ns * leg.media.clock_khz // NS_PER_MS, <int64_t>0x40000000) if leg.spoken else 0
        if leg.pacer != NULL:
            playout.playout_follow(&leg.edges[leg.pacer.slot].playout, &leg.pacer.source.voices[leg.media.rate])
    while leg.timed and worker.now_ns >= leg.due_ns:
        mix_frame(worker, leg, NULL, 0, False, leg.media.frame, <uint16_t>(leg.out_sequence + 1), leg.out_timestamp + leg.out_ticks, False)
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


cdef void say_key(Worker *worker, Leg *leg, int key, int lasted_ms) noexcept nogil:
    cdef Event event
    memset(&event, 0, sizeof(Event))
    event.kind = KEY
    event.leg = leg.id
    event.value = key
    event.count = lasted_ms
    post(worker, &event)


cdef void insert_key(Worker *worker, Leg *leg, int n, const Header *header) noexcept nogil:
    """A key packet into an overlaid stream, which the clock may be feeding meanwhile: next number, one timestamp for the press."""
    if header.timestamp != leg.key_in or leg.key_out == 0:      # audio may come in between: the press stays one
        leg.key_in = header.timestamp
        leg.key_out = leg.out_timestamp + leg.out_ticks
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
    cdef Leg *listener
    cdef int slot
    if dtmf.take(&leg.press, header.timestamp, worker.packet + header.payload_offset, header.payload_bytes, worker.now_ns):
        say_key(worker, leg, leg.press.event, leg.press.duration // leg.media.event_clock_khz)
        if leg.role == SUPERVISOR:
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


cdef inline void meter(Leg *leg, float power, int ms) noexcept nogil:
    cdef float share = ms / <float>100
    leg.power += (power - leg.power) * (share if share < 1 else 1)


cdef inline int ticks_in(const Leg *leg, const uint8_t *payload, int bytes) noexcept nogil:
    """RTP time of a payload; 0 where its codec cannot tell."""
    if leg.media.kind <= G722:                              # a byte a tick: RFC 3551 §4.5.2
        return bytes
    return max(0, codec.codec_ticks(leg.codec, codec.codec_samples(leg.codec, payload, bytes)))


cdef void keep_passed(Leg *leg, const uint8_t *payload, int bytes, uint32_t timestamp) noexcept nogil:
    """A packet that nobody needs decoded: kept, so that a voice can begin with it."""
    if leg.media.kind <= PCMU:
        memcpy(leg.last_payload, payload, bytes)
    else:
        codec.codec_pass(leg.codec, payload, bytes)
    leg.last_bytes = bytes
    leg.last_timestamp = timestamp


cdef void tell_listeners(Worker *worker, Leg *leg, const uint8_t *payload, int samples, const Header *header) noexcept nogil:
    """A decoded packet into the call's tap and history, which are at 8 kHz: of a wideband leg they get its narrow voice."""
    cdef const playout.Voice *voice = &leg.source.voices[<int>NARROW]
    cdef uint8_t codes[KEPT_SAMPLES]
    cdef Call *call = leg.call
    cdef int n = samples * 8 // leg.media.khz
    cdef uint32_t timestamp = rtp.rescale(&leg.tap_time, header.timestamp, leg.media.clock_khz, 8)
    if leg.media.rate != NARROW:
        playout.voice_copy(voice, voice.end - n, worker.pcm, n)
    elif leg.source.blended:                                # they have what came, and silence for what did not
        codec.codec_plain(leg.codec, payload, worker.pcm, n)
    if call.tap != NULL:
        tap.tap_write(call.tap, <int>leg.role, timestamp, header.ssrc, worker.pcm, n, worker.now_ns)
    if call.history != NULL and leg.media.kind > PCMU:
        g711.encode(g711.ALAW, worker.pcm, codes, n)
        history_write(call.history, <int>leg.role, g711.ALAW, timestamp, header.ssrc, codes, n,
                      (worker.now_ns - call.began_ns) // NS_PER_NARROW)


cdef int decode_packet(Worker *worker, Leg *leg, const uint8_t *payload, int bytes, const Header *header) noexcept nogil:
    """Into the leg's voices and the tap. Returns the samples that came new at their end."""
    cdef int64_t before = leg.source.voices[leg.media.rate].end
    cdef int samples = source_take(&leg.source, leg.codec, payload, bytes, header.timestamp, header.ssrc, worker.now_ns, worker.pcm)
    leg.last_bytes = 0
    if samples > 0:
        meter(leg, codec.codec_power(worker.pcm, samples), samples // leg.media.khz)
        if leg.role != SUPERVISOR and (leg.call.tap != NULL or leg.call.history != NULL):
            tell_listeners(worker, leg, payload, samples, header)
    return samples if leg.source.voices[leg.media.rate].end > before else 0


cdef void hear_tones(Worker *worker, Leg *leg, uint8_t *payload, int n) noexcept nogil:
    """Keys in the audio. What is no longer than the recognition takes (25-40 ms) goes on to the others; the rest of the tone is silenced
    where the leg's keys are not to be passed, so that no far side takes it for a key.
    """
    cdef int event
    g711.decode(<g711.Law>leg.media.kind, payload, worker.pcm, n)
    event = tones_hear(leg.tones, worker.pcm, n)
    if event >= 0 and not (leg.press.seen and leg.press.event == event and worker.now_ns - leg.press.last_ns < BOTH_WAYS_NS):
        say_key(worker, leg, event, n // 8)
        if leg.role == SUPERVISOR:
            hush(worker, leg)
    if not leg.passes_keys and tones_sounding(leg.tones):
        memset(worker.pcm, 0, n * sizeof(int16_t))
        g711.encode(<g711.Law>leg.media.kind, worker.pcm, payload, n)


cdef void on_audio(Worker *worker, Leg *leg, int n, const Header *header) noexcept nogil:
    cdef const uint8_t *payload = worker.packet + header.payload_offset
    cdef int bytes = header.payload_bytes, samples
    cdef int ticks = ticks_in(leg, payload, bytes)
    cdef Call *call = leg.call
    cdef Leg *listener
    cdef int slot
    cdef bint overlays = False
    if leg.tones != NULL and leg.media.kind <= PCMU:
        hear_tones(worker, leg, worker.packet + header.payload_offset, bytes)
    for slot in range(MAX_LEGS):
        listener = call.legs[slot]
        if listener != NULL and listener.pacer == leg and listener.connected and listener.media.sends:
            if listener.pure:
                relay_packet(worker, listener, n, header, listener.media.payload_type, ticks)
            else:
                overlays = True
    if call.history != NULL and leg.role != SUPERVISOR and leg.media.kind <= PCMU:
        history_write(call.history, <int>leg.role, <g711.Law>leg.media.kind, header.timestamp, header.ssrc, payload, bytes,
                      (worker.now_ns - call.began_ns) // NS_PER_NARROW)
    if not call.decodes:
        if leg.media.kind <= PCMU:
            meter(leg, g711.power(<g711.Law>leg.media.kind, payload, bytes), bytes >> 3)
        keep_passed(leg, payload, bytes, header.timestamp)
        return
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
            listener.late += 1


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
    noise = header.payload_type == COMFORT_NOISE
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
    sweep_reports(worker, leg)
