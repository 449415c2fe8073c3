"""A source's recent audio and its readers.

Delay is governed by *slack*: what a voice holds beyond what a reader takes, at the moment it takes it. Too little, and jitter runs the
reader dry; too much is delay that nobody wants back. The least slack over two seconds is what was never needed: it is trimmed, and a
slack that shrinks (a slower clock) is stretched, by one sample a frame (0.6 %, inaudible). So neither a burst nor a drifting clock
leaves a lasting delay. At 16 kHz that sample is a pair, so that a voice keeps its place among G.722's pairs: coded again a sample
off, it loses 0.2 to 0.3 of PESQ. Audio that came in the last 3 ms does not count as slack: with a little jitter it might not be there.
"""
from libc.stdint cimport int16_t, int32_t, int64_t, uint32_t
from libc.string cimport memcpy, memset

import numpy as np

from native.includes.atomics cimport add_relaxed

cdef enum:
    WINDOW_READS = 100          # two seconds of 20 ms frames
    TRIM_ABOVE_MS = 5           # of slack never used
    STRETCH_BELOW_US = 500      # left
    JUMP_ABOVE_MS = 120         # too much to trim away slowly
    STARVED_OUT_MS = 100        # without audio: the source has stopped
    JUST_IN_TIME_NS = 3000000


cdef void voice_open(Voice *self, int16_t *ring, int khz) noexcept nogil:
    memset(self, 0, sizeof(Voice))
    self.pcm = ring
    self.khz = khz
    self.mask = voice_samples(khz) - 1


cdef inline void put(Voice *self, int64_t position, const int16_t *pcm, int n) noexcept nogil:
    """n samples, no more than the ring holds."""
    cdef int at = <int>(position & self.mask)
    cdef int straight = min(n, self.mask + 1 - at)
    memcpy(self.pcm + at, pcm, straight * sizeof(int16_t))
    memcpy(self.pcm, pcm + straight, (n - straight) * sizeof(int16_t))


cdef inline void copy(const Voice *voice, int64_t position, int16_t *pcm, int n) noexcept nogil:
    """n samples, no more than the ring holds."""
    cdef int at = <int>(position & voice.mask)
    cdef int straight = min(n, voice.mask + 1 - at)
    memcpy(pcm, voice.pcm + at, straight * sizeof(int16_t))
    memcpy(pcm + straight, voice.pcm, (n - straight) * sizeof(int16_t))


