"""Keys that a leg presses, as telephone-events (RFC 4733) or as tones in its audio: told, and kept from whom they are not for."""
from libc.stdint cimport int16_t, uint8_t, uint16_t
from libc.string cimport memset

from native cimport dtmf, g711, rtp
from native.outgoing cimport relay_packet, skip_packet, transmit
from native.playout cimport Voice, voice_copy, voice_hush
from native.rtp cimport Header
from native.session cimport Event, KEY, Leg, MAX_LEGS, SUPERVISOR, Worker, post
from native.source cimport NARROW
from native.talkpath cimport hush, plan_call
from native.tones cimport tones_hear, tones_sounding

cdef enum:
    BOTH_WAYS_NS = 400000000    # a key that came as telephone-event is not heard again as a tone within this


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
    cdef uint8_t *payload = worker.packet + header.payload_offset
    cdef int slot, ticks = dtmf.duration(payload) if header.payload_bytes >= 4 else -1
    if dtmf.take(&leg.press, header.timestamp, payload, header.payload_bytes, worker.now_ns):
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
            continue
        if ticks >= 0:
            dtmf.restate(payload, ticks, leg.media.event_clock_khz, listener.media.event_clock_khz)
        if listener.pure:
            relay_packet(worker, listener, n, header, <uint8_t>listener.media.event_payload_type, 0)
        else:
            insert_key(worker, listener, n, header)


cdef void listen(Worker *worker, Leg *leg, int n) noexcept nogil:
    """For a key in the n samples at 8 kHz in worker.pcm."""
    cdef int event = tones_hear(leg.tones, worker.pcm, n)
    if event >= 0 and not (leg.press.seen and leg.press.event == event and worker.now_ns - leg.press.last_ns < BOTH_WAYS_NS):
        say_key(worker, leg, event, n // 8)
        if leg.role == SUPERVISOR:
            hush(worker, leg)


cdef void hear_tones(Worker *worker, Leg *leg, uint8_t *payload, int n) noexcept nogil:
    """Keys in the audio. What is no longer than the recognition takes (25-40 ms) goes on to the others; the rest of the tone is silenced
    where the leg's keys are not to be passed, so that no far side takes it for a key.
    """
    g711.decode(<g711.Law>leg.media.kind, payload, worker.pcm, n)
    listen(worker, leg, n)
    if not leg.passes_keys and tones_sounding(leg.tones):
        memset(worker.pcm, 0, n * sizeof(int16_t))
        g711.encode(<g711.Law>leg.media.kind, worker.pcm, payload, n)


cdef void hear_decoded_tones(Worker *worker, Leg *leg, int samples) noexcept nogil:
    """Bytes of a codec with memory cannot be silenced by themselves: while a key sounds, packets are made for who was relayed to."""
    cdef Voice *narrow = &leg.source.voices[<int>NARROW]
    cdef int n = samples * 8 // leg.media.khz
    cdef bint muffled
    voice_copy(narrow, narrow.end - n, worker.pcm, n)
    listen(worker, leg, n)
    muffled = not leg.passes_keys and tones_sounding(leg.tones)
    if muffled:
        voice_hush(narrow, n)
        if leg.media.rate != NARROW:
            voice_hush(&leg.source.voices[leg.media.rate], samples)
    if muffled != leg.muffled:
        leg.muffled = muffled
        plan_call(worker, leg.call)
