"""A leg's memory: taken and freed by the control plane, the media thread's own in between."""
import base64
import secrets

from libc.stdint cimport int16_t, uint8_t, uintptr_t
from libc.stdlib cimport calloc, free

from native.clock cimport now_ns
from native.codec cimport KINDS, codec_close
from native.playout cimport voice_open, voice_samples
from native.reports cimport begin as reports_begin
from native.resample cimport resample_close, resample_open
from native.session cimport Command, Leg
from native.source cimport NARROW, WIDE
from native.tones cimport tones_close, tones_open


cdef Leg *leg_open(bint hears_tones) except NULL:
    cdef bytes cname = base64.b64encode(secrets.token_bytes(12))
    cdef Leg *leg = <Leg *>calloc(1, sizeof(Leg))
    if leg == NULL:
        raise MemoryError()
    if hears_tones:
        leg.tones = tones_open()
        if leg.tones == NULL:
            free(leg)
            raise MemoryError()
    leg.ssrc = secrets.randbits(32)
    leg.mixing_index = -1
    leg.given_rate = -1
    voice_open(&leg.source.voices[<int>NARROW], leg.narrow, 8)
    voice_open(&leg.source.voices[<int>WIDE], NULL, 16)
    reports_begin(&leg.reports, secrets.randbits(64), <const uint8_t *>cname, now_ns())
    return leg


cdef void leg_free(Leg *leg) noexcept:
    cdef int kind
    for kind in range(<int>KINDS):
        if leg.codecs[kind] != NULL:
            codec_close(leg.codecs[kind])
    free(leg.given.wide)
    resample_close(&leg.given.up)
    resample_close(&leg.given.down)
    tones_close(leg.tones)
    free(leg)


cdef int outfit(list members, Command *command) except -1:
    cdef uintptr_t address
    cdef Leg *leg
    cdef bint wide = False
    for address in members:
        wide |= (<Leg *>address).given_rate == WIDE
    if not wide:
        return 0
    for address in members:
        leg = <Leg *>address
        if leg.given_rate < 0:
            continue
        if leg.given.wide == NULL:
            leg.given.wide = <int16_t *>calloc(voice_samples(16), sizeof(int16_t))
            if leg.given.wide == NULL:
                raise MemoryError()
        if leg.given_rate == NARROW and leg.given.up.state == NULL:
            resample_open(&leg.given.up, 8000, 16000)
        if leg.given_rate == WIDE and leg.given.down.state == NULL:
            resample_open(&leg.given.down, 16000, 8000)
        command.gifts[leg.slot] = leg.given
    return 0