cdef int voice_gap(const Voice *self, uint32_t timestamp, int clock_khz) noexcept nogil:
    cdef int64_t ticks = <int32_t>(timestamp - self.end_timestamp)
    return <int>(ticks if clock_khz == self.khz else ticks * self.khz // clock_khz)


cdef inline void begin(Voice *self) noexcept nogil:
    """Whatever the ring held before is nobody's here."""
    if self.end == 0:
        memset(self.pcm, 0, (self.mask + 1) * sizeof(int16_t))


cdef void voice_append(Voice *self, const int16_t *pcm, int n, int64_t now_ns) noexcept nogil:
    begin(self)
    self.end_before = self.end
    self.arrived_ns = now_ns
    put(self, self.end, pcm, n)
    self.end += n


cdef void voice_write(Voice *self, uint32_t timestamp, uint32_t ssrc, int clock_khz, const int16_t *pcm, int n,
                      int64_t now_ns) noexcept nogil:
    cdef int gap
    cdef int i
    if not self.started or ssrc != self.ssrc:
        self.started = True
        self.ssrc = ssrc
        self.end_timestamp = timestamp
    gap = voice_gap(self, timestamp, clock_khz)
    if voice_late(self, gap, n) and -gap <= self.end:
        if -gap <= self.mask + 1:
            put(self, self.end + gap, pcm, n if n < -gap else -gap)     # to its place, as far as it was left open
        return
    begin(self)
    self.end_before = self.end
    self.arrived_ns = now_ns
    if 0 < gap <= LONGEST_GAP_MS * self.khz:
        self.gap_at = self.end
        self.gap = gap
        for i in range(gap):
            self.pcm[(self.end + i) & self.mask] = 0
        self.end += gap
    put(self, self.end, pcm, n)
    self.end += n
    self.end_timestamp = timestamp + <uint32_t>(n * clock_khz // self.khz)


cdef void voice_hush(Voice *self, int n) noexcept nogil:
    cdef int64_t at
    for at in range(max(<int64_t>0, self.end - n), self.end):
        self.pcm[at & self.mask] = 0


cdef void voice_copy(const Voice *self, int64_t position, int16_t *pcm, int n) noexcept nogil:
    cdef int before = n, there = 0
    if self.pcm != NULL and position >= self.end - self.mask and position + n > 0:
        before = <int>max(0, -position)
        there = <int>max(0, min(<int64_t>n, self.end - position) - before)
        copy(self, position + before, pcm + before, there)
    memset(pcm, 0, before * sizeof(int16_t))
    memset(pcm + before + there, 0, (n - before - there) * sizeof(int16_t))


cdef void playout_open(Playout *self, const Voice *voice, int memory) noexcept nogil:
    playout_reset(self, voice)
    self.opened = self.cursor = voice.end + memory


cdef void playout_reset(Playout *self, const Voice *voice) noexcept nogil:
    self.synced = False
    self.cursor = max(voice.end, self.opened)
    self.fade_in = FADE_MS * voice.khz
    self.trim = 0
    self.window = 0


cdef void playout_follow(Playout *self, const Voice *voice) noexcept nogil:
    playout_reset(self, voice)
    self.synced = voice.end > 0
    self.starved = 0
    self.fade_in = 0


cdef inline void resample(const Voice *voice, int64_t position, int taken, int16_t *pcm, int n) noexcept nogil:
    """n samples from `taken` (n ± 1 or 2) by linear interpolation; the last stays a sample short of the next frame's first."""
    cdef int i, at, place
    cdef int before, after
    for i in range(n):
        place = i * taken
        at = place // n
        before = voice.pcm[(position + at) & voice.mask]
        after = voice.pcm[(position + at + (1 if at + 1 < taken else 0)) & voice.mask]
        pcm[i] = <int16_t>(before + (after - before) * (place - at * n) // n)


cdef void starve(Playout *self, const Voice *voice, int16_t *pcm, int have, int n) noexcept nogil:
    """Give what there is, then its mirror image faded out: no edge at the joint, nothing repeated for long."""
    cdef int i, at, fade = FADE_MS * voice.khz
    copy(voice, self.cursor, pcm, have)
    for i in range(have, n):
        at = i - have
        if self.starved == 0 and at < fade and voice.end - 1 - at >= self.opened:
            pcm[i] = <int16_t>(voice.pcm[(voice.end - 1 - at) & voice.mask] * (fade - at) // (fade + 1))
        else:
            pcm[i] = 0
    if self.starved == 0:
        add_relaxed(&self.underruns, 1)
    self.starved += n - have
    self.cursor = max(voice.end, self.cursor)
    self.fade_in = fade
    self.window = 0
    self.trim = 0
    if self.starved > STARVED_OUT_MS * voice.khz:
        self.synced = False


cdef void govern(Playout *self, int slack, int khz) noexcept nogil:
    """Find out over a window of reads how much slack is never used, and trim or stretch towards the guard."""
    if self.trim:
        return
    if self.window == 0 or slack < self.least:
        self.least = slack
    self.window += 1
    if self.window < WINDOW_READS:
        return
    self.window = 0
    if self.least > TRIM_ABOVE_MS * khz or self.least * 1000 < STRETCH_BELOW_US * khz:
        self.trim = (self.least - GUARD_MS * khz) * 8 // khz


cdef inline void fade_in(Playout *self, int16_t *pcm, int n, int fade) noexcept nogil:
    cdef int i = 0
    while self.fade_in > 0 and i < n:
        pcm[i] = <int16_t>(pcm[i] * (fade - self.fade_in) // fade)
        self.fade_in -= 1
        i += 1


cdef void playout_read(Playout *self, const Voice *voice, int16_t *pcm, int n, int64_t now_ns) noexcept nogil:
    cdef int64_t have = voice.end - self.cursor
    cdef int i, slack, spare, taken, guard = GUARD_MS * voice.khz, step = voice.khz // 8
    if not self.synced:
        if have < n or voice.pcm == NULL:
            for i in range(n):
                pcm[i] = 0
            return
        self.synced = True
        self.starved = 0
        self.window = 0
        if have > n + guard:
            self.cursor = voice.end - n - guard
        have = voice.end - self.cursor
    if self.starved and voice.gap and voice.gap_at == self.cursor:
        self.cursor += min(voice.gap, self.starved)         # that silence was given already
        have = voice.end - self.cursor
    if have < n:
        starve(self, voice, pcm, <int>max(0, have), n)
        return
    self.starved = 0
    if have - n > JUMP_ABOVE_MS * voice.khz:
        self.cursor = voice.end - n - guard
        have = n + guard
        self.fade_in = FADE_MS * voice.khz
        self.window = 0
        self.trim = 0
    slack = <int>have - n
    spare = slack
    if slack * 1000 > STRETCH_BELOW_US * voice.khz and now_ns - voice.arrived_ns < JUST_IN_TIME_NS:
        spare = <int>max(voice.end_before - self.cursor - n, STRETCH_BELOW_US * voice.khz // 1000)
    govern(self, spare, voice.khz)
    taken = n
    if self.trim > 0 and slack >= step:
        taken = n + step
        self.trim -= 1
    elif self.trim < 0:
        taken = n - step
        self.trim += 1
    if taken == n:
        copy(voice, self.cursor, pcm, n)
    else:
        resample(voice, self.cursor, taken, pcm, n)
    self.cursor += taken
    if self.fade_in:
        fade_in(self, pcm, n, FADE_MS * voice.khz)


cdef class PlayoutProbe:
    """One voice and one listener of it, for tests: what the media thread does with them, step by step. One Python thread."""

    cdef Voice voice
    cdef Playout playout
    cdef int16_t[::1] ring

    def __init__(self, int khz=8):
        self.ring = np.zeros(voice_samples(khz), dtype=np.int16)
        voice_open(&self.voice, &self.ring[0], khz)

    def write(self, timestamp, samples, now_ms=0.0, ssrc=1):
        """A packet of int16 samples, at most MOST_SAMPLES."""
        cdef const int16_t[::1] pcm = samples
        voice_write(&self.voice, <uint32_t>(timestamp & 0xFFFFFFFF), ssrc, self.voice.khz, &pcm[0], <int>pcm.shape[0],
                    <int64_t>(now_ms * 1000000))

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
