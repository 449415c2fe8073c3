"""A source's recent audio and its readers.

Delay is governed by *slack*: what a voice holds beyond what a reader takes, at the moment it takes it. Too little, and jitter runs the
reader dry; too much is delay that nobody wants back. The least slack over two seconds is what was never needed: it is trimmed, and a
slack that shrinks (a slower clock) is stretched, by one sample a frame (0.6 %, inaudible). So neither a burst nor a drifting clock
leaves a lasting delay. Audio that came in the last 3 ms does not count as slack: with a little jitter it might not be there.
"""
from libc.stdint cimport int16_t, int32_t, int64_t, uint32_t

import numpy as np

cdef enum:
    LONGEST_GAP = 480           # 60 ms: longer is a pause (DTX, hold), not a loss
    WINDOW_READS = 100          # two seconds of 20 ms frames
    TRIM_ABOVE = 40             # 5 ms of slack never used
    STRETCH_BELOW = 4           # half a millisecond left
    JUMP_ABOVE = 960            # 120 ms: too much to trim away slowly
    STARVED_OUT = 800           # 100 ms without audio: the source has stopped
    JUST_IN_TIME_NS = 3000000


cdef inline void put(Voice *self, int64_t position, const int16_t *pcm, int n) noexcept nogil:
    cdef int i
    for i in range(n):
        self.pcm[(position + i) & VOICE_MASK] = pcm[i]


cdef void voice_write(Voice *self, uint32_t timestamp, uint32_t ssrc, const int16_t *pcm, int n, int64_t now_ns) noexcept nogil:
    cdef int32_t gap
    cdef int i
    if not self.started or ssrc != self.ssrc:
        self.started = True
        self.ssrc = ssrc
        self.end_timestamp = timestamp
    gap = <int32_t>(timestamp - self.end_timestamp)
    if gap < 0 and gap > -(VOICE_SAMPLES - n) and -gap <= self.end:
        put(self, self.end + gap, pcm, n if n < -gap else -gap)         # late: to its place, as far as it was left open
        return
    self.end_before = self.end
    self.arrived_ns = now_ns
    if 0 < gap <= LONGEST_GAP:
        self.gap_at = self.end
        self.gap = gap
        for i in range(gap):
            self.pcm[(self.end + i) & VOICE_MASK] = 0
        self.end += gap
    put(self, self.end, pcm, n)
    self.end += n
    self.end_timestamp = timestamp + n


cdef void playout_open(Playout *self, const Voice *voice) noexcept nogil:
    playout_reset(self, voice)
    self.opened = voice.end


cdef void playout_reset(Playout *self, const Voice *voice) noexcept nogil:
    self.synced = False
    self.cursor = voice.end
    self.fade_in = FADE_SAMPLES
    self.trim = 0
    self.window = 0


cdef void playout_follow(Playout *self, const Voice *voice) noexcept nogil:
    playout_reset(self, voice)
    self.synced = voice.end > 0
    self.starved = 0
    self.fade_in = 0


cdef inline void copy(const Voice *voice, int64_t position, int16_t *pcm, int n) noexcept nogil:
    cdef int i
    for i in range(n):
        pcm[i] = voice.pcm[(position + i) & VOICE_MASK]


