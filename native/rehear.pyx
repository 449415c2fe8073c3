"""One listener hears again what the parties just said.

Read from the history, which is there anyway, while the mix that is not heard goes on: so coming back to it is a cross-fade.
"""
from libc.stdint cimport int16_t, int64_t
from libc.string cimport memset

from native.history cimport History, history_begin
from native.tempo cimport TEMPO_FRAME, tempo_frame, tempo_join, tempo_start

cdef enum:
    RAMP_SAMPLES = 80           # 10 ms at 8 kHz, 5 ms at 16

cdef float SPEED = 1.5


cdef void rehear_toggle(Rehearing *self, const History *history, int64_t end, double seconds) noexcept nogil:
    if self.on or seconds <= 0:
        self.on = False
        return
    self.on = True
    self.given = TEMPO_FRAME
    tempo_start(&self.tempo, max(history_begin(history), end - <int64_t>(seconds * 8000)), SPEED)


cdef void next_frame(Rehearing *self, const History *history, int64_t end) noexcept nogil:
    cdef int16_t caller[TEMPO_FRAME]
    cdef int16_t advisor[TEMPO_FRAME]
    cdef int i
    self.given = 0
    if self.tempo.head < history_begin(history):
        tempo_start(&self.tempo, history_begin(history), SPEED)
    if tempo_frame(&self.tempo, history, end, caller, advisor) < 0:
        if not self.on:
            memset(self.pcm, 0, sizeof(self.pcm))
            return
        self.on = False
        tempo_join(&self.tempo, history, end // TEMPO_FRAME * TEMPO_FRAME, caller, advisor)
    for i in range(TEMPO_FRAME):
        self.pcm[i] = <int16_t>max(-32768, min(32767, <int>caller[i] + advisor[i]))


cdef void rehear(Rehearing *self, const History *history, int64_t end, int16_t *pcm, int n, bint wide) noexcept nogil:
    cdef int i, past
    for i in range(n):
        if not rehearing(self):
            return
        if self.given == TEMPO_FRAME:
            next_frame(self, history, end)
        past = self.pcm[self.given]
        if wide and not self.half:                          # between two samples of 8 kHz
            past = (past + self.last) // 2
            self.half = True
        else:
            self.last = <int16_t>past
            self.half = False
            self.given += 1
        pcm[i] = <int16_t>((pcm[i] * (RAMP_SAMPLES - self.weight) + past * self.weight) // RAMP_SAMPLES)
        if self.on:
            self.weight += self.weight < RAMP_SAMPLES
        else:
            self.weight -= self.weight > 0
