"""A source's recent audio (Voice), and one listener's place in it (Playout): a jitter buffer without a queue.

Each source is decoded once, into its own ring by RTP time. Each listener reads it with a cursor of its own, so no listener can starve,
flush or delay another, and a listener that stalls leaves nothing behind.
"""
from libc.stdint cimport int16_t, int32_t, int64_t, uint32_t

cdef enum:
    VOICE_MS = 256              # a reader is behind by at most a packet of 120 ms and 120 more
    STALE_MS = 512              # a packet later than this is none of before, but of numbers that began anew
    FADE_MS = 5                 # over which audio that breaks off is faded
    GUARD_MS = 2                # kept between a reader and the newest sample
    LONGEST_GAP_MS = 60         # longer is a pause (DTX, hold), not a loss

cdef struct Voice:
    int16_t *pcm                # a ring of VOICE_MS; NULL: this voice is not kept
    int mask                    # its size less one
    int khz                     # samples per millisecond: 8 or 16
    int64_t end                 # one beyond the newest sample, counted from the stream's begin [samples]
    uint32_t end_timestamp      # RTP timestamp that the next packet in order has
    uint32_t ssrc
    bint started
    int64_t arrived_ns          # when the newest packet came
    int64_t end_before          # `end` until then
    int64_t gap_at              # where the last loss was filled [samples, as `end`]
    int gap                     # and how much of it [samples]

cdef struct Playout:
    int64_t cursor              # next sample to read [samples of the voice]
    int64_t opened              # first sample that this listener may have: what came before was not meant for it [samples of the voice]
    bint synced                 # reading; else waiting for the source to bring a whole frame
    int starved                 # silence given since the voice ran out [samples]
    int fade_in                 # still to be faded in [samples]
    int least                   # least slack seen in this window [samples]
    int window                  # reads in this window so far
    int trim                    # samples to be left out (> 0) or stretched in (< 0), one a read
    int64_t underruns           # times that the voice ran out

# ring: voice_samples(khz) samples of memory.
cdef void voice_open(Voice *self, int16_t *ring, int khz) noexcept nogil
cdef inline int voice_samples(int khz) noexcept nogil:
    return VOICE_MS * khz
# Samples between the stream's end and this packet: 0 in order, negative late. clock_khz: RTP ticks per millisecond.
cdef int voice_gap(const Voice *self, uint32_t timestamp, int clock_khz) noexcept nogil
# Is a packet of n samples, with this gap, one that was to come earlier?
cdef inline bint voice_late(const Voice *self, int gap, int n) noexcept nogil:
    return gap < 0 and gap > n - STALE_MS * self.khz
# Add n samples of a packet. Gaps up to 60 ms become silence, longer ones and new streams are joined on; late packets go to their place.
cdef void voice_write(Voice *self, uint32_t timestamp, uint32_t ssrc, int clock_khz, const int16_t *pcm, int n, int64_t now_ns) noexcept nogil
# Add n samples at the end.
cdef void voice_append(Voice *self, const int16_t *pcm, int n, int64_t now_ns) noexcept nogil
# The last n samples are silence.
cdef void voice_hush(Voice *self, int n) noexcept nogil
# The n samples that begin at `position`; those that are not or no longer there are silence.
cdef void voice_copy(const Voice *self, int64_t position, int16_t *pcm, int n) noexcept nogil

# From now on this listener may hear: nothing that was said before will reach it, not even as an echo. memory: samples from now on in
# which what was said before still sounds (of a codec or resampler with memory).
cdef void playout_open(Playout *self, const Voice *voice, int memory) noexcept nogil
# Wait for fresh audio: forget what was not read.
cdef void playout_reset(Playout *self, const Voice *voice) noexcept nogil
# Go on from the newest sample, as a listener that has heard everything so far; what breaks off is faded, not cut.
cdef void playout_follow(Playout *self, const Voice *voice) noexcept nogil
# The next n samples as this listener hears them, n <= MOST_SAMPLES; silence where the source has none. Always writes n.
cdef void playout_read(Playout *self, const Voice *voice, int16_t *pcm, int n, int64_t now_ns) noexcept nogil