cdef inline void resample(const Voice *voice, int64_t position, int taken, int16_t *pcm, int n) noexcept nogil:
    """n samples from `taken` (n ± 1) by linear interpolation; the last stays a sample short of the next frame's first."""
    cdef int i, at, place
    cdef int before, after
    for i in range(n):
        place = i * taken
        at = place // n
        before = voice.pcm[(position + at) & VOICE_MASK]
        after = voice.pcm[(position + at + (1 if at + 1 < taken else 0)) & VOICE_MASK]
        pcm[i] = <int16_t>(before + (after - before) * (place - at * n) // n)


cdef void starve(Playout *self, const Voice *voice, int16_t *pcm, int have, int n) noexcept nogil:
    """Give what there is, then its mirror image faded out: no edge at the joint, nothing repeated for long."""
    cdef int i, at
    copy(voice, self.cursor, pcm, have)
    for i in range(have, n):
        at = i - have
        if self.starved == 0 and at < FADE_SAMPLES and voice.end - 1 - at >= self.opened:
            pcm[i] = <int16_t>(voice.pcm[(voice.end - 1 - at) & VOICE_MASK] * (FADE_SAMPLES - at) // (FADE_SAMPLES + 1))
        else:
            pcm[i] = 0
    if self.starved == 0:
        self.underruns += 1
    self.starved += n - have
    self.cursor = voice.end
    self.fade_in = FADE_SAMPLES
    self.window = 0
    self.trim = 0
    if self.starved > STARVED_OUT:
        self.synced = False


cdef void govern(Playout *self, int slack) noexcept nogil:
    """Find out over a window of reads how much slack is never used, and trim or stretch towards the guard."""
    if self.trim:
        return
    if self.window == 0 or slack < self.least:
        self.least = slack
    self.window += 1
    if self.window < WINDOW_READS:
        return
    self.window = 0
    if self.least > TRIM_ABOVE or self.least < STRETCH_BELOW:
        self.trim = self.least - GUARD_SAMPLES


cdef inline void fade_in(Playout *self, int16_t *pcm, int n) noexcept nogil:
    cdef int i = 0
    while self.fade_in > 0 and i < n:
        pcm[i] = <int16_t>(pcm[i] * (FADE_SAMPLES - self.fade_in) // FADE_SAMPLES)
        self.fade_in -= 1
        i += 1


cdef void playout_read(Playout *self, const Voice *voice, int16_t *pcm, int n, int64_t now_ns) noexcept nogil:
    cdef int64_t have = voice.end - self.cursor
    cdef int i, slack, spare, taken
    if not self.synced:
        if have < n:
            for i in range(n):
                pcm[i] = 0
            return
        self.synced = True
        self.starved = 0
        self.window = 0
        if have > n + GUARD_SAMPLES:
            self.cursor = voice.end - n - GUARD_SAMPLES
        have = voice.end - self.cursor
    if self.starved and voice.gap and voice.gap_at == self.cursor:
        self.cursor += min(voice.gap, self.starved)         # that silence was given already
        have = voice.end - self.cursor
    if have < n:
        starve(self, voice, pcm, <int>max(0, have), n)
        return
    self.starved = 0
    if have - n > JUMP_ABOVE:
        self.cursor = voice.end - n - GUARD_SAMPLES
        have = n + GUARD_SAMPLES
        self.fade_in = FADE_SAMPLES
        self.window = 0
        self.trim = 0
    slack = <int>have - n
    spare = slack
    if slack > STRETCH_BELOW and now_ns - voice.arrived_ns < JUST_IN_TIME_NS:
        spare = <int>max(voice.end_before - self.cursor - n, STRETCH_BELOW)
    govern(self, spare)
    taken = n
    if self.trim > 0 and slack > 0:
        taken = n + 1
        self.trim -= 1
    elif self.trim < 0:
        taken = n - 1
        self.trim += 1
    if taken == n:
        copy(voice, self.cursor, pcm, n)
    else:
        resample(voice, self.cursor, taken, pcm, n)
    self.cursor += taken
    if self.fade_in:
        fade_in(self, pcm, n)


cdef class PlayoutProbe:
    """One voice and one listener of it, for tests: what the media thread does with them, step by step. One Python thread."""

    cdef Voice voice
    cdef Playout playout

    def write(self, timestamp, samples, now_ms=0.0, ssrc=1):
        """A packet of int16 samples, at most MOST_SAMPLES."""
        cdef const int16_t[::1] pcm = samples
        voice_write(&self.voice, <uint32_t>(timestamp & 0xFFFFFFFF), ssrc, &pcm[0], <int>pcm.shape[0], <int64_t>(now_ms * 1000000))

    def read(self, int n, now_ms=1000000.0):
        """The listener's next n samples (int16)."""
        out = np.empty(n, dtype=np.int16)
        cdef int16_t[::1] pcm = out
        playout_read(&self.playout, &self.voice, &pcm[0], n, <int64_t>(now_ms * 1000000))
        return out

    def reset(self):
        playout_reset(&self.playout, &self.voice)

    def follow(self):
        playout_follow(&self.playout, &self.voice)

    @property
    def slack(self):
        """Samples written and not yet read."""
        return self.voice.end - self.playout.cursor

    @property
    def underruns(self):
        return self.playout.underruns

    @property
    def synced(self):
        return bool(self.playout.synced)
